#include "fusefs/content/readahead.h"

#include "fusefs/content/extents.h"
#include "fusefs/content/file.h"

static int64_t min_of(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Skips bytes that are cached, requests the next that are not. Returns how many bytes it skipped or requested. */
static int64_t fetch(struct blocks *blocks, const struct segment *s, const struct blocks_want *need)
{
	struct blocks_span span;

	if (!need->whole && blocks_find(blocks, s->sha256, need->from, &span) && span.to > need->from)
		return min_of(span.to - need->from, need->len);
	return blocks_fetch(blocks, s, need, NULL, NULL);
}

/* Asks for the part of s in [at, end) that is not cached. False: s has no capability to ask with. */
static bool fetch_segment(struct blocks *blocks, const struct segment *s, int64_t at, int64_t end)
{
	end = min_of(end, s->at + s->len);
	while (s->kind == SEGMENT_BLOCK && at < end) {
		struct blocks_want need = blocks_want(blocks, s, at, end - at, true);
		int64_t len;

		if (blocks_have(blocks, s->sha256, need.from, need.len))
			return true;
		if (!s->has_cap)
			return false;
		len = fetch(blocks, s, &need);
		if (len < 0)
			return true; /* the read itself will report the error */
		at += len;
	}
	return true;
}

static void fetch_range(struct blocks *blocks, struct inode *inode, int64_t at, int64_t end)
{
	struct content *c = &inode->file->content;

	while (at < end) {
		int64_t until = INT64_MAX;
		const struct segment *s = content_at(c, at, &until);

		if (!s || !fetch_segment(blocks, s, at, end)) {
			if (s)
				content_forget(c, s->at, s->at + s->len);
			(void)extents_ask(blocks->core, inode, at, NULL, NULL);
			return; /* the next read goes on from there */
		}
		at = s->at + s->len;
	}
}

/* Marks as passed the blocks that lie wholly between where a sequential reader began and `to`. */
static void pass(struct blocks *blocks, struct inode *inode, struct readahead *ahead, int64_t to)
{
	if (ahead->direct || !inode->file)
		return;
	while (ahead->passed < to) {
		int64_t until = to;
		const struct segment *s = content_at(&inode->file->content, ahead->passed, &until);

		if (s && s->at + s->len > to)
			return;
		if (s && s->kind == SEGMENT_BLOCK && s->at >= ahead->passed)
			blocks_passed(blocks, s->sha256);
		ahead->passed = s ? s->at + s->len : min_of(until, to);
	}
}

void readahead_read(struct blocks *blocks, struct inode *inode, struct readahead *ahead, int64_t at, size_t size)
{
	int64_t end = at + (int64_t)size, slack = READAHEAD_BYTES_MIN, limit;
	int64_t most =
		min_of(READAHEAD_BYTES_MAX, (int64_t)(blocks->max / 4)); /* it must still be cached when it is read */

	/* The kernel's own read-ahead sends several requests at once, which may arrive in another order. A
	 * reader counts as sequential only after it has continued exactly where it was: reads at random in a
	 * small range are often near each other. */
	if (at > ahead->next + (ahead->window > 0 ? slack : 0) || end < ahead->next - slack) {
		ahead->next = end;
		ahead->until = ahead->window = 0;
		ahead->passed = at;
		return;
	}
	if (end <= ahead->next)
		return;
	ahead->next = end;
	pass(blocks, inode, ahead, end - slack); /* other requests of the kernel's read-ahead may still come */
	ahead->window = min_of(ahead->window > 0 ? 2 * ahead->window : READAHEAD_BYTES_MIN, most);
	if (!inode_valid(inode) || !inode->file || ahead->until > end + ahead->window / 2)
		return;
	limit = min_of(end + ahead->window, inode->attr.size);
	if (ahead->until < end)
		ahead->until = end;
	if (ahead->until < limit)
		fetch_range(blocks, inode, ahead->until, limit);
	ahead->until = limit;
}

void readahead_end(struct blocks *blocks, struct inode *inode, struct readahead *ahead)
{
	pass(blocks, inode, ahead, ahead->next);
}

/* -- reads at random -- */

void readahead_missed(struct blocks *blocks, struct inode *inode, struct readahead *ahead, int64_t at)
{
	int64_t size = inode->attr.size, until;
	const struct segment *s;
	struct blocks_want need;

	/* The blocks of a file larger than the cache would only evict each other. */
	if (readahead_is_sequential(ahead) || !inode_valid(inode) || !inode->file || size > (int64_t)blocks->max)
		return;
	if (ahead->misses < READAHEAD_DENSE_MISSES * (size / BLOCK_BYTES_MAX + 1)) {
		ahead->misses++;
		return;
	}
	s = content_at(&inode->file->content, at, &until);
	if (!s || s->kind != SEGMENT_BLOCK || !s->has_cap)
		return;
	need = blocks_want(blocks, s, at, 1, true);
	/* No more than the size of the file in total: this bound ends it when other blocks evict these again and
	 * again. */
	if (need.whole && ahead->spare + s->block_size <= size && blocks_fetch_spare(blocks, s))
		ahead->spare += s->block_size;
}
