#include "backend/docs/request/cursor.h"

#include "common/base/error.h"
#include "common/base/text.h"

#include <errno.h>

int cursor_make(struct span last_name, struct buf *ret)
{
	int r = text_base64(last_name, ret);

	for (size_t i = 0; i < ret->size; i++)
		ret->data[i] = ret->data[i] == '+' ? '-' : ret->data[i] == '/' ? '_' : ret->data[i];
	while (ret->size > 0 && ret->data[ret->size - 1] == '=')
		ret->data[--ret->size] = '\0';
	return r;
}

int cursor_parse(const char *text, struct buf *ret_name)
{
	struct buf base64;
	int r;

	buf_init(&base64, CURSOR_BYTES_MAX);
	r = buf_append_str(&base64, text);
	for (size_t i = 0; r == 0 && i < base64.size; i++)
		base64.data[i] = base64.data[i] == '-' ? '+' : base64.data[i] == '_' ? '/' : base64.data[i];
	while (r == 0 && base64.size % 4)
		r = buf_append_str(&base64, "=");
	if (r == 0)
		r = text_unbase64(buf_span(&base64), ret_name);
	buf_fini(&base64);
	return r == -ENOMEM ? r : r < 0 ? -ERR_BAD_REQUEST : 0;
}
