/* What commit tells a drive's home with each answer, and that only the home changes the drive. */
#include "backend/docs/rules/commit.h"

#include "backend/docs/rows/docs_mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define OWNER 7
#define EPOCH 3
#define JOBS_MAX 8

struct fixture {
	struct docs_mem *mem;
	struct docs_store *store;
	struct commit *commit;
	uint32_t drive;
	struct {
		void (*fn)(struct docs_store *store, void *cookie);
		void *cookie;
	} jobs[JOBS_MAX];
	size_t count;
};

struct sent {
	struct commit_request request; /* first */
	struct op_batch *batch;
	int error;
	bool repeat, told;
	struct touched touched;
};

static int later(void (*job)(struct docs_store *store, void *cookie), void *cookie, void *pool, int64_t party)
{
	(void)party;
	struct fixture *f = pool;

	assert_true(f->count < JOBS_MAX);
	f->jobs[f->count].fn = job;
	f->jobs[f->count++].cookie = cookie;
	return 0;
}

static void work(struct fixture *f)
{
	for (size_t i = 0; i < f->count; i++)
		f->jobs[i].fn(f->store, f->jobs[i].cookie);
	f->count = 0;
}

static void set_epoch(struct fixture *f, int64_t epoch)
{
	struct tree_drive drive = docs_mem_get_drive(f->mem, f->drive);

	drive.epoch = epoch;
	docs_mem_set_drive(f->mem, &drive);
}

static int setup(void **state)
{
	static struct fixture f;
	const struct commit_options options = {.run_on_worker = later, .pool = &f};
	struct docs_drive drive;

	memset(&f, 0, sizeof(f));
	assert_int_equal(docs_mem_new(&f.mem), 0);
	assert_int_equal(docs_mem_open(f.mem, &f.store), 0);
	assert_int_equal(f.store->ops->drive_create(f.store, OWNER, SPAN_LITERAL("d"), 0, &drive), 0);
	f.drive = drive.row.id;
	assert_int_equal(commit_new(&options, &f.commit), 0);
	set_epoch(&f, EPOCH);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(docs_mem_check(f->mem, f->drive), 0);
	commit_free(f->commit);
	f->store->ops->free(f->store);
	docs_mem_free(f->mem);
	return 0;
}

/* budget: the signature is commit's */
static void on_answer(struct commit_request *request, int error, int index, const struct op_result *results,
	struct docs_position at, struct docs_answer *ret)
{
	(void)request;
	(void)index;
	(void)results;
	(void)at;
	*ret = (struct docs_answer){.status = error < 0 ? 409 : 200};
}

static void on_done(struct commit_request *request, int error, const struct docs_answer *answer, bool repeat,
	const struct tree_drive *drive)
{
	struct sent *s = (struct sent *)request;

	(void)answer;
	(void)drive;
	s->error = error;
	s->repeat = repeat;
	s->told = request->touched != NULL;
	if (s->told)
		s->touched = *request->touched;
}

static void submit(struct fixture *f, struct sent *s, int64_t epoch, const char *name)
{
	const struct op op = {
		.kind = OP_CREATE, .parent = ITEM_ROOT(f->drive), .name = span_str(name), .mode = S_IFREG};

	*s = (struct sent){.request = {.drive = f->drive,
				   .user = OWNER,
				   .key = {.kind = DOCS_KEY_USER, .user = OWNER, .key = span_str(name)},
				   .epoch = epoch,
				   .lease_epoch = -1,
				   .answer = on_answer,
				   .done = on_done}};
	assert_int_equal(op_batch_new(&op, 1, &s->batch), 0);
	s->request.batch = s->batch;
	assert_int_equal(commit_submit(f->commit, &s->request), 0);
}

static bool touches(const struct touched *t, struct tag tag)
{
	size_t count;
	const struct tag *tags = touched_tags(t, &count);

	for (size_t i = 0; i < count; i++)
		if (tag_eq(&tags[i], &tag))
			return true;
	return false;
}

static void an_answer_to_the_home_lists_the_tags_that_its_change_touched(void **state)
{
	struct fixture *f = *state;
	struct sent s;

	submit(f, &s, EPOCH, "a");
	work(f);
	assert_int_equal(s.error, 0);
	assert_true(s.told);
	assert_int_equal(s.touched.first, 1);
	assert_int_equal(s.touched.last, 1);
	assert_true(touches(&s.touched, tag_name(ITEM_ROOT(f->drive), SPAN_LITERAL("a"))));
	assert_true(touches(&s.touched, tag_of(TAG_LISTING, ITEM_ROOT(f->drive))));
	op_batch_free(s.batch);
}

static void each_answer_of_a_transaction_lists_the_tags_of_all_its_changes(void **state)
{
	static const char *const NAMES[] = {"a", "b", "c"};
	struct fixture *f = *state;
	struct sent sent[3];

	for (size_t i = 0; i < 3; i++)
		submit(f, &sent[i], EPOCH, NAMES[i]);
	work(f);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(sent[i].error, 0);
		assert_true(sent[i].told);
		assert_int_equal(sent[i].touched.first, 1);
		assert_int_equal(sent[i].touched.last, 3);
		for (size_t k = 0; k < 3; k++)
			assert_true(touches(&sent[i].touched, tag_name(ITEM_ROOT(f->drive), span_str(NAMES[k]))));
		op_batch_free(sent[i].batch);
	}
}

static void a_repeat_lists_no_tags_and_the_current_position_of_the_drive(void **state)
{
	struct fixture *f = *state;
	struct sent s;
	size_t count = 7;

	submit(f, &s, EPOCH, "a");
	work(f);
	op_batch_free(s.batch);
	submit(f, &s, EPOCH, "b");
	work(f);
	op_batch_free(s.batch);
	submit(f, &s, EPOCH, "a");
	work(f);
	assert_true(s.repeat && s.told);
	touched_tags(&s.touched, &count);
	assert_int_equal(count, 0);
	assert_int_equal(s.touched.first, 3);
	assert_int_equal(s.touched.last, 2);
	op_batch_free(s.batch);
}

static void a_change_with_another_epoch_than_the_homes_is_refused(void **state)
{
	static const int64_t OTHERS[] = {-1, 0, EPOCH - 1, EPOCH + 1};
	struct fixture *f = *state;
	struct sent s;

	for (size_t i = 0; i < sizeof(OTHERS) / sizeof(OTHERS[0]); i++) {
		submit(f, &s, OTHERS[i], "a");
		work(f);
		assert_int_equal(s.error, -ERR_EPOCH);
		assert_false(s.told);
		op_batch_free(s.batch);
	}
	assert_int_equal(docs_mem_get_drive(f->mem, f->drive).seq, 0);
}

static void a_drive_without_a_home_accepts_only_changes_without_an_epoch(void **state)
{
	struct fixture *f = *state;
	struct sent s;

	set_epoch(f, 0);
	submit(f, &s, EPOCH, "a");
	work(f);
	assert_int_equal(s.error, -ERR_EPOCH);
	op_batch_free(s.batch);
	submit(f, &s, -1, "a");
	work(f);
	assert_int_equal(s.error, 0);
	assert_false(s.told);
	op_batch_free(s.batch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			an_answer_to_the_home_lists_the_tags_that_its_change_touched, setup, teardown),
		cmocka_unit_test_setup_teardown(
			each_answer_of_a_transaction_lists_the_tags_of_all_its_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_repeat_lists_no_tags_and_the_current_position_of_the_drive, setup, teardown),
		cmocka_unit_test_setup_teardown(a_change_with_another_epoch_than_the_homes_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_drive_without_a_home_accepts_only_changes_without_an_epoch, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
