/*
 * cursor: where a page of names ended, as text that may stand in a query: base64url of the last name, without padding.
 * Pure, any thread.
 */
#ifndef NEPHOS_DOCS_CURSOR_H
#define NEPHOS_DOCS_CURSOR_H

#include "common/base/buf.h"
#include "common/base/limits.h"

#define CURSOR_BYTES_MAX (2 * NAME_BYTES_MAX) /* of the text; what a buf for it needs to hold */

/* Appended. -ENOMEM, -E2BIG. */
int cursor_make(struct span last_name, struct buf *ret);
/* The name is appended. -ERR_BAD_REQUEST: it is none that was made here. -ENOMEM. */
int cursor_parse(const char *text, struct buf *ret_name);

#endif
