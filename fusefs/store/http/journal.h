/*
 * journal: what the answer to a poll says (PROTOCOL.md, "Journal"), from any bytes: they come from whoever answers at
 * the address of a gateway. Pure.
 */
#ifndef NEPHOS_FUSEFS_JOURNAL_H
#define NEPHOS_FUSEFS_JOURNAL_H

#include "fusefs/store/store.h"

#include <jansson.h>

#define JOURNAL_BYTES_MAX (4u * 1024 * 1024) /* CHANGES_PAGE_MAX entries with two names of 255 bytes, escaped */

/* What a decoded answer stands on. */
struct journal {
	json_t *root;
	struct buf names;
	struct store_change *list;
	size_t count;
};

void journal_init(struct journal *j);
void journal_fini(struct journal *j);
/* Once for each init. session: whose changes are the mount's own. ret gets where the answer ends, and how many others
 * there are. -EPROTO: it makes no sense. -ENOMEM. */
int journal_parse(struct journal *j, struct span body, int64_t session, struct store_changes *ret);
/* The changes of it that follow `since` without a gap; else ret->reset. They are borrowed from j. */
void journal_judge(const struct journal *j, struct store_position since, struct store_changes *ret);

#endif
