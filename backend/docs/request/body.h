/* body: the JSON body of a request. */
#ifndef NEPHOS_DOCS_BODY_H
#define NEPHOS_DOCS_BODY_H

#include "backend/docs/request/call.h"

#include <jansson.h>

/* Parses a complete body; returns a new reference to the JSON object. -ERR_BAD_JSON: no valid JSON, or nested
 * deeper than JSON_DEPTH_MAX; -ERR_UNPROCESSABLE: JSON, but no object. */
int body_object(struct call *call, json_t **ret);

#endif
