/*
 * v1_page: a long document of version 1 of the API in the form in which a gateway keeps it (common/proto/text_page.h):
 * where its text lies, and the JSON around the text. The gateway makes the document from this for all later readers,
 * byte for byte as it would have been sent here. Blocking; on workers.
 */
#ifndef NEPHOS_DOCS_V1_PAGE_H
#define NEPHOS_DOCS_V1_PAGE_H

#include "backend/docs/request/target.h"

/* Answers the call in that form. json: the document of the target as it would be sent. headers: those of the answer;
 * on success also those of the form. false: nothing was answered: nobody asked for the form, the document is short, or
 * it has changed meanwhile. */
bool v1_page_respond(const struct target *t, struct docs_store *store, struct http_headers *headers, struct span json);

#endif
