/*
 * touched: what a stretch of a drive's journal has made untrue, for caches of answers. A docs service sends it with
 * the answer to a change, and to a gateway that asks what it has missed (PROTOCOL.md, "The ring"). It consists of
 * the first and the last seq, and the tags that the entries between touch, each once, or "all" when there are too
 * many tags. With "all", every answer of the drive counts as touched, which costs reads and is never wrong.
 *
 * As text, for one header field: INCARNATION.FIRST-LAST, a space, and a list of tags as in tag.h, or "*". An empty
 * stretch has a LAST that is one less than its FIRST.
 *
 * Pure; any thread.
 */
#ifndef NEPHOS_PROTO_TOUCHED_H
#define NEPHOS_PROTO_TOUCHED_H

#include "common/proto/tag.h"

#define TOUCHED_TEXT_SIZE (TAG_TEXT_SIZE + 64u) /* three numbers of 19 digits before the tags */

struct touched {
	int64_t incarnation, first, last;
	bool all;
	struct tag_list tags; /* the first tag is the drive's, and does not count as touched */
};

/* An empty stretch behind position since. */
void touched_init(struct touched *t, uint32_t drive, int64_t incarnation, int64_t since);
/* Adds the next entry. If its seq is not the next one, all of the drive counts as touched. */
void touched_add(struct touched *t, int64_t seq, const struct tag_change *change);
void touched_all(struct touched *t, int64_t last); /* everything up to last counts as touched */
/* Appends the stretch that follows t. false: next is not the following stretch of this incarnation, and t is
 * unchanged. */
bool touched_join(struct touched *t, const struct touched *next);
/* All touched tags, without the drive's own. Not allowed if t->all. */
const struct tag *touched_tags(const struct touched *t, size_t *ret_count);

void touched_print(const struct touched *t, char ret[TOUCHED_TEXT_SIZE]); /* "*" if the tags do not fit */
int touched_parse(struct span text, uint32_t drive, struct touched *ret); /* -EBADMSG: malformed, or of another drive */

#endif
