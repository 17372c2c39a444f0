/*
 * recent: the last changes that were announced, so that an answer which was computed before one of them and arrives
 * after it is not cached. Bounded: to an answer that is older than the list reaches, everything counts as changed.
 * Embedded. Pure. Not thread-safe.
 */
#ifndef NEPHOS_FUSEFS_CORE_RECENT_H
#define NEPHOS_FUSEFS_CORE_RECENT_H

#include "common/base/span.h"

#include <stdint.h>

#define RECENT_MAX 512u /* changes; answers are rarely more than a few milliseconds old */

struct recent_change {
	int64_t seq, id; /* a document whose attributes or content changed, or the folder of a name that changed */
	uint64_t name;	 /* hash of the name; 0: the document itself */
};

struct recent {
	struct recent_change list[RECENT_MAX];
	size_t next;
	int64_t last;	   /* highest seq in the list */
	int64_t forgotten; /* highest seq that was dropped from the list */
};

/* The state of the drive is known as of seq: no answer from before seq may be cached. */
void recent_reset(struct recent *r, int64_t seq);
void recent_add_document(struct recent *r, int64_t seq, int64_t id);
void recent_add_name(struct recent *r, int64_t seq, int64_t folder, struct span name);
/* Whether an answer about the document that saw the drive at seq may be cached. */
bool recent_document_stands(const struct recent *r, int64_t seq, int64_t id);
/* Whether no name in the folder changed after seq. */
bool recent_folder_stands(const struct recent *r, int64_t seq, int64_t folder);
bool recent_name_stands(const struct recent *r, int64_t seq, int64_t folder, struct span name);

#endif
