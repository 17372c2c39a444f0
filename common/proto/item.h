/*
 * item: one document as both ends know it, and its two forms on the wire (JSON and compact; PROTOCOL.md has the
 * bytes). Names, targets and inline content are spans that borrow from the bytes that the item was decoded from.
 * Pure, any thread.
 */
#ifndef NEPHOS_PROTO_ITEM_H
#define NEPHOS_PROTO_ITEM_H

#include "common/base/buf.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define ITEM_ETAG_SIZE 40 /* "\"ffffffffffffffff-ffffffffffffffff\"" and NUL */
#define ITEM_NO_INLINE UINT32_MAX
/* Flags in mode, above the bits of st_mode. */
#define ITEM_LINKABLE (1u << 18)    /* made without a name; may still get its first one */
#define ITEM_APPEND_ONLY (1u << 19) /* chattr +a */
#define ITEM_IMMUTABLE (1u << 20)   /* chattr +i */
#define ITEM_PROTECTED (ITEM_APPEND_ONLY | ITEM_IMMUTABLE)
#define ITEM_MODE_FLAGS (ITEM_PROTECTED | ITEM_LINKABLE)

/* The kind of a document is the type bits of its mode, which are those of st_mode. */
struct item {
	int64_t id;
	int64_t parent;
	int64_t size;
	int64_t allocated; /* bytes that count towards the quota */
	uint32_t mode;	   /* with type bits, and above them ITEM_MODE_FLAGS */
	uint32_t uid, gid;
	uint32_t nlink;
	int64_t atime, mtime, ctime, btime; /* ns since 1970 */
	int64_t seq;			    /* of the last change of any kind */
	int64_t content_seq;		    /* of the last change of content, or of the children of a folder */
	uint32_t rdev_major, rdev_minor;
	struct span name;
	struct span target;	 /* of a symlink */
	struct span inline_data; /* the whole content, if has_inline */
	bool has_inline;
	bool bare; /* true: it has no xattrs at all, so no ACLs either; false: it may have some */
};

#define ITEM_DRIVE(id) ((uint32_t)((uint64_t)(id) >> 32))
#define ITEM_NUMBER(id) ((uint32_t)((uint64_t)(id)&UINT32_MAX))
#define ITEM_ID(drive, number) ((int64_t)(((uint64_t)(drive) << 32) | (uint32_t)(number)))
#define ITEM_ROOT(drive) ITEM_ID(drive, 1)

const char *item_type_name(uint32_t mode);	      /* "file", "dir", "symlink", "fifo", "socket", "chr", "blk" */
int item_type_parse(const char *name, uint32_t *ret); /* S_IFREG …; -EINVAL */
/* The names of the bits of ITEM_PROTECTED that mode has, as a new list; NULL: no memory. And back: -EINVAL: not a
 * list of names; -ENOENT: an unknown name. */
json_t *item_protect_to_json(uint32_t mode);
int item_protect_from_json(const json_t *list, uint32_t *ret);
void item_etag(const struct item *item, char *ret); /* ITEM_ETAG_SIZE */
/* Parses what item_etag wrote. -EINVAL: anything else (weak, of another server, "*"): it matches no item. */
int item_etag_parse(struct span etag, int64_t *ret_id, int64_t *ret_content_seq);
/* A new reference, or NULL (no memory). */
json_t *item_to_json(const struct item *item);
/* The same as compact text, appended. -ENOMEM, -E2BIG. */
int item_append_json(struct buf *b, const struct item *item);
/* Spans point into object. -EINVAL. */
int item_from_json(const json_t *object, struct item *ret,
	/* name_b64 and target_b64 are decoded into name_storage, which must not grow afterwards: reserve 8 KiB */
	struct buf *name_storage);

/* Sets "key" to the text; if the bytes are not UTF-8 or have a NUL, also sets "key_b64" to the exact bytes. Reading
 * appends the bytes to ret; -ENOENT: neither key is there. */
int item_json_set_bytes(json_t *object, const char *key, struct span bytes);
int item_json_get_bytes(const json_t *object, const char *key, struct buf *ret);
/* Ids and seqs: decimal strings in v2; integers are accepted, too. -EINVAL; -ENOENT when absent. */
int item_json_get_id(const json_t *object, const char *key, int64_t *ret);
int item_json_set_id(json_t *object, const char *key, int64_t id);
int item_json_get_time(const json_t *object, const char *key, int64_t *ret_ns); /* -ENOENT, -EINVAL */
int item_json_set_time(json_t *object, const char *key, int64_t ns);

/* Compact pages. */
struct item_page {
	bool more;
	uint32_t count;
	int64_t incarnation, seq;
	struct span cursor;
};
int item_page_begin(
	struct buf *b, const struct item_page *page, size_t *ret_count_at); /* count is patched by item_page_end */
int item_page_add(struct buf *b, const struct item *item);
void item_page_end(struct buf *b, size_t count_at, uint32_t count, bool more);
/* Reading: item_page_read sets *ret_at to the place of the first item; item_page_next moves *at behind the item
 * that it reads. -EBADMSG: truncated or malformed. -ENOENT: no further item. */
int item_page_read(struct span bytes, struct item_page *ret, size_t *ret_at);
int item_page_next(struct span bytes, size_t *at, struct item *ret);

#endif
