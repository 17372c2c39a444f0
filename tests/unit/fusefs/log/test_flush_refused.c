#include "fusefs/log/flush.h"

#include "common/base/error.h"
#include "tests/unit/fusefs/log/flush_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Data that the store refuses: other data does not suffer from it, no caller is left waiting for it, and a reader
 * sees what the calls promised. */

/* -- steps -- */

struct through {
	struct outcome outcome;
	struct job *job;
};

static void on_through(void *cookie, int error, const struct op_result *result)
{
	(void)result;
	outcome_tell(cookie, error);
}

static void begin_through(struct fixture *f, int64_t at, const void *data, size_t size, struct through *t)
{
	struct flush_data d = {.at = at, .from = data, .size = size, .done = on_through, .cookie = &t->outcome};

	outcome_init(&t->outcome);
	core_lock(&f->fs->core);
	assert_int_equal(flush_through(&f->fs->flusher, f->inode, &d, &t->job), 0);
	core_unlock(&f->fs->core);
}

static int write_through(struct fixture *f, int64_t at, const void *data, size_t size)
{
	struct through t;

	begin_through(f, at, data, size, &t);
	return outcome_wait(&t.outcome);
}

static int write_filled(struct fixture *f, int64_t at, char with, size_t size)
{
	char *data = malloc(size);
	int r;

	assert_non_null(data);
	memset(data, with, size);
	r = write_through(f, at, data, size);
	free(data);
	return r;
}

static void refuse_batches(struct fixture *f, int error)
{
	fault_add(
		f->store, &(struct fault_rule){.call = FAULT_BATCH, .kind = FAULT_REFUSE, .error = error, .index = 0});
}

static void check_idle(struct fixture *f)
{
	core_lock(&f->fs->core);
	assert_false(file_is_dirty(f->inode->file));
	assert_int_equal(f->fs->flusher.sums.bytes, 0);
	assert_int_equal(f->fs->flusher.sums.stuck, 0);
	assert_null(f->fs->flusher.due);
	core_unlock(&f->fs->core);
}

static void release(struct fixture *f)
{
	core_lock(&f->fs->core);
	f->inode->opens = 0;
	flush_released(&f->fs->flusher, f->inode);
	core_unlock(&f->fs->core);
}

static void check_bytes(struct fixture *f, int64_t at, char with, size_t size)
{
	char *data = malloc(size);

	assert_non_null(data);
	assert_int_equal(read_at(f, at, data, size, false), size);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(data[i], with);
	free(data);
}

/* -- writes that the store answers -- */

static void a_refused_write_through_does_not_affect_accepted_data(void **state)
{
	struct fixture *f = *state;

	write_at(f, 0, 4096);
	assert_int_equal(write_filled(f, 0, 'B', 200 * KIB), -EDQUOT);
	check_range(f, 0, 4096);
	assert_int_equal(write_filled(f, 9000, 'C', 1), 0);
	assert_int_equal(sync_file(f), 0);
	check_range(f, 0, 4096);
	check_bytes(f, 9000, 'C', 1);
	check_idle(f);
}

static void after_a_refused_write_through_the_file_is_clean_and_a_sync_succeeds(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(write_filled(f, 0, 'x', 900000), -EDQUOT);
	check_idle(f);
	assert_int_equal(sync_file(f), 0); /* close makes the same call */
	assert_int_equal(f->inode->attr.size, 0);
}

static void accepted_data_is_stored_before_a_later_write_through(void **state)
{
	struct fixture *f = *state;

	write_at(f, 0, 100);
	assert_int_equal(write_filled(f, 50, 'x', 100), 0);
	check_range(f, 0, 50);
	check_bytes(f, 50, 'x', 100);
	check_idle(f);
}

static void writes_through_that_wait_together_are_sent_in_order_in_one_batch(void **state)
{
	struct fixture *f = *state;
	struct through t[4];
	uint64_t before;

	fault_add(f->store, &(struct fault_rule){.call = FAULT_BATCH, .kind = FAULT_HOLD, .nth = 1});
	before = counts(f).batches;
	begin_through(f, 0, "....", 4, &t[0]);
	assert_int_equal(fault_wait_held(f->store, FAULT_BATCH, 1, WAIT_MS), 0);
	begin_through(f, 0, "aaaaaa", 6, &t[1]);
	begin_through(f, 2, "bbb", 3, &t[2]);
	begin_through(f, 8, "cc", 2, &t[3]);
	(void)fault_release(f->store, FAULT_BATCH);
	for (int i = 0; i < 4; i++)
		assert_int_equal(outcome_wait(&t[i].outcome), 0);
	assert_int_equal(counts(f).batches - before, 2);
	{
		char data[16];

		assert_int_equal(read_at(f, 0, data, 16, false), 10);
		assert_memory_equal(data, "aabbba\0\0cc", 10);
	}
	check_idle(f);
}

static void each_of_several_writes_through_in_one_refused_batch_gets_its_own_result(void **state)
{
	static char large[200 * KIB];
	struct fixture *f = *state;
	struct through t[4];

	fault_add(f->store, &(struct fault_rule){.call = FAULT_BATCH, .kind = FAULT_HOLD, .nth = 1});
	begin_through(f, 0, "first", 5, &t[0]);
	assert_int_equal(fault_wait_held(f->store, FAULT_BATCH, 1, WAIT_MS), 0);
	begin_through(f, 100, "fits", 4, &t[1]);
	begin_through(f, 0, large, sizeof(large), &t[2]);
	begin_through(f, 200, "fits, too", 9, &t[3]);
	(void)fault_release(f->store, FAULT_BATCH);
	assert_int_equal(outcome_wait(&t[0].outcome), 0);
	assert_int_equal(outcome_wait(&t[1].outcome), 0);
	assert_int_equal(outcome_wait(&t[2].outcome), -EDQUOT);
	assert_int_equal(outcome_wait(&t[3].outcome), 0);
	{
		char data[256];

		assert_int_equal(read_at(f, 0, data, sizeof(data), false), 209);
		assert_memory_equal(data, "first", 5);
		assert_memory_equal(data + 100, "fits", 4);
		assert_memory_equal(data + 200, "fits, too", 9);
	}
	check_idle(f);
}

static void a_waiting_write_through_can_be_withdrawn_and_is_never_stored(void **state)
{
	struct fixture *f = *state;
	struct through t[2];

	fault_add(f->store, &(struct fault_rule){.call = FAULT_BATCH, .kind = FAULT_HOLD, .nth = 1});
	begin_through(f, 0, "first", 5, &t[0]);
	assert_int_equal(fault_wait_held(f->store, FAULT_BATCH, 1, WAIT_MS), 0);
	begin_through(f, 0, "second", 6, &t[1]);
	core_lock(&f->fs->core);
	assert_false(flush_job_withdraw(&f->fs->flusher, t[0].job, -EINTR)); /* its batch is in flight */
	assert_true(flush_job_withdraw(&f->fs->flusher, t[1].job, -EINTR));
	core_unlock(&f->fs->core);
	assert_int_equal(outcome_wait(&t[1].outcome), -EINTR);
	(void)fault_release(f->store, FAULT_BATCH);
	assert_int_equal(outcome_wait(&t[0].outcome), 0);
	assert_int_equal(f->inode->attr.size, 5);
	check_idle(f);
}

/* -- data that was accepted, and is refused -- */

static void a_write_through_that_fits_is_stored_beside_refused_data(void **state)
{
	struct fixture *f = *state;
	char data[8];

	write_at(f, 0, 200 * KIB);
	assert_int_equal(sync_file(f), -EDQUOT);
	core_lock(&f->fs->core);
	assert_true(flush_in_line(f->inode->file)); /* from now on each write is sent by itself */
	core_unlock(&f->fs->core);
	assert_int_equal(write_through(f, 4, "ABCD", 4), 0);
	assert_int_equal(read_at(f, 0, data, 8, true), 8); /* the newer data over the older */
	assert_int_equal(data[0], byte_at(0));
	assert_memory_equal(data + 4, "ABCD", 4);
	assert_int_equal(sync_file(f), -EDQUOT);
	release(f);
	check_idle(f);
	assert_int_equal(read_at(f, 0, data, 8, false), 8);
	assert_memory_equal(data, "\0\0\0\0ABCD", 8);
}

static void dropping_refused_data_invalidates_kernel_pages_and_restores_the_size(void **state)
{
	struct fixture *f = *state;
	int64_t pages_seq;
	struct stat st;
	bool refused;

	write_at(f, 0, 4096);
	assert_int_equal(sync_file(f), 0);
	core_lock(&f->fs->core);
	f->inode->pages_seq = f->inode->attr.content_seq; /* the kernel's pages are of this version */
	core_unlock(&f->fs->core);
	write_at(f, 1000, 200 * KIB);
	assert_int_equal(sync_file(f), -EDQUOT);
	core_lock(&f->fs->core);
	assert_true(file_is_refused(f->inode->file));
	core_unlock(&f->fs->core);
	release(f);
	core_lock(&f->fs->core);
	pages_seq = f->inode->pages_seq;
	refused = file_is_refused(f->inode->file);
	ops_stat(f->fs, f->inode, &st);
	core_unlock(&f->fs->core);
	assert_int_equal(pages_seq, 0);
	assert_false(refused);
	assert_int_equal(st.st_size, 4096);
	check_range(f, 0, 4096);
}

static void refused_data_is_stored_by_a_sync_once_the_store_has_room(void **state)
{
	struct fixture *f = *state;

	refuse_batches(f, -ENOSPC);
	write_at(f, 0, 4096);
	assert_int_equal(sync_file(f), -ENOSPC);
	assert_int_equal(sync_file(f), -ENOSPC); /* never a silent success */
	fault_clear(f->store);
	assert_int_equal(sync_file(f), 0);
	check_range(f, 0, 4096);
	check_idle(f);
}

static void a_sync_that_waits_for_refused_data_succeeds_when_a_truncation_cuts_it(void **state)
{
	struct fixture *f = *state;
	struct op op = truncate_to(f, 0);
	struct outcome cut, waits;

	write_at(f, 0, 200 * KIB);
	assert_int_equal(sync_file(f), -EDQUOT);
	fault_add(f->store, &(struct fault_rule){.call = FAULT_BATCH, .kind = FAULT_HOLD, .nth = 1});
	(void)begin_job(f, &op, &cut);
	assert_int_equal(fault_wait_held(f->store, FAULT_BATCH, 1, WAIT_MS), 0);
	begin_sync(f, &waits);
	(void)fault_release(f->store, FAULT_BATCH);
	assert_int_equal(outcome_wait(&cut), 0);
	assert_int_equal(outcome_wait(&waits), 0); /* no data is left that is not stored */
	check_idle(f);
}

static void a_sync_of_refused_data_fails_in_time_although_jobs_keep_arriving(void **state)
{
	struct fixture *f = *state;
	struct through t[2];
	struct outcome o;

	write_at(f, 0, 200 * KIB);
	assert_int_equal(sync_file(f), -EDQUOT);
	fault_add(f->store, &(struct fault_rule){.call = FAULT_BATCH, .kind = FAULT_HOLD, .nth = 1});
	begin_through(f, 0, "one", 3, &t[0]);
	assert_int_equal(fault_wait_held(f->store, FAULT_BATCH, 1, WAIT_MS), 0);
	begin_sync(f, &o);
	fault_add(f->store, &(struct fault_rule){.call = FAULT_BATCH, .kind = FAULT_HOLD, .nth = 2});
	begin_through(f, 0, "two", 3, &t[1]);
	(void)fault_release(f->store, FAULT_BATCH);
	assert_int_equal(outcome_wait(&o), -EDQUOT); /* before the second write is answered */
	assert_int_equal(fault_wait_held(f->store, FAULT_BATCH, 1, WAIT_MS), 0);
	(void)fault_release(f->store, FAULT_BATCH);
	assert_int_equal(outcome_wait(&t[1].outcome), 0);
}

/* For every kind of refusal: each call reports it for as long as it lasts. After that the data is dropped or
 * stored. */
static const int refusals[] = {-EDQUOT, -ENOSPC, -EFBIG, -ESTALE, -EIO, -ERR_SESSION_GONE, -ERR_UNAVAILABLE};
#define REFUSALS (sizeof(refusals) / sizeof(*refusals))

static void every_kind_of_refusal_is_reported_by_every_way_to_store(void **state)
{
	struct fixture *f = *state;
	struct op longer = truncate_to(f, 50000), clone = {.kind = OP_CLONE, .id = f->inode->id, .to = f->inode->id},
		  hole = {.kind = OP_WRITE, .id = f->inode->id, .extent_count = 1};
	struct op_extent extent = {.at = 0, .len = 10, .kind = OP_EXTENT_HOLE};
	struct outcome o;

	hole.extents = &extent;
	clone.at = 8192;
	clone.len = 100;
	for (size_t i = 0; i < REFUSALS; i++) {
		const struct op *jobs[] = {&longer, &clone, &hole};

		write_at(f, 0, 4096);
		assert_int_equal(sync_file(f), 0);
		refuse_batches(f, refusals[i]);
		assert_int_equal(write_filled(f, 0, 'x', 1000), refusals[i]);
		assert_int_equal(write_filled(f, 0, 'x', 100 * KIB), refusals[i]);
		check_idle(f);
		for (size_t j = 0; j < sizeof(jobs) / sizeof(*jobs); j++) {
			(void)begin_job(f, jobs[j], &o);
			assert_int_equal(outcome_wait(&o), refusals[i]);
		}
		check_idle(f);
		check_range(f, 0, 4096);
		assert_int_equal(f->inode->attr.size, 4096);
		write_at(f, 2000, 4096);
		for (int n = 0; n < 3; n++)
			assert_int_equal(sync_file(f), refusals[i]);
		(void)begin_job(f, &longer, &o); /* sent with the dirty data or ahead of it */
		assert_int_equal(outcome_wait(&o), refusals[i]);
		fault_clear(f->store);
		assert_int_equal(sync_file(f), 0);
		check_range(f, 0, 6096);
		check_idle(f);
		(void)begin_job(f, &(struct op){.kind = OP_SETATTR, .fields = OP_HAS_SIZE, .id = f->inode->id}, &o);
		assert_int_equal(outcome_wait(&o), 0);
	}
}

/* -- bounds -- */

struct waiting {
	struct room_wait wait; /* must be first */
	struct outcome outcome;
};

static void on_room(struct room_wait *wait, int error)
{
	outcome_tell(&((struct waiting *)wait)->outcome, error);
}

static void sync_and_write_of_a_document_that_no_longer_exists_fail_with_estale(void **state)
{
	struct fixture *f = *state;

	refuse_batches(f, -ENOENT);
	write_at(f, 0, 4096);
	assert_int_equal(sync_file(f), -ESTALE);
	assert_int_equal(write_filled(f, 0, 'x', 10), -ESTALE);
	release(f);
	check_idle(f);
}

static void refused_data_does_not_count_against_the_room_for_other_writes(void **state)
{
	struct fixture *f = *state;

	refuse_batches(f, -EDQUOT);
	for (int i = 0; i < (int)(FLUSH_FILE_BYTES / MIB) - 1; i++)
		write_at(f, i * (int64_t)MIB, MIB);
	core_lock(&f->fs->core);
	assert_int_not_equal(f->fs->flusher.sums.bytes, 0);
	core_unlock(&f->fs->core);
	assert_int_equal(sync_file(f), -EDQUOT);
	core_lock(&f->fs->core);
	assert_int_equal(f->fs->flusher.sums.stuck, f->fs->flusher.sums.bytes);
	assert_true(flush_room(&f->fs->flusher, NULL, FLUSH_BYTES_MAX - MIB));
	core_unlock(&f->fs->core);
	release(f);
	check_idle(f);
}

static void a_hopeless_wait_for_room_fails_with_the_error_of_the_refused_data(void **state)
{
	struct fixture *f = *state;
	struct waiting w;

	refuse_batches(f, -ENOSPC);
	write_at(f, 0, MIB);
	assert_int_equal(sync_file(f), -ENOSPC);
	outcome_init(&w.outcome);
	w.wait = (struct room_wait){.file = NULL, .size = 2 * FLUSH_BYTES_MAX, .ready = on_room};
	core_lock(&f->fs->core);
	flush_room_wait(&f->fs->flusher, &w.wait);
	core_unlock(&f->fs->core);
	assert_int_equal(outcome_wait(&w.outcome), -ENOSPC);
	release(f);
}

/* -- any order of it all -- */

#define MODEL_BYTES 20000
#define MODEL_STEPS 3000

/* What a reader must see, as the calls promised it. */
struct model {
	char shown[MODEL_BYTES];
	int64_t shown_size;
	bool full;
	unsigned seed;
};

static unsigned next(struct model *m, unsigned below)
{
	m->seed = m->seed * 1664525u + 1013904223u;
	return (m->seed >> 8) % below;
}

static void put(char *bytes, int64_t *size, int64_t at, const char *data, size_t len)
{
	memcpy(bytes + at, data, len);
	*size = at + (int64_t)len > *size ? at + (int64_t)len : *size;
}

static void step_write(struct fixture *f, struct model *m)
{
	int64_t at = next(m, MODEL_BYTES - 4000);
	size_t len = 1 + next(m, 4000);
	char data[4000];
	bool in_line;
	int r = 0;

	memset(data, (int)next(m, 256), sizeof(data));
	core_lock(&f->fs->core);
	in_line = flush_in_line(f->inode->file) || next(m, 3) == 0;
	if (!in_line)
		r = flush_write(&f->fs->flusher, f->inode, &(struct flush_data){.at = at, .from = data, .size = len});
	core_unlock(&f->fs->core);
	assert_int_equal(r, 0);
	if (!in_line) {
		put(m->shown, &m->shown_size, at, data, len);
		return;
	}
	r = write_through(f, at, data, len);
	assert_int_equal(r, m->full ? -EDQUOT : 0);
	if (r < 0)
		return;
	put(m->shown, &m->shown_size, at, data, len);
}

static void step_truncate(struct fixture *f, struct model *m)
{
	int64_t size = next(m, MODEL_BYTES);
	struct op op = truncate_to(f, size);
	struct outcome o;
	int r;

	(void)begin_job(f, &op, &o);
	r = outcome_wait(&o);
	assert_int_equal(r, m->full ? -EDQUOT : 0);
	if (r < 0)
		return;
	if (size < m->shown_size)
		memset(m->shown + size, 0, (size_t)(m->shown_size - size));
	m->shown_size = size;
}

static void check_shown(struct fixture *f, struct model *m)
{
	char data[MODEL_BYTES];

	assert_int_equal(read_at(f, 0, data, sizeof(data), true), m->shown_size);
	assert_memory_equal(data, m->shown, (size_t)m->shown_size);
}

static void step_sync(struct fixture *f, struct model *m)
{
	bool dirty;
	int r;

	core_lock(&f->fs->core);
	dirty = file_is_dirty(f->inode->file);
	core_unlock(&f->fs->core);
	r = sync_file(f);
	assert_int_equal(r, m->full && dirty ? -EDQUOT : 0);
	if (r < 0)
		return;
	check_idle(f);
	core_lock(&f->fs->core);
	file_drop_content(&f->fs->core, f->inode->file);
	f->inode->epoch = 0;
	core_unlock(&f->fs->core);
}

static void step_full(struct fixture *f, struct model *m)
{
	m->full = !m->full;
	if (m->full)
		refuse_batches(f, -EDQUOT);
	else
		fault_clear(f->store);
}

static void reads_match_a_model_through_random_writes_truncations_and_refusals(void **state)
{
	struct fixture *f = *state;
	static struct model m;

	m = (struct model){.seed = 42};
	for (int i = 0; i < MODEL_STEPS; i++) {
		switch (next(&m, 8)) {
		case 0:
			step_sync(f, &m);
			break;
		case 1:
			step_truncate(f, &m);
			break;
		case 2:
			step_full(f, &m);
			break;
		default:
			step_write(f, &m);
			break;
		}
		check_shown(f, &m);
	}
	if (m.full)
		step_full(f, &m);
	step_sync(f, &m);
	check_shown(f, &m); /* step_sync dropped the content: the read fetches it anew */
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define SMALL(name) cmocka_unit_test_setup_teardown(name, setup_small, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SMALL(a_refused_write_through_does_not_affect_accepted_data),
		SMALL(after_a_refused_write_through_the_file_is_clean_and_a_sync_succeeds),
		CASE(accepted_data_is_stored_before_a_later_write_through),
		CASE(writes_through_that_wait_together_are_sent_in_order_in_one_batch),
		SMALL(each_of_several_writes_through_in_one_refused_batch_gets_its_own_result),
		CASE(a_waiting_write_through_can_be_withdrawn_and_is_never_stored),
		SMALL(a_write_through_that_fits_is_stored_beside_refused_data),
		SMALL(dropping_refused_data_invalidates_kernel_pages_and_restores_the_size),
		CASE(refused_data_is_stored_by_a_sync_once_the_store_has_room),
		SMALL(a_sync_that_waits_for_refused_data_succeeds_when_a_truncation_cuts_it),
		SMALL(a_sync_of_refused_data_fails_in_time_although_jobs_keep_arriving),
		CASE(every_kind_of_refusal_is_reported_by_every_way_to_store),
		CASE(sync_and_write_of_a_document_that_no_longer_exists_fail_with_estale),
		CASE(refused_data_does_not_count_against_the_room_for_other_writes),
		CASE(a_hopeless_wait_for_room_fails_with_the_error_of_the_refused_data),
		CASE(reads_match_a_model_through_random_writes_truncations_and_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
