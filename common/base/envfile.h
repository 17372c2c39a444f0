/*
 * envfile: lines KEY=value that a shell can source, used for configuration and credentials.
 *
 * Blank lines and lines that begin with '#' are skipped. A key consists of letters, digits and '_', and does not
 * begin with a digit. A value is "quoted" (with \" \\ \$ \` escaped), 'quoted' (nothing escaped), or plain: up to
 * the end of the line or " #", without the spaces around it. Values have no NUL and no line breaks. Pure except for
 * envfile_read; any thread.
 */
#ifndef NEPHOS_BASE_ENVFILE_H
#define NEPHOS_BASE_ENVFILE_H

#include "common/base/buf.h"

#include <stdbool.h>

#define ENVFILE_BYTES_MAX (64u * 1024) /* of a settings or credentials file; a larger file is a mistake */

/* key and value are borrowed for the call. A result other than 0 ends the parsing and is passed on. */
typedef int (*envfile_pair_fn)(void *cookie, const char *key, const char *value, unsigned line);

/* -EINVAL: a line is not of this form; *ret_line is its number, from 1 (written only then; may be NULL). -EFBIG,
 * -ENOMEM, or the result of on_pair. */
int envfile_parse(struct span text, void *cookie, envfile_pair_fn on_pair, unsigned *ret_line);
/* The same for a file; see file_read for secret and for its errors. -EINVAL with *ret_line 0: not a regular file. */
int envfile_read(const char *path, bool secret, void *cookie, envfile_pair_fn on_pair, unsigned *ret_line);
/* Appends one line, with quotes if the value needs them. -EINVAL: a bad key, or a value with a line break. */
int envfile_append(struct buf *ret, const char *key, const char *value);

#endif
