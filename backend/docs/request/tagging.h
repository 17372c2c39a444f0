/*
 * tagging: gathers what an answer is made from (common/proto/tag.h) while it is made, and sends it in the head of
 * the answer. Only for requests that ask for tags, as gateways do that cache answers; other requests cost nothing
 * extra.
 *
 * A handler whose answers may be kept calls tagging_begin once the drive is known, adds a tag for each fact that
 * it looks at, and sends the tags with the answer. An answer is not kept if its handler never begins, or if it is
 * no 200, no 304 and no 404 of a name: it has no tags then. An answer must not depend on who asks beyond the
 * user, nor on the session, which shows documents without a name. So a request that asks for tags is looked up as
 * if it came without a session; when nothing is found, it is looked up once more with the session and without
 * tags. For the same reason a standby may answer just these requests (docs_stand): such an answer follows from
 * the position that it names. All functions run on the worker that has the call.
 */
#ifndef NEPHOS_DOCS_TAGGING_H
#define NEPHOS_DOCS_TAGGING_H

#include "backend/docs/request/call.h"
#include "common/proto/tag.h"

#define TAGGING_BYTES_MAX (1024u * 1024) /* limit of a body; a gateway keeps longer content as extents and blocks */

/* Begins to gather tags. Does nothing when the request does not ask for them. Drops the tags that were added
 * before, for a handler that looks once more. */
void tagging_begin(struct call *call);
void tagging_add(struct call *call, struct tag tag);
/* The answer shows this child of a folder; the folder's TAG_LISTING is added already. */
void tagging_add_child(struct call *call, const struct item *child);
/* The answer is valid for at most lifetime_s seconds. */
void tagging_ends(struct call *call, unsigned lifetime_s);
/* The answer must not be kept after all. */
void tagging_give_up(struct call *call);
/* tagging_begin_walk, before item_path: has item_path report the folders of the path. tagging_add_walk, after it,
 * found or not: adds each name that was looked up. The caller of both owns the array `folders`. */
#define TAGGING_STEPS_MAX TAG_LIST_MAX
void tagging_begin_walk(struct call *call, struct docs_walk *walk, int64_t folders[TAGGING_STEPS_MAX]);
void tagging_add_walk(struct call *call, const struct docs_walk *walk);

/* Adds Nephos-Tags to the head of the answer. */
void tagging_say(const struct call *call, struct http_headers *headers);
/* Answers that there is no document of that name; at: the position that the lookup saw. */
void tagging_not_found(struct call *call, struct docs_position at);
/* Answers other failures; or runs the current job again, with the session and without tags. */
void tagging_fail(struct call *call, int error);

#endif
