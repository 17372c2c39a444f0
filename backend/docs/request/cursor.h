/*
 * cursor: the position where a page of names ended, as text for a query parameter: base64url of the last name,
 * without padding. Pure, any thread.
 */
#ifndef NEPHOS_DOCS_CURSOR_H
#define NEPHOS_DOCS_CURSOR_H

#include "common/base/buf.h"
#include "common/base/limits.h"

#define CURSOR_BYTES_MAX (2 * NAME_BYTES_MAX) /* of the text; the capacity that a buf for it needs */

/* Appends the cursor to ret. -ENOMEM, -E2BIG. */
int cursor_make(struct span last_name, struct buf *ret);
/* Appends the name to ret_name. -ERR_BAD_REQUEST: not a cursor that cursor_make made. -ENOMEM. */
int cursor_parse(const char *text, struct buf *ret_name);

#endif
