#include "tests/unit/fusefs/ops/talk_fixture.h"

#include "common/base/error.h"

#include <fcntl.h>

/* GETLK, SETLK and SETLKW; flock is SETLK with a flag. */

#define FIRST 41 /* owners: how the kernel identifies processes */
#define SECOND 42
#define PID 999

struct wish {
	uint64_t owner;
	uint32_t type; /* F_RDLCK, F_WRLCK, F_UNLCK */
	uint64_t start, end;
	bool flock;
};

static uint64_t lock_as(struct fixture *f, uint32_t opcode, uint64_t handle, const struct wish *w)
{
	const struct fuse_lk_in in = {.fh = handle,
		.owner = w->owner,
		.lk = {.start = w->start, .end = w->end ? w->end : INT64_MAX, .type = w->type, .pid = PID},
		.lk_flags = w->flock ? FUSE_LK_FLOCK : 0};

	return fake_lock(&f->kernel, opcode, &in);
}

static uint64_t lock(struct fixture *f, uint64_t handle, uint64_t owner, uint32_t type)
{
	return lock_as(f, FUSE_SETLK, handle, &(struct wish){.owner = owner, .type = type});
}

static uint64_t lock_sleeping(struct fixture *f, uint64_t handle, uint64_t owner, uint32_t type)
{
	return lock_as(f, FUSE_SETLKW, handle, &(struct wish){.owner = owner, .type = type});
}

static uint64_t flock_of(struct fixture *f, uint64_t handle, uint64_t owner, uint32_t type)
{
	return lock_as(f, FUSE_SETLK, handle, &(struct wish){.owner = owner, .type = type, .flock = true});
}

static const struct fuse_file_lock *found(struct fixture *f, uint64_t unique)
{
	const struct fake_answer *a = fake_answer(&f->kernel, unique);
	const struct fuse_lk_out *out = (const void *)a->body;

	assert_int_equal(a->error, 0);
	assert_int_equal(a->size, sizeof(*out));
	return &out->lk;
}

static uint64_t open_new(struct fixture *f)
{
	return talk_open(f, talk_make_file(f, ROOT, "a"), O_RDWR);
}

/* Another mount holds bytes 100 to 199 of the file, for writing. */
static void lock_elsewhere(struct fixture *f)
{
	static const struct store_lock_range range = {.from = 100, .to = 199, .exclusive = true};
	const struct store_lock theirs = {.id = (int64_t)talk_node(f, "a"), .held = &range, .count = 1};

	assert_int_equal(talk_lock_elsewhere(f, &theirs), 0);
}

/* -- taking and letting go -- */

static void a_lock_conflicts_with_other_owners_until_the_unlock(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f);

	assert_int_equal(fake_error(k, lock(f, handle, FIRST, F_WRLCK)), 0);
	assert_int_equal(fake_error(k, lock(f, handle, SECOND, F_WRLCK)), EAGAIN);
	assert_int_equal(fake_error(k, lock(f, handle, SECOND, F_RDLCK)), EAGAIN);
	assert_int_equal(fake_error(k, lock(f, handle, FIRST, F_UNLCK)), 0);
	assert_int_equal(fake_error(k, lock(f, handle, SECOND, F_WRLCK)), 0);
}

static void shared_locks_coexist_and_block_an_exclusive_lock(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f);

	assert_int_equal(fake_error(k, lock(f, handle, FIRST, F_RDLCK)), 0);
	assert_int_equal(fake_error(k, lock(f, handle, SECOND, F_RDLCK)), 0);
	assert_int_equal(fake_error(k, lock(f, handle, FIRST, F_WRLCK)), EAGAIN);
}

static void locks_conflict_only_if_their_ranges_overlap(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f);
	const struct wish front = {.owner = FIRST, .type = F_WRLCK, .start = 0, .end = 9};
	const struct wish behind = {.owner = SECOND, .type = F_WRLCK, .start = 10, .end = 19};
	const struct wish both = {.owner = SECOND, .type = F_WRLCK, .start = 9, .end = 9};

	assert_int_equal(fake_error(k, lock_as(f, FUSE_SETLK, handle, &front)), 0);
	assert_int_equal(fake_error(k, lock_as(f, FUSE_SETLK, handle, &behind)), 0);
	assert_int_equal(fake_error(k, lock_as(f, FUSE_SETLK, handle, &both)), EAGAIN);
}

static void flock_and_posix_locks_do_not_conflict_with_each_other(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f), other = talk_open(f, talk_node(f, "a"), O_RDWR);

	assert_int_equal(fake_error(k, lock(f, handle, FIRST, F_WRLCK)), 0);
	assert_int_equal(fake_error(k, flock_of(f, handle, FIRST, F_WRLCK)), 0);
	assert_int_equal(fake_error(k, flock_of(f, other, SECOND, F_RDLCK)), EAGAIN);
	assert_int_equal(fake_error(k, flock_of(f, handle, FIRST, F_UNLCK)), 0);
	assert_int_equal(fake_error(k, flock_of(f, other, SECOND, F_RDLCK)), 0);
}

static void a_waiting_lock_request_is_granted_at_the_unlock(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f);
	uint64_t asked;

	assert_int_equal(fake_error(k, lock(f, handle, FIRST, F_WRLCK)), 0);
	asked = lock_sleeping(f, handle, SECOND, F_WRLCK);
	assert_false(fake_is_answered(k, asked));
	assert_int_equal(fake_error(k, lock(f, handle, FIRST, F_UNLCK)), 0);
	assert_int_equal(fake_error(k, asked), 0);
}

static void a_signal_ends_the_wait_for_a_lock_at_once(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f);
	uint64_t asked;

	assert_int_equal(fake_error(k, lock(f, handle, FIRST, F_WRLCK)), 0);
	asked = lock_sleeping(f, handle, SECOND, F_WRLCK);
	fake_interrupt(k, asked);
	assert_int_equal(fake_error(k, asked), EINTR);
	assert_int_equal(fake_error(k, lock(f, handle, FIRST, F_UNLCK)), 0);
	assert_int_equal(fake_error(k, lock(f, handle, FIRST, F_WRLCK)), 0);
}

static void a_signal_does_not_end_a_lock_request_without_a_known_conflict(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f);
	uint64_t asked;

	talk_hold(f, FAULT_LOCK);
	asked = lock_sleeping(f, handle, FIRST, F_WRLCK);
	talk_wait_held(f, FAULT_LOCK, 1);
	fake_interrupt(k, asked);
	assert_false(fake_is_answered(k, asked));
	talk_let_go(f, FAULT_LOCK);
	assert_int_equal(fake_error(k, asked), 0);
}

static void closing_a_handle_releases_its_flock_and_posix_locks(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f), other = talk_open(f, talk_node(f, "a"), O_RDWR);

	assert_int_equal(fake_error(k, flock_of(f, handle, FIRST, F_WRLCK)), 0);
	assert_int_equal(fake_error(k, lock(f, handle, FIRST, F_WRLCK)), 0);
	assert_int_equal(fake_error(k, fake_release(k, handle)), 0);
	assert_int_equal(fake_error(k, lock_sleeping(f, other, SECOND, F_WRLCK)), 0);
	assert_int_equal(fake_error(k, flock_of(f, other, SECOND, F_WRLCK)), 0);
}

static void a_lock_that_another_mount_holds_is_refused(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f);
	const struct wish free_part = {.owner = FIRST, .type = F_WRLCK, .start = 0, .end = 99};

	lock_elsewhere(f);
	assert_int_equal(fake_error(k, lock(f, handle, FIRST, F_RDLCK)), EAGAIN);
	assert_int_equal(fake_error(k, lock_as(f, FUSE_SETLK, handle, &free_part)), 0);
}

static void a_lock_request_fails_while_the_store_cannot_be_reached(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f);

	talk_fault(f, FAULT_LOCK, FAULT_FAIL, -ERR_NO_GATEWAY, 0);
	assert_int_not_equal(fake_error(k, lock(f, handle, FIRST, F_WRLCK)), 0);
	fault_clear(f->store);
	assert_int_equal(fake_error(k, lock_sleeping(f, handle, FIRST, F_WRLCK)), 0);
}

static void local_locks_are_not_sent_to_the_store(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f);
	const uint64_t locks = talk_counts(f).locks;

	assert_int_equal(fake_error(k, lock(f, handle, FIRST, F_WRLCK)), 0);
	assert_int_equal(fake_error(k, lock(f, handle, SECOND, F_WRLCK)), EAGAIN);
	assert_int_equal(
		found(f, lock_as(f, FUSE_GETLK, handle, &(struct wish){.owner = SECOND, .type = F_WRLCK}))->pid, PID);
	assert_int_equal(talk_counts(f).locks, locks);
}

static void a_handle_that_lost_its_locks_can_unlock_and_cannot_lock(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f);

	assert_int_equal(fake_error(k, lock(f, handle, FIRST, F_WRLCK)), 0);
	talk_lose_locks(f, handle);
	assert_int_equal(fake_error(k, lock(f, handle, FIRST, F_RDLCK)), EIO);
	assert_int_equal(fake_error(k, flock_of(f, handle, FIRST, F_RDLCK)), EIO);
	assert_int_equal(fake_error(k, lock(f, handle, FIRST, F_UNLCK)), 0);
	assert_int_equal(fake_error(k, flock_of(f, handle, FIRST, F_UNLCK)), 0);
}

/* -- looking -- */

static void getlk_returns_the_conflicting_lock(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f);
	const struct wish held = {.owner = FIRST, .type = F_WRLCK, .start = 10, .end = 19};
	const struct wish wanted = {.owner = SECOND, .type = F_RDLCK};
	const struct fuse_file_lock *lk;

	assert_int_equal(fake_error(k, lock_as(f, FUSE_SETLK, handle, &held)), 0);
	lk = found(f, lock_as(f, FUSE_GETLK, handle, &wanted));
	assert_int_equal(lk->type, F_WRLCK);
	assert_int_equal(lk->start, 10);
	assert_int_equal(lk->end, 19);
	assert_int_equal(lk->pid, PID);
}

static void getlk_returns_unlocked_if_no_lock_conflicts(void **state)
{
	struct fixture *f = *state;
	const uint64_t handle = open_new(f);

	assert_int_equal(
		found(f, lock_as(f, FUSE_GETLK, handle, &(struct wish){.owner = FIRST, .type = F_WRLCK}))->type,
		F_UNLCK);
}

static void getlk_returns_the_first_of_a_local_and_a_foreign_conflict(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f);
	const struct wish here = {.owner = FIRST, .type = F_WRLCK, .start = 500, .end = 509};
	const struct wish before = {.owner = FIRST, .type = F_WRLCK, .start = 5, .end = 9};
	const struct wish wanted = {.owner = SECOND, .type = F_WRLCK};
	const struct fuse_file_lock *lk;

	assert_int_equal(fake_error(k, lock_as(f, FUSE_SETLK, handle, &here)), 0);
	lock_elsewhere(f);
	lk = found(f, lock_as(f, FUSE_GETLK, handle, &wanted));
	assert_int_equal(lk->start, 100);
	assert_int_equal(lk->end, 199);
	assert_int_equal(lk->pid, 0); /* the holder is no process of this machine */
	assert_int_equal(fake_error(k, lock_as(f, FUSE_SETLK, handle, &before)), 0);
	assert_int_equal(found(f, lock_as(f, FUSE_GETLK, handle, &wanted))->start, 5);
}

static void getlk_without_an_answer_of_the_store_returns_a_local_conflict_or_enolck(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f);
	const struct wish wanted = {.owner = SECOND, .type = F_WRLCK};

	talk_fault(f, FAULT_LOCK_TEST, FAULT_FAIL, -ERR_NO_GATEWAY, 0);
	assert_int_equal(fake_error(k, lock_as(f, FUSE_GETLK, handle, &wanted)), ENOLCK);
	assert_int_equal(fake_error(k, lock(f, handle, FIRST, F_WRLCK)), 0);
	assert_int_equal(found(f, lock_as(f, FUSE_GETLK, handle, &wanted))->type, F_WRLCK);
}

static void a_getlk_of_a_dying_caller_ends_at_once(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f);
	uint64_t asked;

	talk_hold(f, FAULT_LOCK_TEST);
	k->pid = DEAD_PID;
	asked = lock_as(f, FUSE_GETLK, handle, &(struct wish){.owner = SECOND, .type = F_WRLCK});
	talk_wait_held(f, FAULT_LOCK_TEST, 1);
	fake_interrupt(k, asked);
	assert_int_equal(fake_error(k, asked), EINTR);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, talk_setup, talk_teardown)
#define LOCAL(name) cmocka_unit_test_setup_teardown(name, talk_setup_local_locks, talk_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_lock_conflicts_with_other_owners_until_the_unlock),
		TEST(shared_locks_coexist_and_block_an_exclusive_lock),
		TEST(locks_conflict_only_if_their_ranges_overlap),
		TEST(flock_and_posix_locks_do_not_conflict_with_each_other),
		TEST(a_waiting_lock_request_is_granted_at_the_unlock),
		TEST(a_signal_ends_the_wait_for_a_lock_at_once),
		TEST(a_signal_does_not_end_a_lock_request_without_a_known_conflict),
		TEST(closing_a_handle_releases_its_flock_and_posix_locks),
		TEST(a_lock_that_another_mount_holds_is_refused),
		TEST(a_lock_request_fails_while_the_store_cannot_be_reached),
		LOCAL(local_locks_are_not_sent_to_the_store),
		TEST(a_handle_that_lost_its_locks_can_unlock_and_cannot_lock),
		TEST(getlk_returns_the_conflicting_lock),
		TEST(getlk_returns_unlocked_if_no_lock_conflicts),
		TEST(getlk_returns_the_first_of_a_local_and_a_foreign_conflict),
		TEST(getlk_without_an_answer_of_the_store_returns_a_local_conflict_or_enolck),
		TEST(a_getlk_of_a_dying_caller_ends_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
