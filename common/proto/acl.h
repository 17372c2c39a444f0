/*
 * acl: POSIX access control lists (acl(5)) as the two xattrs hold them: a version, then entries of tag, permissions and
 * id, little-endian; and what they have to do with mode bits. The form is the kernel's (linux/posix_acl_xattr.h): it
 * hands it through, and reads it back when it checks permissions. Pure, any thread.
 */
#ifndef NEPHOS_PROTO_ACL_H
#define NEPHOS_PROTO_ACL_H

#include "common/base/span.h"

#include <stdbool.h>
#include <stdint.h>

#define ACL_ACCESS "system.posix_acl_access"   /* who may what with the document */
#define ACL_DEFAULT "system.posix_acl_default" /* of a folder: what is made in it begins with this */

#define ACL_BYTES_MAX 4096u /* the kernel asks for no more when it checks permissions: a page */
#define ACL_HEAD_BYTES 4u
#define ACL_ENTRY_BYTES 8u
#define ACL_ENTRIES_MAX ((ACL_BYTES_MAX - ACL_HEAD_BYTES) / ACL_ENTRY_BYTES)

struct acl_entry {
	uint16_t tag, permissions;
	uint32_t id; /* of a named user or group; of others all bits set */
};

struct acl {
	size_t count;
	struct acl_entry entries[ACL_ENTRIES_MAX];
};

/* Which of the two a name means. False: none of them. */
bool acl_is_name(struct span name, bool *ret_default);
/* -EOPNOTSUPP: another version. -EINVAL: not of the form, or not in order, or without owner, group and others once
 * each, or without a mask where users or groups are named. -E2BIG. No entries at all are an ACL, too: it asks for none
 * to be there. */
int acl_parse(struct span bytes, struct acl *ret);
/* What was parsed; bytes that it needs. */
size_t acl_print(const struct acl *acl, char ret[ACL_BYTES_MAX]);

/* It says no more than a mode does. */
bool acl_is_mode(const struct acl *acl);
/* The nine permission bits that go with it: those of the group are its mask, where it has one. */
uint32_t acl_mode(const struct acl *acl);
/* chmod(2): its owner, mask (or else group) and others become those of the mode. */
void acl_chmod(struct acl *acl, uint32_t mode);
/* A default ACL becomes the access ACL of what is made with this mode: neither grants what the other does not. Returns
 * the nine bits of the new one. */
uint32_t acl_inherit(struct acl *acl, uint32_t mode);

#endif
