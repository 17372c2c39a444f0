/*
 * journal: decodes the answer to a poll (PROTOCOL.md, "Journal"). It accepts any bytes: they come from whatever
 * program answers at the address of a gateway. Pure; fuzzed.
 *
 * Decoding has two steps. journal_parse takes the bytes apart: each entry is a change of one document; its names are
 * in a buffer of this struct. An op that only a newer store has counts as a change of everything about its document.
 * Then journal_judge compares the changes with the position up to which the mount has followed the drive. The
 * journal has no gaps. So when the first entry is not the next one, or an entry is missing, or the drive has another
 * incarnation, nothing that is cached can be trusted, and the answer becomes a `reset`. A page may end before the
 * journal does; then the result says how far the page goes, and that there is more.
 */
#ifndef NEPHOS_FUSEFS_JOURNAL_H
#define NEPHOS_FUSEFS_JOURNAL_H

#include "fusefs/store/store.h"

#include <jansson.h>

#define JOURNAL_BYTES_MAX (4u * 1024 * 1024) /* CHANGES_PAGE_MAX entries with two names of 255 bytes, escaped */

/* The memory of a decoded answer. */
struct journal {
	json_t *root;
	struct buf names;
	struct store_change *list;
	size_t count;
};

void journal_init(struct journal *j);
void journal_fini(struct journal *j);
/* To be called once after each init. Changes with a key of `session` are marked as this mount's own. ret gets
 * the end of the answer, and the number of other mounts. -EPROTO: the answer is invalid. -ENOMEM. */
int journal_parse(struct journal *j, struct span body, int64_t session, struct store_changes *ret);
/* Sets in ret the changes that follow `since` without a gap, borrowed from j; or ret->reset. */
void journal_judge(const struct journal *j, struct store_position since, struct store_changes *ret);

#endif
