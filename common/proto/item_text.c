#include "common/proto/item.h"

#include "common/base/clock.h"
#include "common/base/text.h"

#include <errno.h>
#include <sys/stat.h>

/*
 * The answer to a batch holds two or three items for each op. As a tree of objects they cost more than all other
 * work of the service for those ops. So the text is written directly, byte for byte as the tree would give it.
 * Items with names that need escaping, or with rare fields, still go through the tree.
 */

#define FIELDS_BYTES_MAX 1024 /* names of all fields: 220; 17 values of at most 40 */
#define DIGITS_MAX 20	      /* of a number of 64 bits */

static char *put_literal(char *at, const char *text)
{
	return stpcpy(at, text);
}

static char *put_digits(char *at, uint64_t value, size_t least)
{
	char digits[DIGITS_MAX];
	size_t count = 0;

	do {
		digits[count++] = (char)('0' + value % 10);
		value /= 10;
	} while (value || count < least);
	while (count > 0)
		*at++ = digits[--count];
	return at;
}

static char *put_number(char *at, const char *before, int64_t value)
{
	at = put_literal(at, before);
	if (value < 0)
		*at++ = '-';
	return put_digits(at, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 1);
}

static char *put_time(char *at, const char *before, int64_t ns)
{
	const struct timespec t = clock_timespec(ns);

	at = put_number(at, before, t.tv_sec);
	*at++ = '.';
	return put_digits(at, (uint64_t)t.tv_nsec, 9);
}

/* Whether JSON shows the name unchanged. */
static bool is_plain(struct span name)
{
	for (size_t i = 0; i < name.size; i++)
		if ((unsigned char)name.data[i] < ' ' || name.data[i] == '"' || name.data[i] == '\\')
			return false;
	return text_is_utf8(name);
}

/* jansson only reports that something failed; the sink keeps the error. */
struct sink {
	struct buf *b;
	int error;
};

static int append_part(const char *data, size_t size, void *cookie)
{
	struct sink *sink = cookie;

	sink->error = buf_append(sink->b, data, size);
	return sink->error;
}

static int append_tree(struct buf *b, const struct item *item)
{
	json_t *object = item_to_json(item);
	const size_t before = b->size;
	struct sink sink = {.b = b};
	int r = object ? json_dump_callback(object, append_part, &sink, JSON_COMPACT) : -ENOMEM;

	json_decref(object);
	if (r == 0)
		return 0;
	b->size = before;
	if (b->data)
		b->data[before] = '\0';
	return sink.error < 0 ? sink.error : -ENOMEM;
}

static char *put_fields(char *at, const struct item *item)
{
	char etag[ITEM_ETAG_SIZE];

	item_etag(item, etag);
	at = put_literal(put_literal(at, "\",\"type\":\""), item_type_name(item->mode));
	at = put_number(at, "\",\"size\":", item->size);
	at = put_number(at, ",\"blocks\":", item->allocated);
	at = put_number(at, ",\"mode\":", item->mode & 07777);
	at = put_number(at, ",\"uid\":", item->uid);
	at = put_number(at, ",\"gid\":", item->gid);
	at = put_number(at, ",\"nlink\":", item->nlink);
	at = put_time(at, ",\"atime\":\"", item->atime);
	at = put_time(at, "\",\"mtime\":\"", item->mtime);
	at = put_time(at, "\",\"ctime\":\"", item->ctime);
	at = put_time(at, "\",\"btime\":\"", item->btime);
	/* The etag has a quote at each end and none inside. */
	at = put_literal(at, "\",\"etag\":\"\\\"");
	etag[strlen(etag) - 1] = '\0';
	at = put_literal(put_literal(at, etag + 1), "\\\"\"");
	return put_literal(put_number(at, ",\"seq\":\"", item->seq), "\"}");
}

int item_append_json(struct buf *b, const struct item *item)
{
	char *at;
	int r;

	if ((!S_ISREG(item->mode) && !S_ISDIR(item->mode)) || (item->mode & ITEM_PROTECTED) || !is_plain(item->name))
		return append_tree(b, item);
	r = buf_reserve(b, FIELDS_BYTES_MAX + item->name.size);
	if (r < 0)
		return r;
	at = b->data + b->size;
	at = put_number(at, "{\"id\":\"", item->id);
	at = put_number(at, "\",\"drive\":\"", ITEM_DRIVE(item->id));
	at = put_number(at, "\",\"parent\":\"", item->parent);
	at = put_literal(at, "\",\"name\":\"");
	if (item->name.size > 0)
		memcpy(at, item->name.data, item->name.size);
	at = put_fields(at + item->name.size, item);
	b->size = (size_t)(at - b->data);
	return 0;
}
