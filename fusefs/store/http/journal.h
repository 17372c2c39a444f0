/*
 * journal: what the answer to a poll says (PROTOCOL.md, "Journal"), from any bytes: they come from whoever answers at
 * the address of a gateway. Pure; fuzzed.
 *
 * It is read in two steps. First the bytes are taken apart (journal_parse): each entry is a change of one document,
 * whose names lie in a buffer of this struct. An op that a newer store knows and we do not counts as a change of
 * everything about its document. Then the changes are held against the position up to which the mount has followed the
 * drive (journal_judge). The journal has no gaps. So when the first entry is not the next one, or one is missing, or
 * the drive is another incarnation of itself, nothing that is known can be trusted, and the answer becomes a `reset`. A
 * page may end before the journal does; then the mount is told how far the page goes, and that there is more.
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
