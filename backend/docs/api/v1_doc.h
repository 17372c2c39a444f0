/* v1_doc: a file as the first API shows it: {id, title, text, user_id}. A document there is a UTF-8 file of at most
 * V1_TEXT_MAX. Blocking; on workers. */
#ifndef NEPHOS_DOCS_V1_DOC_H
#define NEPHOS_DOCS_V1_DOC_H

#include "backend/docs/core/docs.h"

#include <jansson.h>

#define V1_TEXT_MAX (1024 * 1024)
#define V1_TRIES 16 /* to read a file that others are writing: a look takes less than a millisecond */

/* Whether it can be one, as far as attributes tell. */
bool v1_doc_may_be(const struct item *item);
/* Appends the text of that version. -ESTALE: it is another one by now. -ERR_NOT_FOUND: it is no v1 document. */
int v1_doc_read(struct docs *docs, struct docs_store *store, const struct docs_scope *scope, const struct item *item,
	struct buf *ret);
/* Appends the whole text. -ERR_NOT_FOUND: it is no v1 document (any more). */
int v1_doc_text(
	struct docs *docs, struct docs_store *store, const struct docs_scope *scope, int64_t id, struct buf *ret);
/* New reference or NULL. name: any bytes; text: UTF-8. */
json_t *v1_doc_json(int64_t id, struct span name, struct span text, int64_t owner);

#endif
