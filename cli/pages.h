/* pages: lists that come in pages {items, next}: all of them, one item at a time, so that a folder of a million takes
 * no more memory than a page. */
#ifndef NEPHOS_CLI_PAGES_H
#define NEPHOS_CLI_PAGES_H

#include "cli/api.h"

/* on_item borrows the item; other than 0 ends it and is returned. path has no query yet. ret_answer as of api_call: the
 * last one's. -EPROTO: not a page. */
int pages_each(struct api *api, const char *path, void *cookie, int (*on_item)(void *cookie, json_t *item),
	struct api_answer *ret_answer);

#endif
