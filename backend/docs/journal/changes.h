/* changes: pages of journal entries as JSON. One thread at a time uses a page. */
#ifndef NEPHOS_DOCS_CHANGES_H
#define NEPHOS_DOCS_CHANGES_H

#include "backend/docs/rows/docs_store.h"

#include <jansson.h>

#define CHANGES_HELD_MAX ((unsigned)SESSION_HOLDS_MAX)

struct changes_page {
	json_t *list;
	int64_t last;	 /* seq of the last entry; without entries: since */
	int64_t session; /* session of the mount that asks; 0: none; set it after changes_page_init */
	size_t own;	 /* number of entries that this session made itself */
};
void changes_page_init(struct changes_page *page, int64_t since);
void changes_page_fini(struct changes_page *page);
int changes_on_change(const struct tree_change *change, void *cookie); /* a docs_on_change; cookie is the page */
size_t changes_page_count(const struct changes_page *page);
/* {changes, last, incarnation}; NULL: no memory. */
json_t *changes_page_json_take(struct changes_page *page, struct docs_position at);

#endif
