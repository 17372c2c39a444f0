#include "fusefs/content/append.h"

#include "common/base/clock.h"

#include <assert.h>

#define PAGE_BYTES 4096 /* the smallest page size of a kernel */

void append_part(struct append *a, pid_t tid, size_t size, int64_t end, int64_t now_ns)
{
	assert(size > 0 && end >= (int64_t)size);
	if (a->bytes == 0 || a->tid != tid || a->bytes > APPEND_BYTES_MAX) {
		*a = (struct append){.run = a->run + 1, .tid = tid, .began_ns = now_ns};
		a->run += a->run == 0;
	}
	a->bytes += size;
	a->part_ns = now_ns;
	a->page = end % PAGE_BYTES == 0;
	a->more = a->page && (size >= APPEND_PART_BYTES || (end - (int64_t)size) % PAGE_BYTES != 0);
}

void append_seen(struct append *a, pid_t tid)
{
	if (a->tid == tid)
		append_over(a);
}

void append_over(struct append *a)
{
	a->bytes = 0;
}

int64_t append_until_ns(const struct append *a, bool waited)
{
	const int64_t more_ms = waited ? APPEND_MORE_WAITED_MS : APPEND_MORE_MS,
		      pause_ms = a->more ? more_ms : APPEND_PAUSE_MS,
		      lasts_ms = waited ? APPEND_WAITED_MS : APPEND_LASTS_MS, until = a->part_ns + pause_ms * NS_PER_MS,
		      last = a->began_ns + lasts_ms * NS_PER_MS;

	if (a->bytes == 0 || a->bytes > APPEND_BYTES_MAX || (waited && !a->page))
		return INT64_MIN;
	return until < last ? until : last;
}
