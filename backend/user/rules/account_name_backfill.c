#include "backend/user/rules/account_name_backfill.h"

#include "backend/user/rules/account_name.h"

#include <errno.h>
#include <stdlib.h>

/*
 * The fold goes to whom it was the key of already, else to the oldest. Who comes too late for it keeps his name, and is
 * found by that. Nobody else has such a key: it begins with what is in no name.
 */
static int backfill_one(struct user_store *store, const struct user_account *a)
{
	struct account_name_keys keys;

	int r = account_name_keys(a->name, &keys);
	if (r == -ENOMEM)
		return r;
	if (r == 0)
		r = store->ops->account_set_name_key(store, a->id, keys.fold);
	/* What cannot be folded cannot be mistaken for another, either. */
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
