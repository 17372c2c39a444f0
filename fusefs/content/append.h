/*
 * append: the last write() that appends to a file, as far as the kernel has sent it. The kernel sends a large
 * write() in parts, without saying which is the last, and the store keeps together only what one op carries. So the
 * flusher has to know where in the dirty data a write() begins that may not be over, and leave that part for later.
 *
 * A part belongs to the same write() as the part before it when the same thread sent both and has done nothing else
 * that was seen in between: at the beginning of every write() the kernel asks for the file's capability xattr (not
 * with O_DIRECT, which is no append of this kind). Only one write() at a time appends to a file, as the kernel holds
 * a lock for it. A write() is over when its thread does something else, or when another request shows that the lock
 * was taken again; otherwise a timeout ends it: parts come microseconds apart, but the writer may have to wait for a
 * processor in between. The timeout is APPEND_MORE_MS after a part that looks as if another followed, and
 * APPEND_PAUSE_MS after any other. A part looks so when it ends at a page boundary and either is large, or began
 * within a page: the kernel mostly sends the rest of the page that holds the end of the file by itself. A caller
 * that waits for all dirty data waits less, APPEND_MORE_WAITED_MS or APPEND_PAUSE_MS, and only after a part that
 * ends at a page boundary.
 *
 * With a kernel that does not ask for the capability, all appends of one thread look like one: APPEND_BYTES_MAX and
 * APPEND_LASTS_MS end it then. Pure: the time is passed in. Embedded; an all-zero struct is a write() that is over.
 * Not thread-safe.
 */
#ifndef NEPHOS_FUSEFS_CONTENT_APPEND_H
#define NEPHOS_FUSEFS_CONTENT_APPEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define APPEND_MORE_MS 1000
#define APPEND_MORE_WAITED_MS \
	250 /* the same, when a caller waits: a busy machine gives the writer no turn for so long */
#define APPEND_PAUSE_MS 20
#define APPEND_PART_BYTES (512u * 1024)	     /* a large part: half of the most that the kernel sends */
#define APPEND_LASTS_MS 5000		     /* time alone keeps no write() together for longer than this … */
#define APPEND_WAITED_MS 1000		     /* … or than this, when a caller waits */
#define APPEND_BYTES_MAX (16u * 1024 * 1024) /* of one write() that are kept together: a quarter of what may be dirty */

struct append {
	uint64_t bytes; /* so far; 0: the write() is over */
	unsigned run;	/* number of this write(): another for each, never 0 */
	pid_t tid;	/* the thread that writes */
	int64_t began_ns, part_ns;
	bool page, more; /* the last part ended at a page boundary; another part is likely */
};

/* A part has come, of this size, which ends at offset `end`. */
void append_part(struct append *a, pid_t tid, size_t size, int64_t end, int64_t now_ns);
/* This thread does something that is not the next part of a write(). */
void append_seen(struct append *a, pid_t tid);
void append_over(struct append *a);
/* When the write() counts as over unless another part comes; waited: for a caller that waits. INT64_MIN: it is
 * over. */
int64_t append_until_ns(const struct append *a, bool waited);

#endif
