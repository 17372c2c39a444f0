#include "backend/user/rules/account_name_backfill.h"

#include "backend/user/rules/account_name.h"

#include <errno.h>
#include <stdlib.h>

/*
 * The account that has the fold as its key already keeps it, else the oldest account gets it. An account that
 * comes too late keeps its name, and is found by the exact name. No other account can have such a key: it begins
 * with a character that no name contains.
 */
static int backfill_one(struct user_store *store, const struct user_account *a)
{
	struct account_name_keys keys;

	int r = account_name_keys(a->name, &keys);
	if (r == -ENOMEM)
		return r;
	if (r == 0)
		r = store->ops->account_set_name_key(store, a->id, keys.fold);
	/* A name that cannot be folded cannot be mistaken for another, either. */
	if (r == -EEXIST || r == -EINVAL || r == -ENAMETOOLONG)
		r = store->ops->account_set_name_key(store, a->id, keys.exact);
	return r == -ENOENT ? 0 : r; /* deleted since */
}

int account_name_backfill(struct user_store *store)
{
	size_t count = BACKFILL_AT_ONCE;

	struct user_account *list = calloc(BACKFILL_AT_ONCE, sizeof(*list));
	int r = list ? 0 : -ENOMEM;
	while (r == 0 && count == BACKFILL_AT_ONCE) {
		r = store->ops->account_unfolded(store, BACKFILL_AT_ONCE, list, &count);
		for (size_t i = 0; r == 0 && i < count; i++)
			r = backfill_one(store, &list[i]);
	}
	free(list);
	return r;
}
