/* v1_doc: a file in the form of the first API: {id, title, text, user_id}. A v1 document is a UTF-8 file of at
 * most V1_TEXT_MAX. Blocking; on workers. */
#ifndef NEPHOS_DOCS_V1_DOC_H
#define NEPHOS_DOCS_V1_DOC_H

#include "backend/docs/core/docs.h"

#include <jansson.h>

#define V1_TEXT_MAX (1024 * 1024)
#define V1_TRIES 16 /* to read a file that is being written meanwhile: a lookup takes less than a millisecond */

/* Whether the item may be a v1 document, judged by its attributes alone. */
bool v1_doc_may_be(const struct item *item);
/* Appends the text of that version. -ESTALE: the file has another version by now. -ERR_NOT_FOUND: it is no v1
 * document. */
int v1_doc_read(struct docs *docs, struct docs_store *store, const struct docs_scope *scope, const struct item *item,
	struct buf *ret);
/* Appends the text of the current version. -ERR_NOT_FOUND: the file is no v1 document (any more).
 * -ERR_UNAVAILABLE: it was changed during each of V1_TRIES tries. */
int v1_doc_text(
	struct docs *docs, struct docs_store *store, const struct docs_scope *scope, int64_t id, struct buf *ret);
/* New reference or NULL. name: any bytes; text: UTF-8. */
json_t *v1_doc_json(int64_t id, struct span name, struct span text, int64_t owner);

#endif
