#include "backend/docs/request/target.h"

#include "backend/docs/request/tagging.h"
#include "common/base/clock.h"
#include "common/base/error.h"

#include <errno.h>
#include <sys/stat.h>

/*
 * Most requests are about one document, which they name by its id or by its path, in the URL or in ?path=. This
 * module handles the three forms alike: target_init takes the name and the conditions from the request, on the
 * server's thread; target_find resolves the drive and looks the document up, on a worker; target_check compares
 * the conditions with what was found.
 *
 * A path that leads nowhere is no failure here, as a PUT makes the document: then `exists` is false, and `folder`
 * and `depth` say how far the path leads, so that the caller can tell which folders are to be made. An id that
 * does not exist is a failure, since no client can make a document with an id of its choice.
 *
 * Between the lookup and the change another request may change the document. So target_bind writes what was found
 * into the op: the rules refuse the op if the document has another version by then.
 */

static void target_fini(void *p)
{
	struct target *t = p;

	path_fini(&t->path);
}

/* Takes the path from the target, or from ?path= for clients that encode slashes there; both together are
 * refused. */
static int take_path(struct target *t, struct span rest, const char *query)
{
	const struct http_request *req = t->call->req;
	int r;

	if (rest.size > 0 && query)
		return http_request_blame(req, -ERR_BAD_PATH,
			"there is a path in the target and another one in ?path=: give one of them");
	r = query ? path_split_query(&t->path, query) : path_split(&t->path, rest);
	return r == -ERR_BAD_PATH ? call_blame_path(t->call) : r;
}

int target_init(struct target *t, struct call *call)
{
	struct http_request *req = call->req;
	int r;

	memset(t, 0, sizeof(*t));
	t->call = call;
	path_init(&t->path);
	r = call_keep(call, t, target_fini);
	if (r < 0)
		return r;
	t->conditions = (struct precondition){
		.if_match = http_request_header(req, "If-Match"),
		.if_none_match = http_request_header(req, "If-None-Match"),
		.if_modified_since = http_request_header(req, "If-Modified-Since"),
		.if_unmodified_since = http_request_header(req, "If-Unmodified-Since"),
	};
	t->by_path = http_request_param(req, "id").size == 0;
	return t->by_path ? take_path(t, http_request_param(req, "path"), http_request_query(req, "path")) : 0;
}

int target_on_item(const struct item *item, void *cookie)
{
	const struct target_copy *copy = cookie;

	*copy->item = *item;
	copy->item->target = copy->item->inline_data = copy->item->name = span_of(NULL, 0);
	copy->item->has_inline = false;
	if (copy->name && item->name.size <= NAME_BYTES_MAX) {
		memcpy(copy->name, item->name.data, item->name.size);
		copy->name[item->name.size] = '\0';
		copy->item->name = span_of(copy->name, item->name.size);
	}
	return 0;
}

/* Nothing exists at the path: finds how far the path leads. */
static int find_folder(struct target *t, struct docs_store *store)
{
	struct target_copy copy = {.item = &t->folder};
	struct docs_walk walk = {.names = t->path.names, .count = t->depth};
	struct docs_position at; /* not used: later than the position at which the path was not found */

	return store->ops->item_path(store, &t->call->scope, &walk, target_on_item, &copy, &at);
}

static int find_path(struct target *t, struct docs_store *store)
{
	struct target_copy copy = {.item = &t->item, .name = t->name};
	struct docs_walk walk = {.names = t->path.names, .count = t->path.count};
	int64_t folders[TAGGING_STEPS_MAX];
	int r;

	tagging_begin_walk(t->call, &walk, folders);
	r = store->ops->item_path(store, &t->call->scope, &walk, target_on_item, &copy, &t->at);
	t->exists = r == 0;
	/* Without a position, the drive itself was not found. */
	if ((r != 0 && r != -ERR_NOT_FOUND) || (r < 0 && t->at.incarnation == 0))
		return r;
	tagging_add_walk(t->call, &walk);
	t->depth = walk.depth;
	return r == 0 || t->call->tags ? 0 : find_folder(t, store);
}

int target_find(struct target *t, struct docs_store *store)
{
	struct target_copy copy = {.item = &t->item, .name = t->name};
	int64_t id = 0;
	int r = call_drive(t->call, store);

	t->exists = false;
	t->at = (struct docs_position){0};
	if (r == 0 && t->by_path)
		r = find_path(t, store);
	else if (r == 0) {
		r = call_id(t->call, "id", &id);
		if (r == 0)
			r = store->ops->item_get(store, &t->call->scope, id, target_on_item, &copy, &t->at);
		t->exists = r == 0;
	}
	if (r == 0 && t->exists) {
		tagging_add(t->call, tag_of(TAG_ATTRIBUTES, t->item.id));
		item_etag(&t->item, t->etag);
	}
	return r;
}

int target_check(const struct target *t, bool read)
{
	struct precondition_target target = {
		.exists = t->exists, .etag = t->etag, .mtime_ns = t->item.mtime, .now_ns = clock_real_ns()};

	int r = precondition_check(&t->conditions, &target, read);

	if (r == -ERR_BAD_REQUEST)
		(void)http_request_blame(t->call->req, r, precondition_fault(&t->conditions));
	return r;
}

bool target_is_conditional(const struct target *t)
{
	return t->conditions.if_match || t->conditions.if_none_match || t->conditions.if_unmodified_since;
}

void target_bind(const struct target *t, struct op *op)
{
	if (!target_is_conditional(t))
		return;
	op->fields |= OP_IF_MATCH | OP_HAS_ID;
	op->id = t->item.id;
	op->if_content_seq = t->item.content_seq;
}
