/*
 * path: the names of a path in a request. Each segment is decoded once and checked. A path that could mean
 * another document than it seems to (empty segments, "." and "..", NUL, '/' in a name) is refused, never
 * repaired. Pure, any thread.
 */
#ifndef NEPHOS_DOCS_PATH_H
#define NEPHOS_DOCS_PATH_H

#include "common/base/buf.h"
#include "common/base/limits.h"

#include <stdint.h>

#define PATH_NAMES_MAX 1024u /* depth of folders: a statement over the path walks at most so many */

/* Embedded (init/fini); the names point into its own storage. */
struct path {
	struct span *names;
	size_t count;
	struct buf storage;
};

void path_init(struct path *p);
void path_fini(struct path *p);
/* Splits the raw rest of a target, without a slash before it: "a/b%20c". Empty: the root. -ERR_BAD_PATH;
 * -ENAMETOOLONG (a name, or the whole path); -ENOMEM. */
int path_split(struct path *p, struct span raw);
/* Splits text as it stands in JSON: nothing is decoded. "/a/b" and "a/b" are the same path, "/" is the root, and
 * an empty text is -ERR_BAD_PATH. Same failures otherwise. */
int path_split_text(struct path *p, struct span text);
/* Splits the value of ?path=, which was decoded as a whole, because clients encode slashes there; -ERR_BAD_PATH
 * for NULL (absent). */
int path_split_query(struct path *p, const char *value);
/* Checks one name, the value of ?name=, and appends it. -ERR_BAD_PATH, -ENAMETOOLONG. */
int path_take_name(struct span name, struct buf *ret);

/* Appends the names as "/a/b%20c". */
int path_encode(const struct span *names, size_t count, struct buf *ret);

#endif
