/* pages: goes through a list that comes in pages {items, next}, one item at a time, so that a folder of a million
 * items takes no more memory than one page. */
#ifndef NEPHOS_CLI_PAGES_H
#define NEPHOS_CLI_PAGES_H

#include "cli/api.h"

/* on_item borrows the item; a result other than 0 ends the walk and is returned. path has no query yet.
 * ret_answer as of api_call: the answer to the last request. -EPROTO: an answer is not a page. */
int pages_each(struct api *api, const char *path, void *cookie, int (*on_item)(void *cookie, json_t *item),
	struct api_answer *ret_answer);

#endif
