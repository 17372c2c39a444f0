/* commit: a full disk stops only what makes rows, and such a refusal is not kept as an answer. */
#include "backend/docs/rows/docs_mem.h"
#include "backend/docs/rules/commit.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <cmocka.h>

#define OWNER 7

struct fixture {
	struct docs_mem *mem;
	struct docs_store *store;
	struct commit *commit;
	uint32_t drive;
	bool full;
	void (*job)(struct docs_store *store, void *cookie);
	void *cookie;
};

struct sent {
	struct commit_request request; /* first */
	int refused, error;
	bool repeat;
};

static int keep_job(void (*job)(struct docs_store *store, void *cookie), void *cookie, void *pool, int64_t party)
{
	(void)party;
	struct fixture *f = pool;

	f->job = job;
	f->cookie = cookie;
	return 0;
}

static bool is_full(void *cookie)
{
	return ((const struct fixture *)cookie)->full;
}

/* budget: the signature is commit's */
static void on_answer(struct commit_request *request, int error, int index, const struct op_result *results,
	struct docs_position at, struct docs_answer *ret)
{
	(void)index, (void)results, (void)at;
	((struct sent *)request)->refused = error;
	*ret = (struct docs_answer){.status = error < 0 ? 409 : 200};
}

static void on_done(struct commit_request *request, int error, const struct docs_answer *answer, bool repeat,
	const struct tree_drive *drive)
{
	struct sent *s = (struct sent *)request;

	(void)answer, (void)drive;
	s->error = error;
	s->repeat = repeat;
}

static int setup(void **state)
{
	static struct fixture f;
	const struct commit_options options = {
		.run_on_worker = keep_job, .pool = &f, .is_full = is_full, .is_full_cookie = &f};
	struct docs_drive drive;

	f = (struct fixture){0};
	assert_int_equal(docs_mem_new(&f.mem), 0);
	assert_int_equal(docs_mem_open(f.mem, &f.store), 0);
	assert_int_equal(f.store->ops->drive_create(f.store, OWNER, SPAN_LITERAL("home"), 0, &drive), 0);
	f.drive = drive.row.id;
	assert_int_equal(commit_new(&options, &f.commit), 0);
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

/* Runs ops in a transaction of their own, with a key unless it is NULL. */
static struct sent run(struct fixture *f, const char *key, const struct op *ops, size_t count)
{
	struct sent s = {.request = {.drive = f->drive,
				 .user = OWNER,
				 .epoch = -1,
				 .lease_epoch = -1,
				 .answer = on_answer,
				 .done = on_done}};
	struct op_batch *batch;

	if (key)
		s.request.key = (struct docs_key){.kind = DOCS_KEY_USER, .user = OWNER, .key = span_str(key)};
	assert_int_equal(op_batch_new(ops, count, &batch), 0);
	s.request.batch = batch;
	assert_int_equal(commit_submit(f->commit, &s.request), 0);
	f->job(f->store, f->cookie);
	op_batch_free(batch);
	return s;
}

static void holds(struct fixture *f, const struct op *op)
{
	const struct sent s = run(f, NULL, op, 1);

	assert_int_equal(s.error, 0);
	assert_int_equal(s.refused, 0);
}

static struct op create(const struct fixture *f, const char *name)
{
	return (struct op){.kind = OP_CREATE, .parent = ITEM_ROOT(f->drive), .name = span_str(name), .mode = S_IFREG};
}

static struct op write_of(int64_t id, struct op_extent *extent, const char *text)
{
	*extent = (struct op_extent){.len = (int64_t)strlen(text), .kind = OP_EXTENT_DATA, .data = span_str(text)};
	return (struct op){.kind = OP_WRITE, .id = id, .extents = extent, .extent_count = 1};
}

static void on_a_full_disk_growing_ops_are_refused_and_others_succeed(void **state)
{
	struct fixture *f = *state;
	const int64_t root = ITEM_ROOT(f->drive), file = ITEM_ID(f->drive, 2);
	struct op_extent extents[3];
	const struct op make = create(f, "x"), write_first = write_of(file, &extents[0], "1234");
	const struct op growing[] = {
		create(f, "y"),
		write_of(file, &extents[1], "123456789"),
		{.kind = OP_SETXATTR, .id = file, .name = SPAN_LITERAL("user.a"), .target = SPAN_LITERAL("v")},
		{.kind = OP_LINK, .id = file, .parent = root, .name = SPAN_LITERAL("again")},
	};
	const struct op others[] = {
		write_of(file, &extents[2], "abcd"),
		{.kind = OP_SETATTR, .id = file, .fields = OP_HAS_SIZE, .size = 2},
		{.kind = OP_SETATTR, .id = file, .fields = OP_HAS_MODE, .mode = 0600},
		{.kind = OP_RENAME,
			.parent = root,
			.name = SPAN_LITERAL("x"),
			.new_parent = root,
			.new_name = SPAN_LITERAL("z")},
		{.kind = OP_UNLINK, .parent = root, .name = SPAN_LITERAL("z")},
	};

	holds(f, &make);
	holds(f, &write_first);
	f->full = true;
	for (size_t i = 0; i < sizeof(growing) / sizeof(growing[0]); i++)
		assert_int_equal(run(f, NULL, &growing[i], 1).error, -ENOSPC);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		holds(f, &others[i]);
}

static void on_a_full_disk_a_batch_that_frees_as_much_as_it_adds_succeeds(void **state)
{
	struct fixture *f = *state;
	const int64_t root = ITEM_ROOT(f->drive);
	const struct op make = {.kind = OP_CREATE, .parent = root, .name = SPAN_LITERAL("x"), .mode = S_IFDIR};
	const struct op change[] = {{.kind = OP_RMDIR, .parent = root, .name = SPAN_LITERAL("x")}, create(f, "y")};

	holds(f, &make);
	f->full = true;
	assert_int_equal(run(f, NULL, &change[1], 1).error, -ENOSPC);
	assert_int_equal(run(f, NULL, change, 2).refused, 0);
	assert_int_equal(docs_mem_get_drive(f->mem, f->drive).seq, 3);
}

static void a_refusal_by_a_full_disk_is_not_kept_under_its_key(void **state)
{
	struct fixture *f = *state;
	const struct op make = create(f, "x");
	struct sent s;

	f->full = true;
	assert_int_equal(run(f, "k", &make, 1).error, -ENOSPC);
	f->full = false;
	s = run(f, "k", &make, 1);
	assert_int_equal(s.error, 0);
	assert_false(s.repeat);
	f->full = true;
	s = run(f, "k", &make, 1); /* the first one was done, so this is a repeat */
	assert_int_equal(s.error, 0);
	assert_true(s.repeat);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(on_a_full_disk_growing_ops_are_refused_and_others_succeed),
		CASE(on_a_full_disk_a_batch_that_frees_as_much_as_it_adds_succeeds),
		CASE(a_refusal_by_a_full_disk_is_not_kept_under_its_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
