/*
 * touched: what a stretch of a drive's journal has made untrue, for who keeps answers. A docs service says it with the
 * answer to a change, and to who asks for what he has missed (PROTOCOL.md, "The ring"): the first and the last seq, and
 * the tags that the entries between touch, each once, or "all" when they are too many to say. Then every answer of the
 * drive counts as touched, which costs reads and is never wrong.
 *
 * As text, for one header field: INCARNATION.FIRST-LAST, a space, and a list of tags as in tag.h, or "*". A stretch of
 * nothing has a LAST that is one less than its FIRST.
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
	struct tag_list tags; /* the first one is the drive's, and is not touched */
};

/* A stretch of nothing behind since. */
void touched_init(struct touched *t, uint32_t drive, int64_t incarnation, int64_t since);
/* The next entry. One whose seq is not the next: all of the drive is touched. */
void touched_add(struct touched *t, int64_t seq, const struct tag_change *change);
void touched_all(struct touched *t, int64_t last); /* whatever happened up to there */
/* The stretch behind t, as one with it. false: it is not the next one of that incarnation, and t is what it was. */
bool touched_join(struct touched *t, const struct touched *next);
/* All that is touched, without the drive's own tag. Not when it is all. */
const struct tag *touched_tags(const struct touched *t, size_t *ret_count);

void touched_print(const struct touched *t, char ret[TOUCHED_TEXT_SIZE]); /* what has no room is "*" */
int touched_parse(struct span text, uint32_t drive, struct touched *ret); /* -EBADMSG, also of another drive */

#endif
