/* v1_list: all v1 documents in the root of a drive as one JSON array, made page by page: the array may be long,
 * and is never in memory as a whole. */
#ifndef NEPHOS_DOCS_V1_LIST_H
#define NEPHOS_DOCS_V1_LIST_H

#include "backend/docs/request/call.h"

/* On a worker, with scope.drive set. Answers the call. */
void v1_list_respond(struct call *call, struct docs_store *store);

#endif
