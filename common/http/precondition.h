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

/* The document that the conditions are checked against. etag: quoted, strong. */
struct precondition_target {
	bool exists;
	const char *etag;
	int64_t mtime_ns;
	int64_t now_ns; /* for If-Range with a date: two states within one second have the same date */
};

/* 0: go on. -ERR_PRECONDITION: 412. PRECONDITION_NOT_MODIFIED: 304, only for reads. -ERR_BAD_REQUEST: a malformed
 * list of etags. */
#define PRECONDITION_NOT_MODIFIED 1
int precondition_check(const struct precondition *p, const struct precondition_target *target, bool read);

/* The same for a change of something that has no etag and tells no time of its last change: If-Match holds only as
 * "*". If-None-Match is not judged, and dates are ignored (RFC 9110, 13.1.4). 0, -ERR_PRECONDITION or
 * -ERR_BAD_REQUEST. */
int precondition_check_bare(const char *if_match);
/* What is wrong with the lists of etags, for whoever sent them; a literal, or NULL: nothing is. precondition_check
 * refuses what has a fault, unless an earlier condition has decided. */
const char *precondition_fault(const struct precondition *p);

/* Whether the Range header applies: there is no If-Range, or If-Range names the current state of the document. A
 * date in If-Range must equal Last-Modified; a weak etag never matches. */
bool precondition_if_range(const char *if_range, const struct precondition_target *target);

/* Parses any of the three forms of HTTP dates into seconds. -EINVAL. */
int precondition_parse_date(const char *text, int64_t *ret_s);
#define PRECONDITION_DATE_SIZE 80		      /* the compiler can prove that every date fits */
void precondition_format_date(int64_t ns, char *ret); /* "Sun, 06 Nov 1994 08:49:37 GMT" */

#endif
