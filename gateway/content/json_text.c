#include "gateway/content/json_text.h"

#include <errno.h>
#include <string.h>

void json_text_init(struct json_text *t, const struct text_page *page, json_text_source *source, void *cookie)
{
	t->page = *page;
	t->source = source;
	t->cookie = cookie;
	t->where = JSON_TEXT_BEFORE;
	t->left = page->before;
}

static size_t escape(const unsigned char *bytes, size_t size, char *ret)
{
	static const char SHORT[] = "btn\0fr"; /* of U+0008 to U+000D; U+000B has none */
	static const char HEX[] = "0123456789ABCDEF";
	char *at = ret;

	for (size_t i = 0; i < size; i++) {
		const unsigned char c = bytes[i];

		if (c >= 0x20 && c != '"' && c != '\\') {
			*at++ = (char)c;
			continue;
		}
		*at++ = '\\';
		if (c >= 0x20) {
			*at++ = (char)c;
		} else if (c >= '\b' && c <= '\r' && SHORT[c - '\b']) {
			*at++ = SHORT[c - '\b'];
		} else {
			*at++ = 'u';
			*at++ = '0';
			*at++ = '0';
			*at++ = HEX[c >> 4];
			*at++ = HEX[c & 15];
		}
	}
	return (size_t)(at - ret);
}

/* Finds what is sent next, where nothing is left. At the end of all, `left` stays empty. */
static int go_on(struct json_text *t)
{
	unsigned char bytes[JSON_TEXT_PIECE];
	size_t size = 0;

	if (t->where == JSON_TEXT_AFTER)
		return 0;
	t->where = JSON_TEXT_WITHIN;
	const int error = t->source(t->cookie, bytes, sizeof(bytes), &size);
	if (error < 0)
		return error;
	if (size > 0) {
		t->left = span_of(t->escaped, escape(bytes, size, t->escaped));
	} else {
		t->where = JSON_TEXT_AFTER;
		t->left = t->page.after;
	}
	return 0;
}

int json_text_pull(struct json_text *t, void *data, size_t size, size_t *ret_size)
{
	size_t got = 0;

	while (got < size) {
		const int error = t->left.size == 0 ? go_on(t) : 0;

		if (error == -EAGAIN && got > 0)
			break; /* the next call returns it */
		if (error < 0)
			return error;
		if (t->left.size == 0)
			break;
		const size_t more = t->left.size < size - got ? t->left.size : size - got;

		memcpy((char *)data + got, t->left.data, more);
		t->left = span_of(t->left.data + more, t->left.size - more);
		got += more;
	}
	*ret_size = got;
	return 0;
}
