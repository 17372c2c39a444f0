/*
 * recent: the last changes that were announced, so that an answer which was computed before one of them, and comes
 * after it, is not kept. Bounded: what is older than it remembers counts as a change of everything. Embedded. Pure. Not
 * thread-safe.
 */
#ifndef NEPHOS_FUSEFS_CORE_RECENT_H
#define NEPHOS_FUSEFS_CORE_RECENT_H

#include "common/base/span.h"

#include <stdint.h>

#define RECENT_MAX 512u /* changes; answers are rarely more than a few milliseconds old */

struct recent_change {
	int64_t seq, id; /* a document whose attributes or content changed; or the folder of a name */
	uint64_t name;	 /* hash; 0: the document itself */
};

struct recent {
	struct recent_change list[RECENT_MAX];
	size_t next;
	int64_t last;	   /* highest seq in the list */
	int64_t forgotten; /* highest seq that was in the list once */
};

/* Everything is as it was seen at seq or later: answers of before count for nothing. */
void recent_reset(struct recent *r, int64_t seq);
void recent_add_document(struct recent *r, int64_t seq, int64_t id);
void recent_add_name(struct recent *r, int64_t seq, int64_t folder, struct span name);
/* May an answer about it that saw the drive at seq be kept? */
bool recent_document_stands(const struct recent *r, int64_t seq, int64_t id);
/* Did no name in the folder change since? */
bool recent_folder_stands(const struct recent *r, int64_t seq, int64_t folder);
bool recent_name_stands(const struct recent *r, int64_t seq, int64_t folder, struct span name);

#endif
