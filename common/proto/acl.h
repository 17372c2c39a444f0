/*
 * acl: POSIX access control lists (acl(5)) in the form of the two xattrs: a version, then entries of tag,
 * permissions and id, little-endian; and how they relate to mode bits. The form is the kernel's
 * (linux/posix_acl_xattr.h): the kernel passes the xattr through, and parses it when it checks permissions. Pure,
 * any thread.
 */
#ifndef NEPHOS_PROTO_ACL_H
#define NEPHOS_PROTO_ACL_H

#include "common/base/span.h"

#include <stdbool.h>
#include <stdint.h>

#define ACL_ACCESS "system.posix_acl_access"   /* who may do what with the document */
#define ACL_DEFAULT "system.posix_acl_default" /* of a folder: the ACL that new documents in it start with */

#define ACL_BYTES_MAX 4096u /* a page: the kernel reads no more when it checks permissions */
#define ACL_HEAD_BYTES 4u
#define ACL_ENTRY_BYTES 8u
#define ACL_ENTRIES_MAX ((ACL_BYTES_MAX - ACL_HEAD_BYTES) / ACL_ENTRY_BYTES)

struct acl_entry {
	uint16_t tag, permissions;
	uint32_t id; /* of a named user or group; in other entries all bits are set */
};

struct acl {
	size_t count;
	struct acl_entry entries[ACL_ENTRIES_MAX];
};

/* Which of the two ACLs the name means. false: neither. */
bool acl_is_name(struct span name, bool *ret_default);
/* -EOPNOTSUPP: another version. -EINVAL: malformed or not in order, or without exactly one entry each for owner,
 * group and others, or without a mask although users or groups are named. -E2BIG. An ACL without entries is valid:
 * it asks that there be no ACL. */
int acl_parse(struct span bytes, struct acl *ret);
/* Writes the ACL in the form that acl_parse reads; returns how many bytes that takes. */
size_t acl_print(const struct acl *acl, char ret[ACL_BYTES_MAX]);

/* Whether the ACL says no more than a mode does. */
bool acl_is_mode(const struct acl *acl);
/* The nine permission bits of the ACL: the group bits are those of its mask, if it has one. */
uint32_t acl_mode(const struct acl *acl);
/* chmod(2): sets the entries of owner, mask (or else group) and others to the bits of the mode. */
void acl_chmod(struct acl *acl, uint32_t mode);
/* Turns a default ACL into the access ACL of a document that is made with this mode: it grants only what both
 * grant. Returns the nine bits of the new ACL. */
uint32_t acl_inherit(struct acl *acl, uint32_t mode);

#endif
