/*
 * accept: whether a client wants an answer in a special form, by its Accept field (RFC 9110, 12.5.1). Pure.
 */
#ifndef NEPHOS_HTTP_ACCEPT_H
#define NEPHOS_HTTP_ACCEPT_H

#include <stdbool.h>

/*
 * Whether the field names this media type ("type/subtype"), in any case and with any parameters, with a weight that
 * is neither 0 nor less than that of application/json, which is the form of an answer otherwise. Wildcards count for
 * JSON alone: they accept every form, but ask for none. accept: NULL when absent.
 */
bool accept_wants(const char *accept, const char *media);

#endif
