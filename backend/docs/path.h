/*
 * path: names of a path as they come in a request. Each segment is decoded once, and checked: what could mean another document than it seems to (empty
 * segments, "." and "..", NUL, '/' in a name) is refused, never repaired. Pure, any thread.
 */
#ifndef NEPHOS_DOCS_PATH_H
#define NEPHOS_DOCS_PATH_H

#include "common/base/buf.h"
#include "common/base/limits.h"

#include <stdint.h>

#define PATH_NAMES_MAX 1024u /* folders above one another: what a statement over the path is asked to walk */

/* Embedded (init/fini); the names point into its own storage. */
struct path {
	struct span *names;
	size_t count;
	struct buf storage;
};

void path_init(struct path *p);
void path_fini(struct path *p);
/* The raw rest of a target, without a slash before it: "a/b%20c". Empty: the root. -ERR_BAD_PATH; -ENAMETOOLONG (a name, or the whole); -ENOMEM. */
int path_split(struct path *p, struct span raw);
/* A raw value of a query: decoded first, then split at '/', because clients encode slashes there. It begins with one: "/a/b". Same failures. */
int path_split_query(struct path *p, struct span raw);

/* Text as in JSON: nothing is decoded. */
int path_split_text(struct path *p, struct span text);

/* The raw value of a parameter of the query in a raw target; false when it is not there. Raw, so that an encoded NUL is seen. */
bool path_query_raw(const char *target, const char *name, struct span *ret);
/* One decoded name: the value of ?name=. -ERR_BAD_PATH, -ENAMETOOLONG. */
int path_decode_name(struct span raw, struct buf *ret);

/* Appends "/a/b%20c" of these names. */
int path_encode(const struct span *names, size_t count, struct buf *ret);

#endif
