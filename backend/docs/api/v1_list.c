#include "backend/docs/api/v1_list.h"

#include "backend/docs/request/streamed.h"
#include "backend/docs/request/reply.h"
#include "backend/docs/request/tagging.h"
#include "backend/docs/request/target.h"
#include "backend/docs/api/v1_doc.h"
#include "common/base/error.h"
#include "common/base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

/*
 * GET /api/v1/docs/: all documents of a user in one JSON array, with their texts, as the first version promised.
 * A drive may have a million documents, so the array is not made in memory as a whole: the answer is streamed
 * (streamed), and list_fill makes one piece after the other on a worker. Only for a request that asks for tags,
 * up to TAGGING_BYTES_MAX of the list are made first, as the head of the answer has to name everything that the
 * answer was made from.
 *
 * Two steps alternate. next_page reads LIST_PAGE children of the root, with the content of small files;
 * append_entry appends one document, for a larger file after reading its blocks. The end of a page is remembered
 * as a name (`after`), so that each page is one statement over an index.
 *
 * There is no transaction around all pages, since a slow client would hold it open for minutes. So a document
 * that is renamed meanwhile may appear twice or not at all, and a document that was removed or grew since its
 * page was read is left out. Each document in the list is one version of it. The answer names the position of the
 * first page: later pages may be newer, and a gateway that keeps the answer gets those changes from the journal
 * behind that position.
 */

#define LIST_PAGE 32 /* files read in one statement: their contents, where inline, are 1 MiB at most */

struct list_entry {
	struct item item;
	char name[NAME_BYTES_MAX + 1];
	struct buf text; /* inline content */
};

struct v1_list {
	struct docs *docs;
	struct call *call; /* set while tags are gathered, before the answer; else NULL */
	struct buf made;   /* the list made so far, sent as the first piece */
	struct docs_scope scope;
	struct buf after;
	struct docs_position at; /* position that the last page saw */
	struct list_entry page[LIST_PAGE];
	size_t count, next;
	bool last_page, begun;
	bool any; /* a document was appended: the next one needs a comma */
};

static void list_free(void *cookie)
{
	struct v1_list *l = cookie;

	if (!l)
		return;
	for (size_t i = 0; i < LIST_PAGE; i++)
		buf_fini(&l->page[i].text);
	buf_fini(&l->after);
	buf_fini(&l->made);
	free(l);
}

static int list_on_item(const struct item *item, void *cookie)
{
	struct v1_list *l = cookie;
	struct list_entry *entry = &l->page[l->count];
	struct target_copy copy = {.item = &entry->item, .name = entry->name};
	int r = 0;

	if (l->count == LIST_PAGE)
		return -ENOBUFS;
	/* A file that is no v1 document may become one; a folder never does. */
	if (l->call && S_ISREG(item->mode))
		tagging_add_child(l->call, item);
	buf_reset(&entry->text);
	(void)target_on_item(item, &copy);
	entry->item.has_inline = item->has_inline;
	if (item->has_inline)
		r = buf_append_span(&entry->text, item->inline_data);
	l->count++;
	return r;
}

static int next_page(struct v1_list *l, struct docs_store *store)
{
	struct docs_children what = {.folder = ITEM_ROOT(l->scope.drive),
		.after = buf_span(&l->after),
		.limit = LIST_PAGE,
		.with_inline = true};
	int r;

	l->count = l->next = 0;
	r = store->ops->children(store, &l->scope, &what, list_on_item, l, &l->at);
	if (r < 0)
		return r;
	l->last_page = l->count < LIST_PAGE;
	if (l->count == 0)
		return 0;
	buf_reset(&l->after);
	return buf_append_span(&l->after, l->page[l->count - 1].item.name);
}

static int append_dump(const char *data, size_t size, void *out)
{
	return buf_append(out, data, size);
}

static int append_doc(struct v1_list *l, const struct list_entry *entry, struct span text, struct buf *out)
{
	json_t *doc = v1_doc_json(entry->item.id, entry->item.name, text, l->scope.user);
	int r = doc ? 0 : -ENOMEM;

	if (r == 0 && l->any)
		r = buf_append_str(out, ",");
	if (r == 0)
		r = json_dump_callback(doc, append_dump, out, JSON_COMPACT) < 0 ? -ENOMEM : 0;
	json_decref(doc);
	l->any = l->any || r == 0;
	return r;
}

static int append_entry(struct v1_list *l, struct docs_store *store, struct list_entry *entry, struct buf *out)
{
	struct buf text;
	int r = 0;

	if (!v1_doc_may_be(&entry->item))
		return 0;
	if (entry->item.has_inline && entry->item.size == (int64_t)entry->text.size)
		return text_is_utf8(buf_span(&entry->text)) ? append_doc(l, entry, buf_span(&entry->text), out) : 0;
	buf_init(&text, V1_TEXT_MAX);
	r = v1_doc_text(l->docs, store, &l->scope, entry->item.id, &text);
	if (r == 0)
		r = append_doc(l, entry, buf_span(&text), out);
	buf_fini(&text);
	/* The next request may show this document, so an answer without it must not be kept. */
	if (r == -ERR_UNAVAILABLE && l->call)
		tagging_give_up(l->call);
	/* A document that was removed or grew since the page was read is not listed. */
	return r == -ERR_NOT_FOUND || r == -ERR_UNAVAILABLE ? 0 : r;
}

/* Appends until `out` has `enough` bytes; STREAMED_END: the list is complete. */
static int append_more(struct v1_list *l, struct docs_store *store, struct buf *out, size_t enough)
{
	int r = l->begun ? 0 : buf_append_str(out, "[");

	l->begun = true;
	while (r == 0 && out->size < enough) {
		if (l->next < l->count) {
			r = append_entry(l, store, &l->page[l->next++], out);
		} else if (l->last_page) {
			r = buf_append_str(out, "]");
			return r < 0 ? r : STREAMED_END;
		} else {
			r = next_page(l, store);
		}
	}
	return r == -EAGAIN ? -ERR_UNAVAILABLE : r;
}

static int list_fill(void *cookie, struct docs_store *store, struct buf *out)
{
	struct v1_list *l = cookie;
	int r = buf_append_span(out, buf_span(&l->made));

	buf_fini(&l->made);
	buf_init(&l->made, 0);
	return r < 0 ? r : append_more(l, store, out, STREAMED_PIECE_BYTES);
}

static const struct streamed_source list_source = {.fill = list_fill, .free = list_free};

static struct v1_list *list_new(struct call *call)
{
	struct v1_list *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->docs = call->docs;
	l->scope = call->scope;
	l->call = call->tags ? call : NULL;
	buf_init(&l->made, STREAMED_BYTES_MAX);
	buf_init(&l->after, NAME_BYTES_MAX);
	for (size_t i = 0; i < LIST_PAGE; i++)
		buf_init(&l->page[i].text, INLINE_BYTES_MAX);
	return l;
}

/* An error at the first page must become a problem, not a cut list. */
static int list_begin(struct v1_list *l, struct docs_store *store, struct docs_position *ret_at)
{
	int r;

	if (l->call)
		tagging_add(l->call, tag_of(TAG_LISTING, ITEM_ROOT(l->scope.drive)));
	r = next_page(l, store);
	*ret_at = l->at;
	if (r == 0 && l->call)
		r = append_more(l, store, &l->made, TAGGING_BYTES_MAX + 1);
	return r;
}

void v1_list_respond(struct call *call, struct docs_store *store)
{
	struct v1_list *l = list_new(call);
	struct streamed_answer answer = {.status = 200, .length = -1, .source = &list_source, .cookie = l};
	struct docs_position at;
	struct http_headers headers;
	int r = l ? list_begin(l, store, &at) : -ENOMEM;

	if (r < 0) {
		list_free(l);
		call_fail(call, r, NULL);
		return;
	}
	http_headers_init(&headers);
	(void)http_headers_add(&headers, "Content-Type", "application/json");
	reply_position(&headers, at);
	if (r == STREAMED_END) {
		tagging_say(call, &headers);
		http_respond(call->req, 200, &headers, buf_span(&l->made));
		list_free(l);
	} else {
		l->call = NULL;
		answer.headers = &headers;
		streamed_respond(call, store, &answer, NULL);
	}
	http_headers_fini(&headers);
}
