#include "fusefs/store/http/journal.h"

#include "common/base/limits.h"
#include "common/proto/batch_key.h"
#include "common/proto/item.h"

#include <errno.h>
#include <stdlib.h>

static enum op_kind kind_of(const char *name)
{
	for (int kind = 0; name && kind < OP_KINDS; kind++)
		if (strcmp(op_kind_name((enum op_kind)kind), name) == 0)
			return (enum op_kind)kind;
	/* An op that only a newer store has: treated as a change of everything about its document. */
	return OP_KINDS;
}

static int get_name(const json_t *object, const char *key, struct journal *j, struct span *ret)
{
	size_t from = j->names.size;
	int r = item_json_get_bytes(object, key, &j->names);

	if (r == -ENOENT)
		return 0;
	*ret = span_of(j->names.data + from, j->names.size - from);
	return r;
}

static int get_id(const json_t *object, const char *key, int64_t *ret)
{
	int r = item_json_get_id(object, key, ret);

	return r == -ENOENT ? 0 : r;
}

static void get_what(const json_t *object, struct store_change *ret)
{
	const json_t *list = json_object_get(object, "what");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *what = json_string_value(json_array_get(list, i));

		if (!what)
			continue;
		ret->content |= strcmp(what, "content") == 0 || strcmp(what, "size") == 0;
		ret->attributes |= strcmp(what, "attributes") == 0 || strcmp(what, "size") == 0;
		ret->xattrs |= strcmp(what, "xattrs") == 0;
	}
	switch (ret->op) {
	case OP_WRITE:
	case OP_CLONE:
		ret->content = ret->attributes = true;
		break;
	case OP_SETXATTR:
	case OP_REMOVEXATTR:
		ret->xattrs = ret->attributes = true;
		break;
	case OP_KINDS:
		ret->content = ret->attributes = ret->xattrs = true;
		break;
	default:
		ret->attributes = true;
	}
}

static int get_change(struct journal *j, const json_t *object, int64_t session, struct store_change *ret)
{
	const char *key = json_string_value(json_object_get(object, "key"));
	int r = item_json_get_id(object, "seq", &ret->seq);

	if (r == 0)
		r = item_json_get_id(object, "id", &ret->id);
	if (r == 0)
		r = get_id(object, "parent", &ret->parent);
	if (r == 0)
		r = get_id(object, "old_parent", &ret->old_parent);
	if (r == 0)
		r = get_id(object, "replaced", &ret->replaced);
	if (r == 0)
		r = get_name(object, "name", j, &ret->name);
	if (r == 0)
		r = get_name(object, "old_name", j, &ret->old_name);
	if (r < 0 || ret->name.size > NAME_BYTES_MAX || ret->old_name.size > NAME_BYTES_MAX)
		return -EPROTO;
	ret->op = kind_of(json_string_value(json_object_get(object, "op")));
	ret->own = key && batch_key_is_of(span_str(key), session);
	get_what(object, ret);
	return 0;
}

static int get_others(const json_t *root, struct store_changes *ret)
{
	const json_t *others = json_object_get(root, "others");

	if (!json_is_integer(others))
		return 0;
	if (json_integer_value(others) < 0 || json_integer_value(others) > INT32_MAX)
		return -EPROTO;
	ret->counted = true;
	ret->others = (unsigned)json_integer_value(others);
	return 0;
}

static int get_end(const json_t *root, struct store_changes *ret)
{
	int r = item_json_get_id(root, "last", &ret->last.seq);

	if (r == 0)
		r = item_json_get_id(root, "incarnation", &ret->last.incarnation);
	return r < 0 || ret->last.seq < 0 || ret->last.incarnation < 0 ? -EPROTO : get_others(root, ret);
}

int journal_parse(struct journal *j, struct span body, int64_t session, struct store_changes *ret)
{
	const json_t *list;
	int r;

	j->root = json_loadb(body.data ? body.data : "", body.size, 0, NULL);
	list = json_object_get(j->root, "changes");
	if (!json_is_array(list) || json_array_size(list) > CHANGES_PAGE_MAX)
		return -EPROTO;
	r = get_end(j->root, ret);
	if (r < 0)
		return r;
	j->count = json_array_size(list);
	j->list = calloc(j->count > 0 ? j->count : 1, sizeof(*j->list));
	if (!j->list || buf_reserve(&j->names, body.size) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < j->count; i++) {
		r = get_change(j, json_array_get(list, i), session, &j->list[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

void journal_init(struct journal *j)
{
	*j = (struct journal){0};
	buf_init(&j->names, JOURNAL_BYTES_MAX);
}

void journal_fini(struct journal *j)
{
	json_decref(j->root);
	buf_fini(&j->names);
	free(j->list);
}

/*
 * The journal has no gaps. If the answer has one, or is of another incarnation, nothing cached can be used. A page
 * may end before `last`: then ret->last becomes the end of the page.
 */
void journal_judge(const struct journal *j, struct store_position since, struct store_changes *ret)
{
	ret->reset = ret->last.incarnation != since.incarnation || since.seq < 0 || ret->last.seq < since.seq ||
		(int64_t)j->count > ret->last.seq - since.seq;
	for (size_t i = 0; i < j->count && !ret->reset; i++)
		ret->reset = j->list[i].seq != since.seq + (int64_t)i + 1;
	if (ret->reset)
		return;
	ret->list = j->list;
	ret->count = j->count;
	ret->more = ret->last.seq > since.seq + (int64_t)j->count;
	ret->last.seq = since.seq + (int64_t)j->count;
}
