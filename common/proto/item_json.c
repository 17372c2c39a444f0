#include "common/proto/item.h"

#include "common/base/clock.h"
#include "common/base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

/*
 * An item as JSON, in both directions, and the kinds of values that other JSON of the protocol uses as well.
 *
 * Names and targets are bytes, and JSON is UTF-8. Bytes that are plain text stand under their key unchanged. Other
 * bytes stand there with the invalid bytes replaced, for people, and exactly under KEY_b64; a reader takes KEY_b64
 * if it is there. Ids are decimal strings, because many readers of JSON keep numbers as doubles. When an item is
 * read, its spans point into the object, or, for exact names, into storage of the caller that must not move.
 */

#define KEY_BYTES_MAX 32 /* long enough for our keys, as "old_name_b64" */

/* jansson accepts only UTF-8, and its parser no NUL in a string: bytes that are not plain text need base64. */
static bool bytes_are_text(struct span bytes)
{
	return text_is_utf8(bytes) && (bytes.size == 0 || !memchr(bytes.data, '\0', bytes.size));
}

static int set_string(json_t *object, const char *key, const struct buf *b)
{
	return json_object_set_new(object, key, json_stringn(b->data ? b->data : "", b->size)) < 0 ? -ENOMEM : 0;
}

int item_json_set_bytes(json_t *object, const char *key, struct span bytes)
{
	char key_b64[KEY_BYTES_MAX];
	struct buf b;
	int r;

	if (bytes_are_text(bytes)) {
		json_t *text = json_stringn_nocheck(bytes.size ? bytes.data : "", bytes.size);

		return json_object_set_new(object, key, text) < 0 ? -ENOMEM : 0;
	}
	buf_init(&b, 4 * bytes.size);
	r = text_utf8_lossy(bytes, &b);
	for (size_t i = 0; r == 0 && i < b.size; i++)
		if (b.data[i] == '\0')
			b.data[i] = '?';
	if (r == 0)
		r = set_string(object, key, &b);
	if (r < 0)
		goto out;
	buf_reset(&b);
	(void)snprintf(key_b64, sizeof(key_b64), "%s_b64", key);
	r = text_base64(bytes, &b);
	if (r == 0)
		r = set_string(object, key_b64, &b);
out:
	buf_fini(&b);
	return r;
}

static struct span json_span(const json_t *string)
{
	return span_of(json_string_value(string), json_string_length(string));
}

int item_json_get_bytes(const json_t *object, const char *key, struct buf *ret)
{
	char key_b64[KEY_BYTES_MAX];
	const json_t *value;

	(void)snprintf(key_b64, sizeof(key_b64), "%s_b64", key);
	value = json_object_get(object, key_b64);
	if (value)
		return json_is_string(value) ? text_unbase64(json_span(value), ret) : -EINVAL;
	value = json_object_get(object, key);
	if (!value)
		return -ENOENT;
	return json_is_string(value) ? buf_append_span(ret, json_span(value)) : -EINVAL;
}

int item_json_get_id(const json_t *object, const char *key, int64_t *ret)
{
	const json_t *value = json_object_get(object, key);

	if (!value)
		return -ENOENT;
	if (json_is_integer(value)) {
		*ret = json_integer_value(value);
		return 0;
	}
	return json_is_string(value) && text_parse_i64(json_span(value), ret) == 0 ? 0 : -EINVAL;
}

int item_json_set_id(json_t *object, const char *key, int64_t id)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRId64, id);
	return json_object_set_new(object, key, json_string_nocheck(text)) < 0 ? -ENOMEM : 0;
}

int item_json_get_time(const json_t *object, const char *key, int64_t *ret_ns)
{
	const json_t *value = json_object_get(object, key);

	if (!value)
		return -ENOENT;
	return json_is_string(value) && clock_parse(json_string_value(value), ret_ns) == 0 ? 0 : -EINVAL;
}

int item_json_set_time(json_t *object, const char *key, int64_t ns)
{
	char text[CLOCK_TEXT_SIZE];

	clock_format(ns, text);
	return json_object_set_new(object, key, json_string_nocheck(text)) < 0 ? -ENOMEM : 0;
}

static int set_integer(json_t *object, const char *key, int64_t value)
{
	return json_object_set_new(object, key, json_integer(value)) < 0 ? -ENOMEM : 0;
}

/* The bits of ITEM_PROTECTED by name, in the order in which they are written. */
static const struct {
	const char *name;
	uint32_t bit;
} protections[] = {{"append_only", ITEM_APPEND_ONLY}, {"immutable", ITEM_IMMUTABLE}};
#define PROTECTIONS (sizeof(protections) / sizeof(protections[0]))

json_t *item_protect_to_json(uint32_t mode)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < PROTECTIONS; i++) {
		if (!(mode & protections[i].bit))
			continue;
		if (json_array_append_new(list, json_string(protections[i].name)) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

int item_protect_from_json(const json_t *list, uint32_t *ret)
{
	uint32_t bits = 0;

	if (!json_is_array(list))
		return -EINVAL;
	for (size_t n = 0; n < json_array_size(list); n++) {
		const char *name = json_string_value(json_array_get(list, n));
		size_t i = 0;

		if (!name)
			return -EINVAL;
		while (i < PROTECTIONS && strcmp(protections[i].name, name) != 0)
			i++;
		if (i == PROTECTIONS)
			return -ENOENT;
		bits |= protections[i].bit;
	}
	*ret = bits;
	return 0;
}

/* Sets no more fields after the first failure. The order of the calls is the order of the fields in the text. */
static int set_all(json_t *o, const struct item *item)
{
	char etag[ITEM_ETAG_SIZE], rdev[32];
	bool device = S_ISCHR(item->mode) || S_ISBLK(item->mode);
	int r = 0;

	item_etag(item, etag);
	(void)snprintf(rdev, sizeof(rdev), "%" PRIu32 ":%" PRIu32, item->rdev_major, item->rdev_minor);
	r = r < 0 ? r : item_json_set_id(o, "id", item->id);
	r = r < 0 ? r : item_json_set_id(o, "drive", ITEM_DRIVE(item->id));
	r = r < 0 ? r : item_json_set_id(o, "parent", item->parent);
	r = r < 0 ? r : item_json_set_bytes(o, "name", item->name);
	r = r < 0 ? r : json_object_set_new(o, "type", json_string(item_type_name(item->mode))) < 0 ? -ENOMEM : 0;
	r = r < 0 ? r : set_integer(o, "size", item->size);
	r = r < 0 ? r : set_integer(o, "blocks", item->allocated);
	r = r < 0 ? r : set_integer(o, "mode", item->mode & 07777);
	r = r < 0 ? r : set_integer(o, "uid", item->uid);
	r = r < 0 ? r : set_integer(o, "gid", item->gid);
	r = r < 0 ? r : set_integer(o, "nlink", item->nlink);
	r = r < 0 ? r : item_json_set_time(o, "atime", item->atime);
	r = r < 0 ? r : item_json_set_time(o, "mtime", item->mtime);
	r = r < 0 ? r : item_json_set_time(o, "ctime", item->ctime);
	r = r < 0 ? r : item_json_set_time(o, "btime", item->btime);
	r = r < 0 ? r : json_object_set_new(o, "etag", json_string(etag)) < 0 ? -ENOMEM : 0;
	r = r < 0 ? r : item_json_set_id(o, "seq", item->seq);
	if (r == 0 && (item->mode & ITEM_PROTECTED))
		r = json_object_set_new(o, "protect", item_protect_to_json(item->mode)) < 0 ? -ENOMEM : 0;
	if (r == 0 && S_ISLNK(item->mode))
		r = item_json_set_bytes(o, "target", item->target);
	if (r == 0 && device)
		r = json_object_set_new(o, "rdev", json_string(rdev)) < 0 ? -ENOMEM : 0;
	return r;
}

json_t *item_to_json(const struct item *item)
{
	json_t *o = json_object();

	if (o && set_all(o, item) < 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

static int get_integer(const json_t *object, const char *key, int64_t max, int64_t *ret)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > max)
		return -EINVAL;
	*ret = json_integer_value(value);
	return 0;
}

static int get_u32(const json_t *object, const char *key, uint32_t *ret)
{
	int64_t value;
	int r = get_integer(object, key, UINT32_MAX, &value);

	if (r == 0)
		*ret = (uint32_t)value;
	return r;
}

/* A span into the object or, for the exact form, into storage. Storage must not move: bytes that do not fit are
 * refused. */
static int get_span(const json_t *object, const char *key, struct span *ret, struct buf *storage)
{
	char key_b64[KEY_BYTES_MAX];
	const json_t *exact, *plain;
	size_t at = storage->size;
	int r;

	(void)snprintf(key_b64, sizeof(key_b64), "%s_b64", key);
	exact = json_object_get(object, key_b64);
	if (!exact) {
		plain = json_object_get(object, key);
		if (!json_is_string(plain))
			return plain ? -EINVAL : -ENOENT;
		*ret = json_span(plain);
		return 0;
	}
	if (!json_is_string(exact) || at + json_string_length(exact) / 4 * 3 >= storage->capacity)
		return -EINVAL;
	r = text_unbase64(json_span(exact), storage);
	if (r < 0)
		return r;
	*ret = span_of(storage->data + at, storage->size - at);
	return 0;
}

static int get_rdev(const json_t *object, struct item *item)
{
	const json_t *value = json_object_get(object, "rdev");
	uint64_t major, minor;
	struct span text;
	const char *colon;

	if (!value)
		return 0;
	text = json_span(value);
	colon = json_is_string(value) ? memchr(text.data, ':', text.size) : NULL;
	if (!colon)
		return -EINVAL;
	if (text_parse_u64(span_of(text.data, (size_t)(colon - text.data)), UINT32_MAX, &major) < 0 ||
		text_parse_u64(span_str(colon + 1), UINT32_MAX, &minor) < 0)
		return -EINVAL;
	item->rdev_major = (uint32_t)major;
	item->rdev_minor = (uint32_t)minor;
	return 0;
}

static int get_numbers(const json_t *o, struct item *item)
{
	uint32_t type, protect = 0;
	int r = item_type_parse(json_string_value(json_object_get(o, "type")), &type);

	r = r < 0 ? r : item_json_get_id(o, "id", &item->id);
	r = r < 0 ? r : item_json_get_id(o, "parent", &item->parent);
	r = r < 0 ? r : item_json_get_id(o, "seq", &item->seq);
	r = r < 0 ? r : get_integer(o, "size", INT64_MAX, &item->size);
	r = r < 0 ? r : get_integer(o, "blocks", INT64_MAX, &item->allocated);
	r = r < 0 ? r : get_u32(o, "mode", &item->mode);
	r = r < 0 ? r : get_u32(o, "uid", &item->uid);
	r = r < 0 ? r : get_u32(o, "gid", &item->gid);
	r = r < 0 ? r : get_u32(o, "nlink", &item->nlink);
	r = r < 0 ? r : item_json_get_time(o, "atime", &item->atime);
	r = r < 0 ? r : item_json_get_time(o, "mtime", &item->mtime);
	r = r < 0 ? r : item_json_get_time(o, "ctime", &item->ctime);
	r = r < 0 ? r : item_json_get_time(o, "btime", &item->btime);
	r = r < 0 ? r : get_rdev(o, item);
	if (r == 0 && json_object_get(o, "protect"))
		r = item_protect_from_json(json_object_get(o, "protect"), &protect);
	if (r == 0)
		item->mode = (item->mode & 07777) | type | protect;
	return r < 0 ? -EINVAL : 0;
}

int item_from_json(const json_t *object, struct item *ret, struct buf *name_storage)
{
	struct item item = {0};
	int64_t etag_id;
	int r = get_numbers(object, &item);

	if (r == 0)
		r = get_span(object, "name", &item.name, name_storage);
	if (r == 0 && S_ISLNK(item.mode))
		r = get_span(object, "target", &item.target, name_storage);
	if (r == 0) {
		const json_t *etag = json_object_get(object, "etag");

		r = json_is_string(etag) ? item_etag_parse(json_span(etag), &etag_id, &item.content_seq) : -EINVAL;
	}
	if (r < 0)
		return r == -ENOMEM ? r : -EINVAL;
	*ret = item;
	return 0;
}
