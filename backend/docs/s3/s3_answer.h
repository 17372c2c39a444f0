/*
 * s3_answer: what a service of S3 says in XML, as far as it is looked at: listings and errors. A scanner for elements
 * that have no attributes and are not nested in themselves, which is all that these answers have. Pure, any bytes.
 * What is no listing is not the end of one, and a time that nobody can read is never old: blocks are removed by both.
 */
#ifndef NEPHOS_DOCS_S3_ANSWER_H
#define NEPHOS_DOCS_S3_ANSWER_H

#include "common/base/buf.h"

#include <stdint.h>

#define S3_CODE_SIZE 64 /* "NoSuchKey"; the longest that services have are half as long */

/* What stands in the first element of that name, as it stands there; false: there is none. */
bool s3_element(struct span xml, const char *name, struct span *ret);
/* Appends text with the five entities of XML taken back. -EINVAL: others. */
int s3_unescape(struct span text, struct buf *ret);

struct s3_item {
	struct span key;
	int64_t modified_s; /* INT64_MAX: not said, so it is never old */
	int64_t size;	    /* -1: not said */
};
/* The next object of a listing from *at on, which moves on; false: there is none. */
bool s3_list_next(struct span page, size_t *at, struct s3_item *ret);
/* Whether another page follows, and by which token (percent-encoded, appended). -EBADMSG: it says so and has none, or
 * it is no listing. */
int s3_list_more(struct span page, bool *ret_more, struct buf *ret_token);

/* The code of an error, "" when there is none. */
void s3_error_code(struct span body, char ret[S3_CODE_SIZE]);

#endif
