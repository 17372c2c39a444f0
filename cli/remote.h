/*
 * remote: paths in the store, as people type them and as a URL contains them. "/a/b", "a/b" and "a/./b/" are the
 * same; ".." is refused: only the store could say what it means. Pure, any thread.
 */
#ifndef NEPHOS_CLI_REMOTE_H
#define NEPHOS_CLI_REMOTE_H

#include "common/base/buf.h"

#include <stdbool.h>

#define REMOTE_URL_BYTES_MAX (8u * 1024) /* under HEADER_BYTES_MAX of the server, with room for the other fields */

#define REMOTE_HOME "/api/v2/docs/drives/home"
#define REMOTE_FILES REMOTE_HOME "/files"
#define REMOTE_ITEM REMOTE_HOME "/items?path="

/* Appends "/a/b%20c", or nothing for the root. -EINVAL: ".."; -ENAMETOOLONG: a name over 255 bytes; -E2BIG: the
 * whole URL is too long. */
int remote_encode(const char *path, struct buf *ret);
/* Whether the path can only be a folder: it is the root, or ends with a slash or a dot segment. */
bool remote_is_folder(const char *path);
/* The last name, borrowed; empty for the root, and for a path that ends with a dot segment. */
struct span remote_last(const char *path);

#endif
