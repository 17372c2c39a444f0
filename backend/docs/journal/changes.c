#include "backend/docs/journal/changes.h"

#include "common/proto/batch_key.h"

#include <errno.h>

void changes_page_init(struct changes_page *page, int64_t since)
{
	*page = (struct changes_page){.list = json_array(), .last = since};
}

void changes_page_fini(struct changes_page *page)
{
	json_decref(page->list);
	page->list = NULL;
}

static json_t *what_json(uint32_t what)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} names[] = {{TREE_CONTENT, "content"}, {TREE_SIZE, "size"}, {TREE_ATTRIBUTES, "attributes"},
		{TREE_XATTRS, "xattrs"}};
	json_t *list = json_array();

	for (size_t i = 0; list && i < sizeof(names) / sizeof(names[0]); i++)
		if (what & names[i].bit)
			(void)json_array_append_new(list, json_string(names[i].name));
	return list;
}

static int set_change(json_t *o, const struct tree_change *c)
{
	int r = item_json_set_id(o, "seq", c->seq);

	if (r == 0)
		r = json_object_set_new(o, "op", json_string(op_kind_name(c->op))) < 0 ? -ENOMEM : 0;
	if (r == 0)
		r = item_json_set_id(o, "id", c->id);
	if (r == 0)
		r = item_json_set_id(o, "parent", c->parent);
	if (r == 0)
		r = item_json_set_bytes(o, "name", c->name);
	if (r == 0 && c->old_parent)
		r = item_json_set_id(o, "old_parent", c->old_parent);
	if (r == 0 && c->op == OP_RENAME)
		r = item_json_set_bytes(o, "old_name", c->old_name);
	if (r == 0 && c->from >= 0) {
		(void)json_object_set_new(o, "from", json_integer(c->from));
		(void)json_object_set_new(o, "len", json_integer(c->len));
	}
	if (r == 0 && c->what)
		r = json_object_set_new(o, "what", what_json(c->what)) < 0 ? -ENOMEM : 0;
	if (r == 0 && c->replaced)
		r = item_json_set_id(o, "replaced", c->replaced);
	return r == 0 ? item_json_set_bytes(o, "key", c->key) : r;
}

int changes_on_change(const struct tree_change *change, void *cookie)
{
	struct changes_page *page = cookie;
	json_t *o = json_object();

	if (!o || set_change(o, change) < 0) {
		json_decref(o);
		return -ENOMEM;
	}
	page->last = change->seq;
	page->own += batch_key_is_of(change->key, page->session);
	return json_array_append_new(page->list, o) < 0 ? -ENOMEM : 0;
}

size_t changes_page_count(const struct changes_page *page)
{
	return json_array_size(page->list);
}

json_t *changes_page_json_take(struct changes_page *page, struct docs_position at)
{
	json_t *o = json_object();
	int r = o ? json_object_set(o, "changes", page->list) : -1;

	/* The seq of the last entry of the page, which is the next since. Without entries: the drive's position,
	 * so that a since ahead of it comes back to it. */
	if (r == 0)
		r = item_json_set_id(o, "last", changes_page_count(page) > 0 ? page->last : at.seq);
	if (r == 0)
		r = item_json_set_id(o, "incarnation", at.incarnation);
	if (r < 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}
