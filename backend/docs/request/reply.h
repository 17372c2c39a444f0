/*
 * reply: answers of the docs service in the forms of PROTOCOL.md: positions, items and pages of items, as JSON or
 * in compact form. These functions answer the call; the caller must not use the call afterwards.
 *
 * Items are gathered while the store reads them, in the form that the client asks for (Accept). They are sent at
 * the end, with the position that the store saw. The store reads one item more than the limit. That item is not
 * sent: it shows that there is a next page, whose cursor is made from the last name sent. Each item is also added
 * to the tags of the answer (tagging.h). Contents of small files are included until there are
 * REPLY_INLINE_BYTES_SOFT of them.
 */
#ifndef NEPHOS_DOCS_REPLY_H
#define NEPHOS_DOCS_REPLY_H

#include "backend/docs/request/call.h"

#include <jansson.h>

#define REPLY_ITEMS_TYPE "application/vnd.nephos.items"
#define REPLY_EXTENTS_TYPE "application/vnd.nephos.extents"
/* One page: 10,000 compact items of 150 bytes; or items with small contents, which stop before this limit. */
#define REPLY_PAGE_BYTES_MAX (24u * 1024 * 1024)
#define REPLY_INLINE_BYTES_SOFT (2u * 1024 * 1024) /* contents in one page: further items come without theirs */

/* Add a header; the caller finis the list. */
void reply_position(struct http_headers *headers, struct docs_position at);  /* Nephos-Seq */
void reply_usage(struct http_headers *headers, int64_t used, int64_t quota); /* Nephos-Usage */

/* Answers with a JSON object. Takes the object (NULL: out of memory); headers may be NULL. */
void reply_json_take(struct call *call, int status, struct http_headers *headers, json_t *object);

/* The same with a problem (application/problem+json). */
void reply_problem_take(struct call *call, int status, struct http_headers *headers, json_t *problem);

/* Gathers the items of a read, in the form that the caller wants. */
struct reply_items {
	struct call *call;
	bool compact;
	bool with_inline;
	bool page;	/* a page of a folder; false: the answer is a single item */
	uint32_t limit; /* items to send; one more read means that there are more */
	uint32_t count;
	bool more;
	json_t *list;	      /* JSON */
	struct buf bytes;     /* compact */
	struct buf last_name; /* of the last item added */
};
/* {NAME: list, "next": a cursor behind the name `last`, or null if that is NULL}. A page that has a next one must
 * not look like the last page: NULL when there is no memory for all of it. */
json_t *reply_page(const char *name, json_t *list, const struct span *last);
void reply_items_init(struct reply_items *items, struct call *call);
void reply_items_fini(struct reply_items *items);
int reply_items_on_item(const struct item *found, void *cookie); /* a docs_on_item; cookie is the struct reply_items */
void reply_items_send(struct call *call, struct reply_items *items, struct docs_position at);

#endif
