/*
 * tagging: what an answer was made from (common/proto/tag.h), gathered while it is made and said in its head. Only for
 * requests that ask for it, which gateways do that keep answers; all others pay nothing.
 *
 * A handler whose answers may be kept begins once the drive is known, adds the facts that it looks at, and says them
 * with the answer. Who never begins, or whose answer is no 200, 304 or 404 of a name, says nothing: it is not kept. An
 * answer must not depend on who asks beyond his user, nor on the session, which shows documents without a name: so a
 * request that asks for tags is looked up as if it came without a session, and once more with it, without tags, when
 * nothing is found. For the same reason it is these that a standby may answer (docs_stand): what such an answer says
 * follows from the position that it names. All on the worker that has the call.
 */
#ifndef NEPHOS_DOCS_TAGGING_H
#define NEPHOS_DOCS_TAGGING_H

#include "backend/docs/request/call.h"
#include "common/proto/tag.h"

#define TAGGING_BYTES_MAX (1024u * 1024) /* of a body: what is longer is kept by its extents and blocks */

/* Does nothing when the request does not ask. What was added before is forgotten: for who looks once more. */
void tagging_begin(struct call *call);
void tagging_add(struct call *call, struct tag tag);
/* The answer shows this child of a folder whose TAG_LISTING it has. */
void tagging_add_child(struct call *call, const struct item *child);
/* The answer is good for so long at most. */
void tagging_ends(struct call *call, unsigned lifetime_s);
/* The answer is not to be kept after all. */
void tagging_give_up(struct call *call);
/* Before item_path: has it say by which folders it came; behind it, found or not: adds each name that was looked at.
 * folders lies where both are called. */
#define TAGGING_STEPS_MAX TAG_LIST_MAX
void tagging_begin_walk(struct call *call, struct docs_walk *walk, int64_t folders[TAGGING_STEPS_MAX]);
void tagging_add_walk(struct call *call, const struct docs_walk *walk);

/* Nephos-Tags, in the head of the answer. */
void tagging_say(const struct call *call, struct http_headers *headers);
/* Answers that a name leads nowhere; at: what the look at it saw. */
void tagging_not_found(struct call *call, struct docs_position at);
/* Answers what else fails; or looks again, by the job that runs now. */
void tagging_fail(struct call *call, int error);

#endif
