/*
 * looked: by which name each thread of a program looked up a document last, and how that LOOKUP was answered. OPEN
 * names a document, not the name that led to it. The LOOKUP right before it, by the same thread, may have been
 * answered from a cache here: while other mounts are at work, that cache may be older than what these were answered.
 * With the name, an open can check that it is still right. Bounded: when two threads share a place in the table, a
 * request of one removes the entry of the other, even between its LOOKUP and its OPEN. Then the name is not known,
 * and only the document can be checked. Pure. Not thread-safe: guarded by the lock of the core.
 */
#ifndef NEPHOS_FUSEFS_NAMES_LOOKED_H
#define NEPHOS_FUSEFS_NAMES_LOOKED_H

#include "common/base/limits.h"
#include "common/base/span.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define LOOKED_MAX 256u /* threads: more than are between two requests at one time; 205 KiB */

enum looked_how {
	LOOKED_NOT,   /* nothing is known of the document's LOOKUP */
	LOOKED_KNOWN, /* answered from a cache */
	LOOKED_ASKED, /* the store was asked, after the thread's request */
};

struct looked_name {
	int64_t folder; /* 0: none */
	size_t size;
	char bytes[NAME_BYTES_MAX];
};

struct looked {
	struct looked_thread {
		pid_t tid;
		/* Of the last folder, and of the last other document: link looks up folders after the document
		 * that it links. */
		struct looked_way {
			struct looked_name name;
			int64_t id;
			enum looked_how how;
		} ways[2];
		/*
		 * The thread's last request by this name was answered with ESTALE: what is cached of the name since
		 * is newer than that request. The kernel looks up the name again to check its own cache, and once
		 * more if that was wrong.
		 */
		struct looked_name back;
		unsigned back_left;
	} list[LOOKED_MAX];
};

/* How a LOOKUP was answered. */
struct looked_answer {
	int64_t folder;
	struct span name;
	int64_t id; /* 0: there is no such name */
	bool is_folder;
	bool fresh; /* no newer change of the name is known */
	enum looked_how how;
};

void looked_up(struct looked *l, pid_t tid, const struct looked_answer *answer);
/* What is known of the name for the thread's next request on that document; valid for one request. ret (NULL for
 * LOOKED_NOT) is valid until the next call. */
enum looked_how looked_take(struct looked *l, pid_t tid, int64_t id, const struct looked_name **ret);
/* The thread's request by that name is answered with ESTALE, so that the kernel looks it up again. */
void looked_back(struct looked *l, pid_t tid, int64_t folder, struct span name);

#endif
