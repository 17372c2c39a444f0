/* v1_list: all v1 documents in the root of a drive as one JSON array, made page by page: it may be long, and is never
 * whole in memory. */
#ifndef NEPHOS_DOCS_V1_LIST_H
#define NEPHOS_DOCS_V1_LIST_H

#include "backend/docs/request/call.h"

/* On a worker; the drive is known. Answers. */
void v1_list_respond(struct call *call, struct docs_store *store);

#endif
