/* Locks between two mounts of one drive in memory: what the mounts ask the store, what else happens with a lock,
 * and what happens when a lock is lost. */
#include "fusefs/names/shared_locks.h"

#include "fusefs/ops/handle.h"
#include "fusefs/content/reader.h"
#include "tests/unit/fusefs/log/flush_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* The second mount. The fixture is the first mount. */
struct other {
	struct store *memory, *store;
	struct oplog *log;
	struct fs *fs;
	struct inode *inode;
	struct handle *handle;
};

struct two {
	struct fixture *a;
	struct other b;
};

static int setup_two(void **state)
{
	struct two *t = calloc(1, sizeof(*t));
	struct fs_options options = {.root = ITEM_ROOT(7), .root_mode = true, .cache_bytes = 64 * MIB};
	struct other *b = &t->b;
	void *fixture;

	assert_non_null(t);
	assert_int_equal(setup(&fixture), 0);
	t->a = fixture;
	assert_int_equal(mem_store_new(t->a->drive, &b->memory), 0);
	assert_int_equal(fault_new(b->memory, &b->store), 0);
	assert_int_equal(oplog_new(b->store, &b->log), 0);
	options.store = b->store;
	options.oplog = b->log;
	assert_int_equal(fs_new(&options, &b->fs), 0);
	core_lock(&b->fs->core);
	b->inode = inodes_get(&b->fs->core.inodes, t->a->inode->id);
	b->handle = handle_new(&b->fs->handles, b->inode, O_RDWR);
	assert_non_null(b->handle);
	core_unlock(&b->fs->core);
	*state = t;
	return 0;
}

static int teardown_two(void **state)
{
	struct two *t = *state;
	struct other *b = &t->b;
	void *fixture = t->a;
	int r;

	fault_clear(b->store);
	core_lock(&b->fs->core);
	handle_free(&b->fs->handles, b->handle);
	inode_unref(b->inode);
	core_unlock(&b->fs->core);
	(void)fs_flush_all(b->fs, WAIT_MS);
	assert_int_equal(oplog_drain(b->log, WAIT_MS, NULL), 0);
	fs_free(b->fs);
	oplog_free(b->log);
	b->store->ops->free(b->store);
	r = teardown(&fixture);
	free(t);
	return r;
}

/* -- steps -- */

static void on_lock(void *cookie, int error)
{
	outcome_tell(cookie, error);
}

struct asked {
	struct fs *fs;
	struct inode *inode;
	struct lock_request *request;
	struct outcome outcome;
};

#define POSIX true
#define FLOCK false

static void ask(struct asked *a, bool posix, const struct lock_want *wanted)
{
	struct lock_want want = *wanted;

	outcome_init(&a->outcome);
	want.done = on_lock;
	want.cookie = &a->outcome;
	core_lock(&a->fs->core);
	a->request = shared_locks_request_new(&a->fs->locks, a->inode, posix, &want);
	assert_non_null(a->request);
	shared_locks_request_start(a->request);
	core_unlock(&a->fs->core);
}

static struct asked asked_of_a(struct two *t)
{
	return (struct asked){.fs = t->a->fs, .inode = t->a->inode};
}

static struct asked asked_of_b(struct two *t)
{
	return (struct asked){.fs = t->b.fs, .inode = t->b.inode};
}

static struct lock_want want_of(uint64_t owner, int64_t start, int64_t end, bool exclusive)
{
	return (struct lock_want){.kind = LOCK_SET,
		.lock = {.owner = owner, .start = start, .end = end, .exclusive = exclusive, .via = owner}};
}

static int lock(struct asked asked, uint64_t owner, int64_t start, int64_t end, bool exclusive)
{
	const struct lock_want want = want_of(owner, start, end, exclusive);

	ask(&asked, POSIX, &want);
	return outcome_wait(&asked.outcome);
}

static int lock_flock(struct asked asked, uint64_t owner, bool exclusive)
{
	const struct lock_want want = want_of(owner, 0, INT64_MAX, exclusive);

	ask(&asked, FLOCK, &want);
	return outcome_wait(&asked.outcome);
}

static int unlock(struct asked asked, uint64_t owner, int64_t start, int64_t end)
{
	struct lock_want want = want_of(owner, start, end, false);

	want.kind = LOCK_CLEAR;
	ask(&asked, POSIX, &want);
	return outcome_wait(&asked.outcome);
}

static void begin_waiting(struct asked *asked, uint64_t owner, int64_t start, int64_t end, bool exclusive)
{
	struct lock_want want = want_of(owner, start, end, exclusive);

	want.sleep = true;
	ask(asked, POSIX, &want);
}

static bool is_done(struct outcome *o)
{
	bool done;

	pthread_mutex_lock(&o->lock);
	done = o->done;
	pthread_mutex_unlock(&o->lock);
	return done;
}

/* Waits until the store was asked `count` times to say when a lock may be free. */
static void wait_until_away(struct store *store, size_t count)
{
	for (int i = 0; i < WAIT_MS && fault_count(store, FAULT_LOCK_WAIT) < count; i++)
		(void)usleep(1000);
	assert_true(fault_count(store, FAULT_LOCK_WAIT) >= count);
}

/* -- between mounts -- */

static void a_lock_held_by_one_mount_conflicts_with_requests_of_another_mount(void **state)
{
	struct two *t = *state;

	assert_int_equal(lock(asked_of_a(t), 1, 0, 9, true), 0);
	assert_int_equal(lock(asked_of_b(t), 1, 5, 14, false), -EAGAIN);
	assert_int_equal(lock(asked_of_b(t), 1, 10, 14, true), 0);
	assert_int_equal(lock(asked_of_a(t), 1, 0, 9, false), 0);
	assert_int_equal(lock(asked_of_b(t), 1, 5, 9, false), 0);
	/* A lock that cannot be widened stays held as it was. */
	assert_int_equal(lock(asked_of_a(t), 1, 0, 9, true), -EAGAIN);
	assert_int_equal(lock(asked_of_b(t), 2, 0, 0, true), -EAGAIN);
	assert_int_equal(unlock(asked_of_a(t), 1, 0, INT64_MAX), 0);
	assert_int_equal(lock(asked_of_b(t), 2, 0, 0, true), 0);
}

static void lock_changes_that_do_not_concern_other_mounts_are_not_sent_to_the_store(void **state)
{
	struct two *t = *state;
	uint64_t before;

	assert_int_equal(lock(asked_of_a(t), 1, 0, 9, false), 0);
	before = fault_count(t->a->store, FAULT_LOCK);
	assert_int_equal(lock(asked_of_a(t), 2, 0, 9, false), 0);
	assert_int_equal(lock(asked_of_a(t), 3, 2, 3, false), 0);
	assert_int_equal(unlock(asked_of_a(t), 1, 0, 9), 0);
	assert_int_equal(unlock(asked_of_a(t), 3, 0, 9), 0);
	assert_int_equal(unlock(asked_of_a(t), 7, 0, 9), 0);
	assert_int_equal(lock(asked_of_a(t), 4, 0, 0, true), -EAGAIN);
	assert_int_equal(fault_count(t->a->store, FAULT_LOCK), before);
	assert_int_equal(unlock(asked_of_a(t), 2, 0, 9), 0);
	assert_int_equal(fault_count(t->a->store, FAULT_LOCK), before + 1);
	core_lock(&t->a->fs->core);
	assert_null(t->a->inode->posix); /* the mount keeps nothing in memory for it */
	core_unlock(&t->a->fs->core);
}

static void a_waiting_request_gets_the_lock_when_the_other_mount_unlocks(void **state)
{
	struct two *t = *state;
	struct asked waiter = asked_of_b(t);

	assert_int_equal(lock(asked_of_a(t), 1, 0, 9, true), 0);
	begin_waiting(&waiter, 1, 0, 9, true);
	wait_until_away(t->b.store, 1);
	assert_false(is_done(&waiter.outcome));
	assert_int_equal(unlock(asked_of_a(t), 1, 0, 9), 0);
	assert_int_equal(outcome_wait(&waiter.outcome), 0);
	assert_int_equal(lock(asked_of_a(t), 1, 0, 0, false), -EAGAIN);
}

static void many_waiters_for_one_range_make_one_wait_request_to_the_store(void **state)
{
	struct two *t = *state;
	struct asked waiters[50];

	assert_int_equal(lock(asked_of_a(t), 1, 0, 9, true), 0);
	for (unsigned i = 0; i < 50; i++) {
		waiters[i] = asked_of_b(t);
		begin_waiting(&waiters[i], i + 1, 0, 9, false);
	}
	wait_until_away(t->b.store, 1);
	/* Other calls do not wait for these. */
	assert_int_equal(lock(asked_of_b(t), 100, 20, 29, true), 0);
	assert_int_equal(fault_count(t->b.store, FAULT_LOCK_WAIT), 1);
	assert_int_equal(unlock(asked_of_a(t), 1, 0, 9), 0);
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(outcome_wait(&waiters[i].outcome), 0);
}

static void a_cancelled_lock_wait_does_not_get_the_lock(void **state)
{
	struct two *t = *state;
	struct asked waiter = asked_of_b(t);

	assert_int_equal(lock(asked_of_a(t), 1, 0, 9, true), 0);
	begin_waiting(&waiter, 1, 0, 9, true);
	wait_until_away(t->b.store, 1);
	core_lock(&t->b.fs->core);
	shared_locks_request_cancel(waiter.request, -EINTR);
	core_unlock(&t->b.fs->core);
	assert_int_equal(outcome_wait(&waiter.outcome), -EINTR);
	assert_int_equal(unlock(asked_of_a(t), 1, 0, 9), 0);
	assert_int_equal(lock(asked_of_a(t), 1, 0, 9, true), 0);
}

static void a_lock_granted_after_its_request_was_cancelled_is_given_back(void **state)
{
	struct two *t = *state;
	struct asked waiter = asked_of_b(t), after = asked_of_b(t);

	assert_int_equal(lock(asked_of_b(t), 2, 100, 109, true), 0);
	fault_add(t->b.store, &(struct fault_rule){.call = FAULT_LOCK, .kind = FAULT_HOLD, .nth = 1});
	begin_waiting(&waiter, 1, 0, 9, true);
	assert_int_equal(fault_wait_held(t->b.store, FAULT_LOCK, 1, WAIT_MS), 0);
	core_lock(&t->b.fs->core);
	shared_locks_request_cancel(waiter.request, -EINTR);
	core_unlock(&t->b.fs->core);
	assert_int_equal(outcome_wait(&waiter.outcome), -EINTR);
	fault_clear(t->b.store);
	assert_int_equal(fault_release(t->b.store, FAULT_LOCK), 1);
	/* The store granted the cancelled lock. The mount gives it back before the next request is answered. */
	begin_waiting(&after, 3, 50, 59, true);
	assert_int_equal(outcome_wait(&after.outcome), 0);
	assert_int_equal(lock(asked_of_a(t), 1, 0, 9, true), 0);
	assert_int_equal(lock(asked_of_a(t), 1, 100, 100, true), -EAGAIN);
}

static void two_mounts_that_share_a_flock_can_both_wait_to_make_it_exclusive(void **state)
{
	struct two *t = *state;
	struct asked one = asked_of_a(t), two = asked_of_b(t), over;
	struct lock_want want = want_of(1, 0, INT64_MAX, true);

	want.sleep = true;
	assert_int_equal(lock_flock(asked_of_a(t), 1, false), 0);
	assert_int_equal(lock_flock(asked_of_b(t), 1, false), 0);
	ask(&one, FLOCK, &want);
	wait_until_away(t->a->store, 1);
	ask(&two, FLOCK, &want);
	/* One of the mounts gets the lock, either one, and the other mount gets it next. */
	while (!is_done(&one.outcome) && !is_done(&two.outcome))
		(void)usleep(1000);
	want.kind = LOCK_CLEAR;
	over = is_done(&one.outcome) ? asked_of_a(t) : asked_of_b(t);
	ask(&over, FLOCK, &want);
	assert_int_equal(outcome_wait(&one.outcome), 0);
	assert_int_equal(outcome_wait(&two.outcome), 0);
	assert_int_equal(outcome_wait(&over.outcome), 0);
}

static void a_flock_conversion_that_fails_gives_up_the_shared_lock(void **state)
{
	struct two *t = *state;

	assert_int_equal(lock_flock(asked_of_a(t), 1, false), 0);
	assert_int_equal(lock_flock(asked_of_b(t), 1, false), 0);
	assert_int_equal(lock_flock(asked_of_a(t), 1, true), -EAGAIN);
	/* Now mount a holds nothing, so mount b can get the lock. The unlock that a still owes to the store is
	 * sent before its next request. */
	assert_int_equal(lock(asked_of_a(t), 9, 0, 0, false), 0);
	while (lock_flock(asked_of_b(t), 1, true) == -EAGAIN)
		assert_int_equal(lock_flock(asked_of_b(t), 1, false), 0);
}

static void closing_a_file_releases_only_the_locks_made_through_it(void **state)
{
	struct two *t = *state;
	struct asked closes = asked_of_a(t);
	const struct lock_want want = {.kind = LOCK_CLEAR_FILE, .lock = {.via = 1}};

	assert_int_equal(lock(asked_of_a(t), 1, 0, 9, true), 0);
	assert_int_equal(lock(asked_of_a(t), 2, 10, 19, true), 0);
	ask(&closes, POSIX, &want);
	assert_int_equal(outcome_wait(&closes.outcome), 0);
	assert_int_equal(lock(asked_of_b(t), 1, 0, 9, true), 0);
	assert_int_equal(lock(asked_of_b(t), 1, 10, 19, true), -EAGAIN);
}

/* -- what goes with a lock -- */

static size_t read_b(struct two *t, char *ret, size_t size)
{
	struct fixture b = {.fs = t->b.fs, .inode = t->b.inode};

	return read_at(&b, 0, ret, size, false);
}

static void a_mount_that_gets_a_lock_reads_what_was_written_before_the_unlock(void **state)
{
	struct two *t = *state;
	char data[4];

	for (int round = 0; round < 5; round++) {
		const char byte = (char)('a' + round);

		assert_int_equal(lock(asked_of_a(t), 1, 0, 0, true), 0);
		core_lock(&t->a->fs->core);
		assert_int_equal(flush_write(&t->a->fs->flusher, t->a->inode,
					 &(struct flush_data){.at = round % 2, .from = &byte, .size = 1}),
			0);
		core_unlock(&t->a->fs->core);
		assert_int_equal(unlock(asked_of_a(t), 1, 0, 0), 0);
		assert_int_equal(lock(asked_of_b(t), 1, 0, 0, false), 0);
		assert_true(read_b(t, data, sizeof(data)) > (size_t)(round % 2));
		assert_int_equal(data[round % 2], byte);
		assert_int_equal(unlock(asked_of_b(t), 1, 0, 0), 0);
	}
}

static void dirty_data_is_stored_when_an_exclusive_lock_is_downgraded_not_before(void **state)
{
	struct two *t = *state;

	assert_int_equal(lock(asked_of_a(t), 1, 0, 0, true), 0);
	write_at(t->a, 0, 10);
	assert_int_equal(lock(asked_of_a(t), 1, 10, 10, true), 0);
	core_lock(&t->a->fs->core);
	assert_true(file_is_dirty(t->a->inode->file));
	core_unlock(&t->a->fs->core);
	assert_int_equal(lock(asked_of_a(t), 1, 0, 0, false), 0);
	core_lock(&t->a->fs->core);
	assert_false(file_is_dirty(t->a->inode->file));
	core_unlock(&t->a->fs->core);
}

/* -- failures -- */

static void a_lost_lock_answer_fails_the_request_and_the_lock_is_released_later(void **state)
{
	struct two *t = *state;

	fault_add(t->a->store, &(struct fault_rule){.call = FAULT_LOCK, .kind = FAULT_LOSE, .nth = 1, .error = -EIO});
	assert_int_equal(lock(asked_of_a(t), 1, 0, 9, true), -ENOLCK);
	/* The store has granted the lock all the same. */
	assert_int_equal(lock(asked_of_b(t), 1, 0, 9, true), -EAGAIN);
	core_lock(&t->a->fs->core);
	shared_locks_reached(&t->a->fs->locks, 0);
	core_unlock(&t->a->fs->core);
	while (lock(asked_of_b(t), 1, 0, 9, true) == -EAGAIN)
		(void)usleep(1000);
	assert_int_equal(lock(asked_of_a(t), 1, 0, 0, true), -EAGAIN);
}

static void an_unlock_succeeds_although_the_request_to_the_store_fails(void **state)
{
	struct two *t = *state;

	assert_int_equal(lock(asked_of_a(t), 1, 0, 9, true), 0);
	fault_add(t->a->store, &(struct fault_rule){.call = FAULT_LOCK, .kind = FAULT_FAIL, .nth = 1, .error = -EIO});
	assert_int_equal(unlock(asked_of_a(t), 1, 0, 9), 0);
	assert_int_equal(lock(asked_of_a(t), 2, 0, 9, true), 0);
	assert_int_equal(unlock(asked_of_a(t), 2, 0, 9), 0);
	assert_int_equal(lock(asked_of_b(t), 1, 0, 9, true), 0);
}

static void lost_locks_mark_open_handles_and_drop_the_unstored_data_of_the_file(void **state)
{
	struct two *t = *state;
	struct fixture b = {.fs = t->b.fs, .inode = t->b.inode};
	struct handle *after;
	char data[4];

	assert_int_equal(lock(asked_of_b(t), 1, 0, 0, true), 0);
	write_at(&b, 0, 4);
	mem_store_lose_locks(t->b.memory);
	assert_int_equal(lock(asked_of_a(t), 1, 0, 0, true), 0);
	/* The store refuses the data that it gets before the mount learns of the loss. */
	assert_true(sync_file(&b) < 0);
	assert_int_equal(read_at(t->a, 0, data, 4, false), 0);
	core_lock(&t->b.fs->core);
	shared_locks_reached(&t->b.fs->locks, 1);
	assert_true(atomic_load(&t->b.handle->locks_lost));
	assert_false(file_is_dirty(t->b.inode->file));
	assert_int_equal(flush_take_error(t->b.inode->file, &t->b.handle->error_seen), -EIO);
	after = handle_new(&t->b.fs->handles, t->b.inode, O_RDWR);
	assert_false(atomic_load(&after->locks_lost));
	handle_free(&t->b.fs->handles, after);
	core_unlock(&t->b.fs->core);
	/* After the loss a process that opens the file anew can lock it and write. */
	assert_int_equal(lock(asked_of_b(t), 2, 0, 0, true), -EAGAIN);
	assert_int_equal(unlock(asked_of_a(t), 1, 0, 0), 0);
	assert_int_equal(lock(asked_of_b(t), 2, 0, 0, true), 0);
	write_at(&b, 0, 4);
	assert_int_equal(sync_file(&b), 0);
}

static void a_lock_request_that_finds_the_locks_lost_fails_and_marks_open_handles(void **state)
{
	struct two *t = *state;

	assert_int_equal(lock(asked_of_b(t), 1, 0, 0, true), 0);
	mem_store_lose_locks(t->b.memory);
	assert_int_equal(lock(asked_of_b(t), 1, 10, 19, true), -EIO);
	assert_true(atomic_load(&t->b.handle->locks_lost));
	assert_int_equal(lock(asked_of_a(t), 1, 0, 19, true), 0);
}

#define with_two(test) cmocka_unit_test_setup_teardown(test, setup_two, teardown_two)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_two(a_lock_held_by_one_mount_conflicts_with_requests_of_another_mount),
		with_two(lock_changes_that_do_not_concern_other_mounts_are_not_sent_to_the_store),
		with_two(a_waiting_request_gets_the_lock_when_the_other_mount_unlocks),
		with_two(many_waiters_for_one_range_make_one_wait_request_to_the_store),
		with_two(a_cancelled_lock_wait_does_not_get_the_lock),
		with_two(a_lock_granted_after_its_request_was_cancelled_is_given_back),
		with_two(two_mounts_that_share_a_flock_can_both_wait_to_make_it_exclusive),
		with_two(a_flock_conversion_that_fails_gives_up_the_shared_lock),
		with_two(closing_a_file_releases_only_the_locks_made_through_it),
		with_two(a_mount_that_gets_a_lock_reads_what_was_written_before_the_unlock),
		with_two(dirty_data_is_stored_when_an_exclusive_lock_is_downgraded_not_before),
		with_two(a_lost_lock_answer_fails_the_request_and_the_lock_is_released_later),
		with_two(an_unlock_succeeds_although_the_request_to_the_store_fails),
		with_two(lost_locks_mark_open_handles_and_drop_the_unstored_data_of_the_file),
		with_two(a_lock_request_that_finds_the_locks_lost_fails_and_marks_open_handles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
