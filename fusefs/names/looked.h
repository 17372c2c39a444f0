/*
 * looked: by which name each thread of a program looked up a document last, and how that was answered. OPEN names a
 * document, not the name that led to it, and the LOOKUP right before it, of the same thread, may have been answered
 * from what is known here: where others are at work, that may be older than what they were answered. So what an open
 * goes by can be checked.
 * Bounded: a thread that shares its place with another, between its LOOKUP and its OPEN, is forgotten; then nobody
 * knows the name, and the document alone can be checked.
 * Pure. Not thread-safe: guarded by the lock of the core.
 */
#ifndef NEPHOS_FUSEFS_NAMES_LOOKED_H
#define NEPHOS_FUSEFS_NAMES_LOOKED_H

#include "common/base/limits.h"
#include "common/base/span.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define LOOKED_MAX 256u /* threads: more than are between two requests at a time; 205 KiB */

enum looked_how {
	LOOKED_NOT,   /* nothing is known of it */
	LOOKED_KNOWN, /* answered from what is known here */
	LOOKED_ASKED, /* the store was asked, after the thread had */
};

struct looked_name {
	int64_t folder; /* 0: none */
	size_t size;
	char bytes[NAME_BYTES_MAX];
};

struct looked {
	struct looked_thread {
		pid_t tid;
		/* Of the last folder, and of the last of everything else: link looks up folders after what it links. */
		struct looked_way {
			struct looked_name name;
			int64_t id;
			enum looked_how how;
		} ways[2];
		/*
		 * Its request by this was sent back: what is known of it since is newer than the request. The kernel
		 * looks it up to see whether what it has still stands, and when not, once more.
		 */
		struct looked_name back;
		unsigned back_left;
	} list[LOOKED_MAX];
};

/* How a LOOKUP was answered. */
struct looked_answer {
	int64_t folder;
	struct span name;
	int64_t id; /* 0: no such name */
	bool is_folder;
	bool fresh; /* no change of the name is known that is newer */
	enum looked_how how;
};

void looked_up(struct looked *l, pid_t tid, const struct looked_answer *answer);
/* What its next request for that document goes by; once. ret (NULL for LOOKED_NOT) is valid until the next call. */
enum looked_how looked_take(struct looked *l, pid_t tid, int64_t id, const struct looked_name **ret);
/* The request by that name is sent back, to be looked up again. */
void looked_back(struct looked *l, pid_t tid, int64_t folder, struct span name);

#endif
