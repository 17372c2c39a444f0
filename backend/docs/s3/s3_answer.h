/*
 * s3_answer: the parts of a service's XML answers that are used: listings and errors. It scans for elements that
 * have no attributes and are not nested in themselves, which is all that these answers have. Pure, any bytes. A
 * page that is no listing does not count as the end of one, and a time that cannot be parsed is never old,
 * because blocks are removed on the grounds of both.
 */
#ifndef NEPHOS_DOCS_S3_ANSWER_H
#define NEPHOS_DOCS_S3_ANSWER_H

#include "common/base/buf.h"

#include <stdint.h>

#define S3_CODE_SIZE 64 /* as "NoSuchKey"; the longest codes that services have are half as long */

/* The raw content of the first element of that name; false: there is none. */
bool s3_element(struct span xml, const char *name, struct span *ret);
/* Appends text with the five entities of XML replaced by their characters. -EINVAL: another entity. */
int s3_unescape(struct span text, struct buf *ret);

struct s3_item {
	struct span key;
	int64_t modified_s; /* INT64_MAX: missing, so the object is never old */
	int64_t size;	    /* -1: missing */
};
/* The next object of a listing behind *at, which is moved on; false: there is none. */
bool s3_list_next(struct span page, size_t *at, struct s3_item *ret);
/* Whether another page follows, and its token (percent-encoded, appended). -EBADMSG: another page follows but
 * has no token, or this is no listing. */
int s3_list_more(struct span page, bool *ret_more, struct buf *ret_token);

/* The code of an error; "" when there is none. */
void s3_error_code(struct span body, char ret[S3_CODE_SIZE]);

#endif
