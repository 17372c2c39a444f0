#include "common/base/envfile.h"

#include "common/base/file.h"

#include <errno.h>

#define KEY_FIRST "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
#define KEY_OTHERS KEY_FIRST "0123456789"
#define PLAIN_BYTES KEY_OTHERS "-.,:/@%+="
#define ESCAPED "\"\\$`"

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct span trim(struct span s)
{
	while (s.size > 0 && is_space(s.data[0]))
		s = span_of(s.data + 1, s.size - 1);
	while (s.size > 0 && is_space(s.data[s.size - 1]))
		s.size--;
	return s;
}

/* How many bytes at the beginning of s are in the set. */
static size_t run_of(struct span s, const char *set)
{
	size_t n = 0;

	while (n < s.size && s.data[n] != '\0' && strchr(set, s.data[n]))
		n++;
	return n;
}

static bool key_ok(struct span key)
{
	return run_of(span_of(key.data, key.size > 0), KEY_FIRST) == 1 && run_of(key, KEY_OTHERS) == key.size;
}

/* Only a comment may follow a closing quote. */
static bool rest_ok(struct span rest)
{
	struct span text = trim(rest);

	return text.size == 0 || (text.data[0] == '#' && is_space(rest.data[0]));
}

static int value_quoted(struct span s, struct buf *ret)
{
	const char quote = s.data[0];
	size_t i;

	for (i = 1; i < s.size && s.data[i] != quote; i++) {
		int r;

		if (quote == '"' && s.data[i] == '\\' && i + 1 < s.size && strchr(ESCAPED, s.data[i + 1]))
			i++;
		r = buf_append(ret, s.data + i, 1);
		if (r < 0)
			return r;
	}
	return i < s.size && rest_ok(span_of(s.data + i + 1, s.size - i - 1)) ? 0 : -EINVAL;
}

static int value_plain(struct span s, struct buf *ret)
{
	for (size_t i = 0; i < s.size; i++)
		if (s.data[i] == '#' && (i == 0 || is_space(s.data[i - 1])))
			s.size = i;
	s = trim(s);
	return buf_append(ret, s.data, s.size);
}

/* Splits one line that is not blank and writes "key NUL value NUL" to pair; the value begins at *ret_value. */
static int line_split(struct span line, struct buf *pair, size_t *ret_value)
{
	const char *equals = memchr(line.data, '=', line.size);
	struct span key, value;
	int r;

	if (!equals || memchr(line.data, '\0', line.size))
		return -EINVAL;
	key = span_of(line.data, (size_t)(equals - line.data));
	if (!key_ok(key))
		return -EINVAL;
	buf_reset(pair);
	r = buf_append_span(pair, key);
	if (r == 0)
		r = buf_append_u8(pair, 0);
	if (r < 0)
		return r;
	*ret_value = pair->size;
	value = span_of(equals + 1, line.size - key.size - 1);
	if (value.size > 0 && (value.data[0] == '"' || value.data[0] == '\''))
		return value_quoted(value, pair);
	return value_plain(value, pair);
}

int envfile_parse(struct span text, void *cookie, envfile_pair_fn on_pair, unsigned *ret_line)
{
	struct buf pair;
	unsigned number = 1;
	int r = 0;

	if (text.size > ENVFILE_BYTES_MAX)
		return -EFBIG;
	buf_init(&pair, ENVFILE_BYTES_MAX + 2);
	for (; text.size > 0 && r == 0; number++) {
		const char *end = memchr(text.data, '\n', text.size);
		size_t size = end ? (size_t)(end - text.data) : text.size;
		struct span line = trim(span_of(text.data, size));
		size_t value = 0;

		size += end != NULL;
		text = span_of(text.data + size, text.size - size);
		if (line.size == 0 || line.data[0] == '#')
			continue;
		r = line_split(line, &pair, &value);
		if (r == -EINVAL && ret_line)
			*ret_line = number;
		if (r == 0)
			r = on_pair(cookie, pair.data, pair.data + value, number);
	}
	if (pair.data)
		explicit_bzero(pair.data, pair.capacity);
	buf_fini(&pair);
	return r;
}

int envfile_read(const char *path, bool secret, void *cookie, envfile_pair_fn on_pair, unsigned *ret_line)
{
	struct buf text;
	unsigned line = 0;
	int r;

	buf_init(&text, ENVFILE_BYTES_MAX);
	r = file_read(path, ENVFILE_BYTES_MAX, secret, &text);
	if (r == 0)
		r = envfile_parse(buf_span(&text), cookie, on_pair, &line);
	if (r == -EINVAL && ret_line)
		*ret_line = line;
	if (text.data)
		explicit_bzero(text.data, text.capacity);
	buf_fini(&text);
	return r;
}

int envfile_append(struct buf *ret, const char *key, const char *value)
{
	struct span s = span_str(value);
	size_t start = ret->size;
	bool plain = s.size > 0 && run_of(s, PLAIN_BYTES) == s.size;
	int r;

	if (!key_ok(span_str(key)) || strpbrk(value, "\n\r"))
		return -EINVAL;
	r = buf_printf(ret, "%s=%s", key, plain ? value : "\"");
	for (size_t i = 0; !plain && i < s.size && r == 0; i++) {
		if (strchr(ESCAPED, s.data[i]))
			r = buf_append(ret, "\\", 1);
		if (r == 0)
			r = buf_append(ret, s.data + i, 1);
	}
	if (r == 0)
		r = buf_append_str(ret, plain ? "\n" : "\"\n");
	if (r < 0 && ret->data) {
		ret->size = start;
		ret->data[start] = '\0';
	}
	return r;
}
