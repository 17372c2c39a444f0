/*
 * append: the last write() that appends to a file, as far as the kernel has sent it. A large one comes in parts, none
 * of which says whether it is the last, and only what one op carries lies together in the store: so those who store
 * have to know where at the end of what is dirty a write() begins that may not be over, and leave that for later.
 *
 * A part belongs to the write() of the part before it when the same thread sent it and has not been seen at anything
 * else in between: at the beginning of every write() the kernel asks for the file's capability (but with O_DIRECT,
 * which is no append of this kind). One write() at a time appends to a file, as the kernel locks it meanwhile. That the
 * last one is over is told by its thread, or by whatever else takes that lock, or else by time: parts come microseconds
 * apart, but the writer may have to wait for a processor in between. After a part that looks as if another followed
 * that is APPEND_MORE_MS, after any other APPEND_PAUSE_MS. It looks so when it ends with a page and is large, or began
 * within a page: the one that the end of the file lies in is mostly sent by itself. Who waits for all that is dirty is
 * kept waiting for less, APPEND_MORE_WAITED_MS or APPEND_PAUSE_MS, and only after a part that ends with a page.
 *
 * A kernel that does not ask leaves all appends of one thread looking like one: APPEND_BYTES_MAX and APPEND_LASTS_MS
 * end it then. Pure: the time is passed in. Embedded; zero is one that is over. Not thread-safe.
 */
#ifndef NEPHOS_FUSEFS_CONTENT_APPEND_H
#define NEPHOS_FUSEFS_CONTENT_APPEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define APPEND_MORE_MS 1000
#define APPEND_MORE_WAITED_MS \
	250 /* the same, when somebody waits: a busy machine gives the writer no turn for so long */
#define APPEND_PAUSE_MS 20
#define APPEND_PART_BYTES (512u * 1024)	     /* large: half of what the kernel sends at most */
#define APPEND_LASTS_MS 5000		     /* longer than that no write() is kept together by time alone … */
#define APPEND_WAITED_MS 1000		     /* … or than that, when somebody waits */
#define APPEND_BYTES_MAX (16u * 1024 * 1024) /* of a write() that lie together: a quarter of what may be dirty */

struct append {
	uint64_t bytes; /* of it; 0: it is over */
	unsigned run;	/* which one it is: another for each write(), never 0 */
	pid_t tid;	/* whose */
	int64_t began_ns, part_ns;
	bool page, more; /* the last part ended with a page; another is likely */
};

/* A part has come: its size, and where it ends. */
void append_part(struct append *a, pid_t tid, size_t size, int64_t end, int64_t now_ns);
/* This thread does something that is not the rest of a write(). */
void append_seen(struct append *a, pid_t tid);
void append_over(struct append *a);
/* When it is over unless another part comes, for whom waits or for others. INT64_MIN: it is. */
int64_t append_until_ns(const struct append *a, bool waited);

#endif
