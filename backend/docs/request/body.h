/* body: the JSON body of a request. */
#ifndef NEPHOS_DOCS_BODY_H
#define NEPHOS_DOCS_BODY_H

#include "backend/docs/request/call.h"

#include <jansson.h>

/* A new reference to the object in a whole body. -ERR_BAD_JSON: no JSON, or deeper than JSON_DEPTH_MAX;
 * -ERR_UNPROCESSABLE: no object. */
int body_object(struct call *call, json_t **ret);

#endif
