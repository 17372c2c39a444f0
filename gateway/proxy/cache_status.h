/*
 * cache_status: parts of the field Cache-Status (RFC 9211), by which a gateway says where an answer came from. The
 * field is a list: each gateway that had a part in the answer adds its entry at the end, so the first entry is the
 * home's. An entry begins with the gateway's name, as a token or a string of RFC 8941. Pure.
 */
#ifndef NEPHOS_GATEWAY_PROXY_CACHE_STATUS_H
#define NEPHOS_GATEWAY_PROXY_CACHE_STATUS_H

#include <stdbool.h>

#define HEADER_CACHE_STATUS "Cache-Status"
#define CACHE_STATUS_SIZE 256	  /* an entry each of two gateways */
#define CACHE_STATUS_NAME_SIZE 66 /* of a gateway, of at most 63 bytes, with quotes and the NUL */

/* Writes a gateway's name as an entry has it. A name that begins with no letter is no token, and gets quotes. Only
 * characters that a string may have as they are come in names. */
void cache_status_name(const char *name, char ret[CACHE_STATUS_NAME_SIZE]);
/* Whether by its first entry the home has looked in its memory for the answer, or for the whole of it. */
bool cache_status_looked(const char *status);

#endif
