#include "common/proto/acl.h"

#include <errno.h>

/* The kernel's numbers. Entries must come in the order of these numbers. */
enum tag {
	TAG_OWNER = 0x01,
	TAG_USER = 0x02,
	TAG_OWNING_GROUP = 0x04,
	TAG_GROUP = 0x08,
	TAG_MASK = 0x10,
	TAG_OTHERS = 0x20,
};

#define VERSION 2u
#define NO_ID UINT32_MAX
#define TAGS_NAMED (TAG_USER | TAG_GROUP)
#define TAGS_NEEDED (TAG_OWNER | TAG_OWNING_GROUP | TAG_OTHERS)
#define BITS 7u

bool acl_is_name(struct span name, bool *ret_default)
{
	*ret_default = span_eq_str(name, ACL_DEFAULT);
	return *ret_default || span_eq_str(name, ACL_ACCESS);
}

static uint32_t take(const char *at, size_t size)
{
	uint32_t value = 0;

	for (size_t i = size; i > 0; i--)
		value = value << 8 | (unsigned char)at[i - 1];
	return value;
}

static char *put(char *at, uint32_t value, size_t size)
{
	for (size_t i = 0; i < size; i++, value >>= 8)
		*at++ = (char)(value & 0xff);
	return at;
}

static bool is_tag(uint16_t tag)
{
	return tag != 0 && (tag & (tag - 1)) == 0 && tag <= TAG_OTHERS;
}

/* -EINVAL: not a valid entry at this place. seen: the tags of the entries before it. */
static int check_entry(const struct acl_entry *entry, uint32_t seen)
{
	if (!is_tag(entry->tag) || entry->permissions > BITS)
		return -EINVAL;
	/* No entry with a higher tag may come before it, and only entries of named users and groups may repeat a
	 * tag. */
	if (seen >= (uint32_t)entry->tag << 1 || ((seen & entry->tag) && !(entry->tag & TAGS_NAMED)))
		return -EINVAL;
	return (entry->tag & TAGS_NAMED) && entry->id == NO_ID ? -EINVAL : 0;
}

static int parse_entries(const char *at, struct acl *acl)
{
	uint32_t seen = 0;
	int r;

	for (size_t i = 0; i < acl->count; i++, at += ACL_ENTRY_BYTES) {
		struct acl_entry *entry = &acl->entries[i];

		*entry = (struct acl_entry){(uint16_t)take(at, 2), (uint16_t)take(at + 2, 2), take(at + 4, 4)};
		r = check_entry(entry, seen);
		if (r < 0)
			return r;
		if (!(entry->tag & TAGS_NAMED))
			entry->id = NO_ID;
		seen |= entry->tag;
	}
	if (acl->count > 0 && (seen & TAGS_NEEDED) != TAGS_NEEDED)
		return -EINVAL;
	return (seen & TAGS_NAMED) && !(seen & TAG_MASK) ? -EINVAL : 0;
}

int acl_parse(struct span bytes, struct acl *ret)
{
	if (bytes.size > ACL_BYTES_MAX)
		return -E2BIG;
	ret->count = 0;
	if (bytes.size == 0)
		return 0;
	if (bytes.size < ACL_HEAD_BYTES || (bytes.size - ACL_HEAD_BYTES) % ACL_ENTRY_BYTES != 0)
		return -EINVAL;
	if (take(bytes.data, ACL_HEAD_BYTES) != VERSION)
		return -EOPNOTSUPP;
	ret->count = (bytes.size - ACL_HEAD_BYTES) / ACL_ENTRY_BYTES;
	return parse_entries(bytes.data + ACL_HEAD_BYTES, ret);
}

size_t acl_print(const struct acl *acl, char ret[ACL_BYTES_MAX])
{
	char *at = put(ret, VERSION, ACL_HEAD_BYTES);

	for (size_t i = 0; i < acl->count; i++) {
		at = put(at, acl->entries[i].tag, 2);
		at = put(at, acl->entries[i].permissions, 2);
		at = put(at, acl->entries[i].id, 4);
	}
	return (size_t)(at - ret);
}

static const struct acl_entry *find(const struct acl *acl, enum tag tag)
{
	for (size_t i = 0; i < acl->count; i++)
		if (acl->entries[i].tag == tag)
			return &acl->entries[i];
	return NULL;
}

/* The entry whose permissions are the group bits of the mode. */
static enum tag group_tag(const struct acl *acl)
{
	return find(acl, TAG_MASK) ? TAG_MASK : TAG_OWNING_GROUP;
}

static uint32_t bits_of(const struct acl *acl, enum tag tag)
{
	const struct acl_entry *entry = find(acl, tag);

	return entry ? entry->permissions : 0;
}

/* Changes the three entries that a mode shows: permissions = permissions & keep | add. */
static void change(struct acl *acl, uint32_t keep, uint32_t add)
{
	const enum tag tags[] = {TAG_OTHERS, group_tag(acl), TAG_OWNER};

	for (size_t i = 0; i < acl->count; i++)
		for (unsigned n = 0; n < 3; n++)
			if (acl->entries[i].tag == tags[n])
				acl->entries[i].permissions =
					(uint16_t)((acl->entries[i].permissions & keep >> 3 * n & BITS) |
						(add >> 3 * n & BITS));
}

bool acl_is_mode(const struct acl *acl)
{
	return acl->count > 0 && !find(acl, TAG_MASK) && !find(acl, TAG_USER) && !find(acl, TAG_GROUP);
}

uint32_t acl_mode(const struct acl *acl)
{
	return bits_of(acl, TAG_OWNER) << 6 | bits_of(acl, group_tag(acl)) << 3 | bits_of(acl, TAG_OTHERS);
}

void acl_chmod(struct acl *acl, uint32_t mode)
{
	change(acl, 0, mode & 0777);
}

uint32_t acl_inherit(struct acl *acl, uint32_t mode)
{
	change(acl, mode & 0777, 0);
	return acl_mode(acl);
}
