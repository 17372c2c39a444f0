/*
 * fields: which header fields may stand several times in a request, and what that means (RFC 9110, 5.3). Pure.
 *
 * A field that is a list is one list, however many lines it came in: they are joined. A field that has one value and
 * comes twice has none: one reader would take the first, the next one the last, so the request is refused. Fields that
 * are not known here stay as they came, line by line: nobody here reads them.
 */
#ifndef NEPHOS_HTTP_SERVER_FIELDS_H
#define NEPHOS_HTTP_SERVER_FIELDS_H

#include "common/base/span.h"

enum field_kind { FIELD_UNKNOWN, FIELD_LIST, FIELD_SINGLE };

/* Names compare without case. All of our own, Nephos-…, are single. */
enum field_kind field_kind(const char *name);
/* The value without the white space around it, which is none of it. */
struct span field_trim(struct span value);

#endif
