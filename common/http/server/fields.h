/*
 * fields: which header fields may occur several times in a request, and what that means (RFC 9110, 5.3). Pure.
 *
 * A field whose value is a list is one list, however many lines it came in: the lines are joined. A field with a
 * single value that comes twice has no clear value: one reader would take the first, the next one the last, so the
 * request is refused. Fields that are not in this module's table stay as they came, line by line: no code here
 * reads them.
 */
#ifndef NEPHOS_HTTP_SERVER_FIELDS_H
#define NEPHOS_HTTP_SERVER_FIELDS_H

#include "common/base/span.h"

#include <stdbool.h>

enum field_kind { FIELD_UNKNOWN, FIELD_LIST, FIELD_SINGLE };

/* Names compare without case. All of our own fields, Nephos-…, are single. */
enum field_kind field_kind(const char *name);
/* The value without the white space around it, which is not part of it. */
struct span field_trim(struct span value);
/* Whether a Content-Encoding, a list, names no coding: it is empty, or has nothing but "identity". */
bool field_is_identity(const char *value);

#endif
