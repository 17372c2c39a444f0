/*
 * path: names of a path as they come in a request. Each segment is decoded once, and checked: what could mean another
 * document than it seems to (empty segments, "." and "..", NUL, '/' in a name) is refused, never repaired. Pure, any
 * thread.
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
/* The raw rest of a target, without a slash before it: "a/b%20c". Empty: the root. -ERR_BAD_PATH; -ENAMETOOLONG (a
 * name, or the whole); -ENOMEM. */
int path_split(struct path *p, struct span raw);
/* Text as in JSON: nothing is decoded. It begins with a slash: "/a/b". Same failures. */
int path_split_text(struct path *p, struct span text);
/* The value of ?path=, decoded as a whole, because clients encode slashes there; NULL (absent) is no path. */
int path_split_query(struct path *p, const char *value);
/* One name: the value of ?name=. -ERR_BAD_PATH, -ENAMETOOLONG. */
int path_take_name(struct span name, struct buf *ret);

/* Appends "/a/b%20c" of these names. */
int path_encode(const struct span *names, size_t count, struct buf *ret);

#endif
