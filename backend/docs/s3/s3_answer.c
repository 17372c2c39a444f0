#include "backend/docs/s3/s3_answer.h"

#include "common/base/text.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define TAG_SIZE 48

static const char *find(struct span in, const char *text)
{
	return in.size > 0 ? memmem(in.data, in.size, text, strlen(text)) : NULL;
}

static struct span behind(struct span in, const char *from)
{
	return span_of(from, in.size - (size_t)(from - in.data));
}

bool s3_element(struct span xml, const char *name, struct span *ret)
{
	char open[TAG_SIZE], close[TAG_SIZE];

	snprintf(open, sizeof(open), "<%s>", name);
	snprintf(close, sizeof(close), "</%s>", name);
	const char *begin = find(xml, open);
	if (!begin)
		return false;
	const struct span rest = behind(xml, begin + strlen(open));
	const char *end = find(rest, close);
	if (!end)
		return false;
	*ret = span_of(rest.data, (size_t)(end - rest.data));
	return true;
}

int s3_unescape(struct span text, struct buf *ret)
{
	static const struct {
		const char *name;
		char meant;
	} entities[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};
	const size_t before = ret->size;
	int r = 0;

	while (r == 0 && text.size > 0) {
		size_t taken = 1;
		char meant = *text.data == '&' ? '\0' : *text.data;

		for (size_t i = 0; *text.data == '&' && i < sizeof(entities) / sizeof(*entities); i++) {
			const size_t size = strlen(entities[i].name);

			if (size <= text.size && memcmp(text.data, entities[i].name, size) == 0) {
				meant = entities[i].meant;
				taken = size;
			}
		}
		r = meant ? buf_append(ret, &meant, 1) : -EINVAL;
		text = span_of(text.data + taken, text.size - taken);
	}
	if (r < 0)
		ret->size = before;
	return r;
}

/* As "2026-11-28T06:51:11.000Z"; fractions of a second are ignored. */
static int64_t parse_time(struct span text)
{
	char copy[32];
	struct tm tm = {.tm_year = 0};

	if (text.size >= sizeof(copy))
		return INT64_MAX;
	memcpy(copy, text.data, text.size);
	copy[text.size] = '\0';
	const char *end = strptime(copy, "%Y-%m-%dT%H:%M:%S", &tm);
	return end && (*end == '.' || *end == 'Z') && copy[text.size - 1] == 'Z' ? (int64_t)timegm(&tm) : INT64_MAX;
}

bool s3_list_next(struct span page, size_t *at, struct s3_item *ret)
{
	struct span item, modified, size;

	while (s3_element(span_of(page.data + *at, page.size - *at), "Contents", &item)) {
		*at = (size_t)(item.data - page.data) + item.size;
		if (!s3_element(item, "Key", &ret->key))
			continue;
		ret->modified_s = s3_element(item, "LastModified", &modified) ? parse_time(modified) : INT64_MAX;
		if (!s3_element(item, "Size", &size) || text_parse_i64(size, &ret->size) < 0 || ret->size < 0)
			ret->size = -1;
		return true;
	}
	return false;
}

int s3_list_more(struct span page, bool *ret_more, struct buf *ret_token)
{
	struct span truncated, token;
	struct buf plain;

	if (!find(page, "<ListBucketResult") || !s3_element(page, "IsTruncated", &truncated))
		return -EBADMSG;
	*ret_more = span_eq_str(truncated, "true");
	if (!*ret_more)
		return 0;
	if (!s3_element(page, "NextContinuationToken", &token) || token.size == 0)
		return -EBADMSG;
	buf_init(&plain, token.size);
	int r = s3_unescape(token, &plain);
	if (r == 0)
		r = text_url_encode(buf_span(&plain), ret_token);
	buf_fini(&plain);
	return r == -EINVAL || r == -E2BIG ? -EBADMSG : r;
}

void s3_error_code(struct span body, char ret[S3_CODE_SIZE])
{
	struct span code;

	ret[0] = '\0';
	if (!s3_element(body, "Code", &code) || code.size >= S3_CODE_SIZE)
		return;
	for (size_t i = 0; i < code.size; i++)
		if (!(code.data[i] >= 'A' && code.data[i] <= 'Z') && !(code.data[i] >= 'a' && code.data[i] <= 'z'))
			return;
	memcpy(ret, code.data, code.size);
	ret[code.size] = '\0';
}
