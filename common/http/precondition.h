/*
 * precondition: If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since and If-Range (RFC 9110, 13) against a
 * document. Pure.
 */
#ifndef NEPHOS_HTTP_PRECONDITION_H
#define NEPHOS_HTTP_PRECONDITION_H

#include <stdbool.h>
#include <stdint.h>

/* Values of the header fields; NULL: not sent. */
struct precondition {
	const char *if_match, *if_none_match, *if_modified_since, *if_unmodified_since;
};

/* What the conditions are about. etag: quoted, strong. */
struct precondition_target {
	bool exists;
	const char *etag;
	int64_t mtime_ns;
	int64_t now_ns; /* for If-Range with a date: within its second two states look alike */
};

/* 0: go on. -ERR_PRECONDITION: 412. PRECONDITION_NOT_MODIFIED: 304, only for reads. -ERR_BAD_REQUEST: a list of etags
 * that is none. */
#define PRECONDITION_NOT_MODIFIED 1
int precondition_check(const struct precondition *p, const struct precondition_target *target, bool read);

/* Whether Range holds: no If-Range, or one that names this very state. A date must equal Last-Modified; a weak etag
 * never does. */
bool precondition_if_range(const char *if_range, const struct precondition_target *target);

/* The three forms of HTTP dates, to seconds. -EINVAL. */
int precondition_parse_date(const char *text, int64_t *ret_s);
#define PRECONDITION_DATE_SIZE 80		      /* what the compiler can prove */
void precondition_format_date(int64_t ns, char *ret); /* "Sun, 06 Nov 1994 08:49:37 GMT" */

#endif
