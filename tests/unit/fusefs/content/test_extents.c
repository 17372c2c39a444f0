#include "fusefs/content/extents.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define ID ITEM_ID(7, 50)

/* A store that records the questions about extents. The test answers them later. */
struct question {
	int64_t from;
	void (*done)(void *cookie, int error, const struct store_extents *extents);
	void *cookie;
};

struct fixture {
	struct store store; /* must be first */
	struct core core;
	struct inode *inode;
	struct question questions[4];
	size_t asked, answered;
};

/* budget: the seam's signature */
static store_ticket on_extents(struct store *s, int64_t id, int64_t from, int64_t len,
	void (*done)(void *cookie, int error, const struct store_extents *extents), void *cookie)
{
	struct fixture *f = (struct fixture *)s;

	assert_int_equal(id, ID);
	assert_int_equal(len, EXTENTS_BYTES);
	assert_true(f->asked < sizeof(f->questions) / sizeof(f->questions[0]));
	f->questions[f->asked++] = (struct question){from, done, cookie};
	return f->asked;
}

static const struct store_ops store_ops = {.extents = on_extents};

static void release(void *cookie, struct inode *inode)
{
	file_free(&((struct fixture *)cookie)->core, inode->file);
}

static int setup(void **state)
{
	static const struct core_hooks hooks = {.release = release};
	const struct item item = {
		.id = ID, .size = 5, .mode = S_IFREG | 0644, .nlink = 1, .seq = 10, .content_seq = 10};
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->store.ops = &store_ops;
	core_init(&f->core, &(struct core_options){.store = &f->store, .hooks = &hooks, .cookie = f});
	f->inode = inodes_get(&f->core.inodes, ID);
	assert_non_null(f->inode);
	assert_non_null(file_get(f->inode));
	assert_true(inode_learn(f->inode, &item, 10));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	inode_unref(f->inode);
	core_fini(&f->core);
	free(f);
	return 0;
}

/* A caller that waits for an answer, and the snapshot that it was offered. */
struct waiter {
	struct fixture *f;
	unsigned times;
	int error;
	struct extents_snapshot *offer;
};

static void on_ready(void *cookie, int error)
{
	struct waiter *w = cookie;

	w->times++;
	w->error = error;
	w->offer = extents_offer(w->f->inode->file);
}

static void ask(struct waiter *w, int64_t at)
{
	core_lock(&w->f->core);
	assert_int_equal(extents_ask(&w->f->core, w->f->inode, at, on_ready, w), 0);
	core_unlock(&w->f->core);
}

static void answer_failure(struct fixture *f, int error)
{
	const struct question q = f->questions[f->answered++];

	q.done(q.cookie, error, NULL);
}

/* Answers the oldest open question: a document of five bytes, with this text at position seq. */
static void answer(struct fixture *f, const char *text, int64_t content_seq, int64_t seq)
{
	const struct question q = f->questions[f->answered++];
	const struct extent extent = {.at = 0, .len = 5, .kind = EXTENT_INLINE, .data = span_str(text)};
	const struct store_extents page = {
		.extents = &extent, .count = 1, .size = 5, .content_seq = content_seq, .at = {1, seq}};

	assert_int_equal(strlen(text), 5);
	q.done(q.cookie, 0, &page);
}

static const char *text_of(const struct content *c)
{
	int64_t until;
	const struct segment *s = content_at(c, 0, &until);

	return s && s->kind == SEGMENT_INLINE ? s->bytes->data + s->from : NULL;
}

static void extents_of_one_range_are_asked_for_once_and_another_range_separately(void **state)
{
	struct fixture *f = *state;
	struct waiter a = {.f = f}, b = {.f = f}, far = {.f = f};

	ask(&a, 0);
	ask(&b, 100);
	assert_int_equal(f->asked, 1);
	ask(&far, EXTENTS_BYTES);
	assert_int_equal(f->asked, 2);
	assert_int_equal(f->questions[1].from, EXTENTS_BYTES);
	answer(f, "hello", 10, 10);
	assert_int_equal(a.times + b.times, 2);
	assert_int_equal(far.times, 0);
	answer_failure(f, -EIO);
	assert_int_equal(far.error, -EIO);
	extents_snapshot_unref(a.offer);
	extents_snapshot_unref(b.offer);
}

static void an_answer_with_extents_is_cached_and_offered_only_during_the_callback(void **state)
{
	struct fixture *f = *state;
	struct waiter w = {.f = f};

	ask(&w, 0);
	answer(f, "hello", 10, 10);
	assert_int_equal(w.error, 0);
	assert_memory_equal(text_of(&f->inode->file->content), "hello", 5);
	assert_non_null(w.offer);
	assert_memory_equal(text_of(&w.offer->content), "hello", 5);
	assert_null(extents_offer(f->inode->file)); /* ready has returned */
	extents_snapshot_unref(w.offer);
}

static void extents_older_than_an_announced_change_are_offered_but_not_cached(void **state)
{
	struct fixture *f = *state;
	struct waiter w = {.f = f};

	ask(&w, 0);
	core_lock(&f->core);
	recent_add_document(&f->core.recent, 12, ID);
	core_unlock(&f->core);
	answer(f, "hello", 10, 11);
	assert_false(f->inode->file->content.any);
	assert_non_null(w.offer);
	assert_int_equal(w.offer->content_seq, 10);
	extents_snapshot_unref(w.offer);
}

static void extents_of_a_newer_version_invalidate_the_cached_attributes(void **state)
{
	struct fixture *f = *state;
	struct waiter w = {.f = f};

	assert_true(inode_stands(f->inode));
	ask(&w, 0);
	answer(f, "newer", 15, 15);
	assert_false(inode_stands(f->inode));
	assert_int_equal(f->inode->file->content.content_seq, 15);
	extents_snapshot_unref(w.offer);
}

static void a_caller_that_knows_a_newer_seq_than_the_answer_gets_a_second_answer(void **state)
{
	struct fixture *f = *state;
	struct waiter early = {.f = f}, late = {.f = f};

	ask(&early, 0);
	core_lock(&f->core);
	fill_view_saw(&f->core.view, 1, 20, f->core.now_ns);
	core_unlock(&f->core);
	ask(&late, 0);
	assert_int_equal(f->asked, 1);
	answer(f, "hello", 10, 10);
	assert_int_equal(early.times, 1);
	assert_int_equal(late.times, 0);
	assert_int_equal(f->asked, 2);
	answer(f, "later", 20, 20);
	assert_int_equal(late.times, 1);
	extents_snapshot_unref(early.offer);
	extents_snapshot_unref(late.offer);
}

static void a_request_for_extents_of_a_missing_document_fails_with_estale(void **state)
{
	struct fixture *f = *state;
	struct waiter w = {.f = f};

	ask(&w, 0);
	answer_failure(f, -ENOENT);
	assert_int_equal(w.error, -ESTALE);
	assert_null(w.offer);
}

static void a_snapshot_takes_more_extents_only_of_its_own_version(void **state)
{
	const struct segment behind = {.at = 5, .len = 10, .kind = SEGMENT_HOLE};
	struct extents_snapshot more = {.refs = 1, .content_seq = 10}, other = {.refs = 1, .content_seq = 11};
	struct fixture *f = *state;
	struct waiter w = {.f = f};
	int64_t until;

	ask(&w, 0);
	answer(f, "hello", 10, 10);
	content_init(&more.content);
	assert_int_equal(content_own_part(&more.content, &behind), 0);
	assert_false(extents_snapshot_add(w.offer, &other));
	assert_true(extents_snapshot_add(w.offer, &more));
	assert_non_null(content_at(&w.offer->content, 7, &until));
	assert_memory_equal(text_of(&w.offer->content), "hello", 5);
	content_fini(&more.content);
	extents_snapshot_unref(w.offer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(extents_of_one_range_are_asked_for_once_and_another_range_separately),
		TEST(an_answer_with_extents_is_cached_and_offered_only_during_the_callback),
		TEST(extents_older_than_an_announced_change_are_offered_but_not_cached),
		TEST(extents_of_a_newer_version_invalidate_the_cached_attributes),
		TEST(a_caller_that_knows_a_newer_seq_than_the_answer_gets_a_second_answer),
		TEST(a_request_for_extents_of_a_missing_document_fails_with_estale),
		TEST(a_snapshot_takes_more_extents_only_of_its_own_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
