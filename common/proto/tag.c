/*
 * The text lists tags in the order in which they were added, with the drive's tag first. A parser accepts only what
 * the printer writes: numbers have no zeros in front, letters are lower case, one space stands between. So two
 * lists are the same when their texts are.
 *
 * Groups of kinds of ops decide what an entry touches, not a table: the ops that change a document all touch the
 * same tags, and those that change names differ only in how many names there are.
 */
#include "common/proto/tag.h"

#include "common/base/text.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <xxhash.h>

#define HASH_DIGITS 16u
#define LIFETIME_MAX 86400u /* in seconds: no answer is said to be good for longer */

static const char LETTERS[TAG_KINDS] = {
	[TAG_ATTRIBUTES] = 'a', [TAG_NAME] = 'n', [TAG_LISTING] = 'l', [TAG_CONTENT] = 'c', [TAG_XATTRS] = 'x'};

struct tag tag_drive(uint32_t drive)
{
	return (struct tag){.kind = TAG_DRIVE, .id = drive};
}

struct tag tag_of(enum tag_kind kind, int64_t id)
{
	assert(kind != TAG_NAME);
	return (struct tag){.kind = kind, .id = id};
}

struct tag tag_name(int64_t folder, struct span name)
{
	return (struct tag){.kind = TAG_NAME, .id = folder, .name = XXH64(name.data, name.size, (uint64_t)folder)};
}

bool tag_eq(const struct tag *a, const struct tag *b)
{
	return a->kind == b->kind && a->id == b->id && a->name == b->name;
}

uint64_t tag_key(const struct tag *tag)
{
	const uint64_t words[] = {(uint64_t)tag->id, tag->name};

	return XXH64(words, sizeof(words), (uint64_t)tag->kind);
}

/* ---- lists ---- */

void tag_list_init(struct tag_list *l, uint32_t drive)
{
	l->tags[0] = tag_drive(drive);
	l->count = 1;
	l->lifetime_s = 0;
	l->overfull = false;
}

void tag_list_add(struct tag_list *l, struct tag tag)
{
	assert(l->count > 0 && tag.kind != TAG_DRIVE && ITEM_DRIVE(tag.id) == l->tags[0].id);
	if (l->count == TAG_LIST_MAX)
		l->overfull = true;
	else
		l->tags[l->count++] = tag;
}

void tag_list_ends(struct tag_list *l, unsigned lifetime_s)
{
	assert(lifetime_s > 0 && lifetime_s <= LIFETIME_MAX);
	if (l->lifetime_s == 0 || lifetime_s < l->lifetime_s)
		l->lifetime_s = lifetime_s;
}

static size_t print_tag(const struct tag *tag, char *ret, size_t room)
{
	const uint32_t number = ITEM_NUMBER(tag->id);
	int size;

	if (tag->kind == TAG_NAME)
		size = snprintf(ret, room, " n%" PRIx32 ".%016" PRIx64, number, tag->name);
	else
		size = snprintf(ret, room, " %c%" PRIx32, LETTERS[tag->kind], number);
	return (size_t)size;
}

int tag_list_print(const struct tag_list *l, char ret[TAG_TEXT_SIZE])
{
	size_t size;

	assert(l->count > 0 && l->tags[0].kind == TAG_DRIVE);
	if (l->lifetime_s > 0)
		size = (size_t)snprintf(ret, TAG_TEXT_SIZE, "%" PRId64 "/%u", l->tags[0].id, l->lifetime_s);
	else
		size = (size_t)snprintf(ret, TAG_TEXT_SIZE, "%" PRId64, l->tags[0].id);
	for (size_t i = 1; i < l->count && size < TAG_TEXT_SIZE; i++)
		size += print_tag(&l->tags[i], ret + size, TAG_TEXT_SIZE - size);
	if (!l->overfull && size < TAG_TEXT_SIZE)
		return 0;
	ret[0] = '\0';
	return -E2BIG;
}

/* ---- parsing ---- */

/* Parses an unsigned number in hex, lower case; returns how many digits it has. */
static size_t take_hex(struct span text, uint64_t *ret)
{
	size_t n = 0;

	*ret = 0;
	for (; n < text.size && n < HASH_DIGITS; n++) {
		const char c = text.data[n];

		if (c >= '0' && c <= '9')
			*ret = *ret << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			*ret = *ret << 4 | (uint64_t)(c - 'a' + 10);
		else
			break;
	}
	return n;
}

/* Whether a number of so many digits is written as the printer writes it, without zeros in front. */
static bool has_no_zeros(struct span digits, size_t count)
{
	return count == 1 || (count > 1 && digits.data[0] != '0');
}

static int parse_tag(struct span word, uint32_t drive, struct tag *ret)
{
	const char *letter = word.size > 1 ? memchr(LETTERS + 1, word.data[0], sizeof(LETTERS) - 1) : NULL;
	uint64_t number, hash = 0;
	size_t digits;

	if (!letter)
		return -EBADMSG;
	word = span_of(word.data + 1, word.size - 1);
	digits = take_hex(word, &number);
	if (!has_no_zeros(word, digits) || number > UINT32_MAX)
		return -EBADMSG;
	word = span_of(word.data + digits, word.size - digits);
	ret->kind = (enum tag_kind)(letter - LETTERS);
	if (ret->kind == TAG_NAME) {
		if (word.size != 1 + HASH_DIGITS || word.data[0] != '.' ||
			take_hex(span_of(word.data + 1, HASH_DIGITS), &hash) != HASH_DIGITS)
			return -EBADMSG;
	} else if (word.size > 0) {
		return -EBADMSG;
	}
	ret->id = ITEM_ID(drive, number);
	ret->name = hash;
	return 0;
}

static int parse_number(struct span digits, uint64_t max, uint64_t *ret)
{
	return text_parse_u64(digits, max, ret) == 0 && digits.data[0] != '0' ? 0 : -EBADMSG;
}

/* DRIVE[/SECONDS] */
static int parse_head(struct span word, struct tag_list *ret)
{
	const char *slash = word.size > 0 ? memchr(word.data, '/', word.size) : NULL;
	const size_t before = slash ? (size_t)(slash - word.data) : word.size;
	uint64_t drive, seconds = 0;
	int r = parse_number(span_of(word.data, before), INT32_MAX, &drive);

	if (r == 0 && slash)
		r = parse_number(span_of(slash + 1, word.size - before - 1), LIFETIME_MAX, &seconds);
	if (r < 0)
		return r;
	tag_list_init(ret, (uint32_t)drive);
	ret->lifetime_s = (unsigned)seconds;
	return 0;
}

int tag_list_parse(struct span text, struct tag_list *ret)
{
	bool head = true;
	int r = text.size < TAG_TEXT_SIZE ? 0 : -EBADMSG;

	for (bool more = true; r == 0 && more; head = false) {
		const char *space = text.size > 0 ? memchr(text.data, ' ', text.size) : NULL;
		const size_t size = space ? (size_t)(space - text.data) : text.size;
		const struct span word = span_of(text.data, size);
		struct tag tag;

		if (head) {
			r = parse_head(word, ret);
		} else {
			r = ret->count < TAG_LIST_MAX ? parse_tag(word, (uint32_t)ret->tags[0].id, &tag) : -EBADMSG;
			if (r == 0)
				ret->tags[ret->count++] = tag;
		}
		more = space != NULL;
		if (more)
			text = span_of(space + 1, text.size - size - 1);
	}
	return r;
}

/* ---- journal entries ---- */

struct touches {
	struct tag *tags;
	size_t count;
};

static void touch(struct touches *t, struct tag tag)
{
	assert(t->count < TAG_TOUCHED_MAX);
	t->tags[t->count++] = tag;
}

/* A name in a folder was added, removed, or leads to another document now. */
static void touch_name(struct touches *t, int64_t folder, struct span name)
{
	if (folder == 0 || name.size == 0)
		return; /* made without a name */
	touch(t, tag_name(folder, name));
	touch(t, tag_of(TAG_LISTING, folder));
	touch(t, tag_of(TAG_ATTRIBUTES, folder));
}

/* A document that lost a name may be gone with everything that it had. A folder was empty, and an answer may have
 * said so. */
static void touch_gone(struct touches *t, int64_t id)
{
	touch(t, tag_of(TAG_ATTRIBUTES, id));
	touch(t, tag_of(TAG_CONTENT, id));
	touch(t, tag_of(TAG_XATTRS, id));
	touch(t, tag_of(TAG_LISTING, id));
}

static void touch_listing(struct touches *t, int64_t folder)
{
	if (folder != 0)
		touch(t, tag_of(TAG_LISTING, folder));
}

static void touch_document(struct touches *t, const struct tag_change *c)
{
	touch(t, tag_of(TAG_ATTRIBUTES, c->id));
	touch_listing(t, c->parent);
	if (c->content)
		touch(t, tag_of(TAG_CONTENT, c->id));
	if (c->xattrs)
		touch(t, tag_of(TAG_XATTRS, c->id));
}

static void touch_moved(struct touches *t, const struct tag_change *c)
{
	touch(t, tag_of(TAG_ATTRIBUTES, c->id));
	touch_name(t, c->old_parent, c->old_name);
	touch_name(t, c->parent, c->name);
	if (c->replaced != 0)
		touch_gone(t, c->replaced);
}

size_t tag_touched(const struct tag_change *change, struct tag ret[TAG_TOUCHED_MAX])
{
	struct touches t = {.tags = ret};

	switch (change->op) {
	case OP_CREATE:
	case OP_LINK:
		touch(&t, tag_of(TAG_ATTRIBUTES, change->id));
		touch_name(&t, change->parent, change->name);
		touch_listing(&t, change->old_parent);
		break;
	case OP_UNLINK:
	case OP_RMDIR:
		touch_name(&t, change->parent, change->name);
		touch_gone(&t, change->id);
		break;
	case OP_RENAME:
		touch_moved(&t, change);
		break;
	case OP_WRITE:
	case OP_SETATTR:
	case OP_SETXATTR:
	case OP_REMOVEXATTR:
	case OP_CLONE:
		touch_document(&t, change);
		break;
	case OP_KINDS:
		break;
	}
	return t.count;
}
