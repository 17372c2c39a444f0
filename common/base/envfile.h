/*
 * envfile: lines KEY=value that a shell can source: configuration and credentials.
 *
 * Blank lines and lines that begin with '#' are skipped. A key is letters, digits and '_', not beginning with a
 * digit. A value is "quoted" (with \" \\ \$ \` escaped), 'quoted' (nothing escaped), or plain: up to the end of the
 * line or " #", without the spaces around it. Values have no NUL and no line breaks. Pure but for envfile_read; any
 * thread.
 */
#ifndef NEPHOS_BASE_ENVFILE_H
#define NEPHOS_BASE_ENVFILE_H

#include "common/base/buf.h"

#include <stdbool.h>

#define ENVFILE_BYTES_MAX (64u * 1024) /* a file of settings or credentials: more is some other file */

/* key and value are borrowed for the call. Other than 0 ends the parsing and is returned. */
typedef int (*envfile_pair_fn)(void *cookie, const char *key, const char *value, unsigned line);

/* -EINVAL: not such a file, at *ret_line (from 1; written only then; may be NULL). -EFBIG, -ENOMEM, or from on_pair. */
int envfile_parse(struct span text, void *cookie, envfile_pair_fn on_pair, unsigned *ret_line);
/* The same for a file; file_read says what secret means and what may fail. -EINVAL with *ret_line 0: no regular
 * file. */
int envfile_read(const char *path, bool secret, void *cookie, envfile_pair_fn on_pair, unsigned *ret_line);
/* Appends one line, quoted where that is needed. -EINVAL: a bad key, or a value with a line break. */
int envfile_append(struct buf *ret, const char *key, const char *value);

#endif
