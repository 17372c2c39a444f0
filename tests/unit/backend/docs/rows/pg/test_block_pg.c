/* Blocks as rows: the suite of all stores, and what only a database can do. Each test has the tables for itself. */
#include "backend/docs/rows/pg/block_pg.h"

#include "backend/docs/rows/pg/sql_numbers.h"
#include "tests/unit/backend/docs/blocks/block_suite.h"
#include "tests/unit/backend/docs/rows/pg/pg_fixture.h"

#include <pthread.h>
#include <unistd.h>

struct fixture {
	struct block_trial trial; /* first: what the suite takes */
	struct pg *pg;		  /* the test's own */
	struct block_store *other;
};

/* A trigger that raises the test's error at a piece in the middle of a block, or at COMMIT. */
static const char TRAP[] =
	"CREATE OR REPLACE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
	" IF TG_ARGV[0] = 'die' THEN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(20); END IF;"
	" RAISE EXCEPTION 'trapped' USING ERRCODE = TG_ARGV[0]; END $$";
#define TRAP_PIECE(what)                                                                                                  \
	"CREATE TRIGGER trap BEFORE INSERT ON block_piece FOR EACH ROW WHEN (NEW.piece = 5) EXECUTE FUNCTION trap('" what \
	"')"
#define TRAP_COMMIT(what)                                                                                  \
	"CREATE CONSTRAINT TRIGGER trap AFTER INSERT ON block_data DEFERRABLE INITIALLY DEFERRED FOR EACH" \
	" ROW EXECUTE FUNCTION trap('" what "')"
#define TRAP_OFF "DROP TRIGGER IF EXISTS trap ON block_piece; DROP TRIGGER IF EXISTS trap ON block_data"

static void sql(struct fixture *f, const char *text)
{
	if (pg_script(f->pg, text) < 0)
		fail_msg("%s: %s", text, pg_error(f->pg));
}

static struct block_store *another_store(const char *conninfo, unsigned connections)
{
	const struct block_pg_options options = {
		.conninfo = conninfo, .spool_folder = server.dir, .connections = connections};
	struct block_store *s = NULL;

	assert_int_equal(block_pg_new(&options, &s), 0);
	return s;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_int_equal(pg_new(server.conninfo, &f->pg), 0);
	sql(f, TRAP_OFF);
	sql(f, "TRUNCATE block_data, block_piece");
	sql(f, TRAP);
	f->trial.blocks = another_store(server.conninfo, 2);
	f->other = another_store(server.conninfo, 1);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	f->trial.blocks->ops->free(f->trial.blocks);
	f->other->ops->free(f->other);
	pg_free(f->pg);
	free(f);
	return 0;
}

/* Returns how many rows of blocks and pieces there are. */
static int64_t rows(void)
{
	return number_of_text("SELECT (SELECT count(*) FROM block_data) + (SELECT count(*) FROM block_piece)");
}

static int put_large(struct fixture *f, const struct block_name *name)
{
	char *bytes = block_trial_bytes(BLOCK_BYTES_MAX);
	const int r = f->trial.blocks->ops->put(f->trial.blocks, name, span_of(bytes, BLOCK_BYTES_MAX));

	free(bytes);
	return r;
}

static void a_block_is_stored_as_one_row_and_uncompressed_pieces(void **state)
{
	struct fixture *f = *state;
	const struct block_name name = block_trial_name(1, 1), empty = block_trial_name(2, 1);

	assert_int_equal(put_large(f, &name), 0);
	assert_int_equal(rows(), 1 + BLOCK_BYTES_MAX / BLOCK_PIECE_BYTES);
	assert_int_equal(number_of_text("SELECT max(length(bytes)) FROM block_piece"), BLOCK_PIECE_BYTES);
	/* Pieces are not compressed, however well they would compress. */
	assert_true(number_of_text("SELECT count(*) FROM pg_attribute WHERE attrelid = 'block_piece'::regclass AND"
				   " attname = 'bytes' AND attstorage = 'e'") == 1);
	assert_int_equal(block_trial_put(&f->trial, &empty, ""), 0);
	assert_int_equal(f->trial.blocks->ops->remove(f->trial.blocks, &name), 0);
	assert_int_equal(rows(), 1);
}

static void stores_on_one_database_see_each_others_blocks(void **state)
{
	struct fixture *f = *state;
	const struct block_name name = block_trial_name(1, 1);
	struct block_trial other = {f->other};
	char data[8];
	uint32_t size;

	assert_int_equal(block_trial_put(&f->trial, &name, "shared"), 0);
	assert_int_equal(block_trial_put(&other, &name, "again"), -EEXIST);
	assert_int_equal(f->other->ops->get(f->other, &name, 0, data, sizeof(data), &size), 0);
	assert_int_equal(size, 6);
	assert_memory_equal(data, "shared", 6);
	assert_int_equal(block_trial_each(&other, 0, -3600).count, 1);
	assert_int_equal(f->other->ops->remove(f->other, &name), 0);
	assert_int_equal(f->trial.blocks->ops->size(f->trial.blocks, &name, &size), -ENOENT);
}

static void each_skips_blocks_younger_than_the_given_age(void **state)
{
	struct fixture *f = *state;

	for (int64_t i = 1; i <= 4; i++) {
		const struct block_name name = block_trial_name((uint8_t)i, i);

		assert_int_equal(block_trial_put(&f->trial, &name, "x"), 0);
	}
	sql(f, "UPDATE block_data SET written_at = now() - interval '2 h' WHERE generation IN (2, 4)");
	assert_int_equal(block_trial_each(&f->trial, 0, 3600).sum, 2 + 4);
	assert_int_equal(block_trial_each(&f->trial, 0x0303, 3600).sum, 4);
	assert_int_equal(block_trial_each(&f->trial, 0x0405, 3600).count, 0);
	assert_int_equal(block_trial_each(&f->trial, 0, 7300).count, 0);
}

/* The callback calls the store, which has only one connection. */
static int remove_it(const struct block_name *name, void *cookie)
{
	struct block_store *s = cookie;

	return s->ops->remove(s, name);
}

static void the_callback_of_each_may_remove_the_block_it_is_given(void **state)
{
	struct fixture *f = *state;
	uint32_t folder = 0;

	for (int64_t i = 0; i < BLOCK_PG_NAMES + 10; i++) {
		const struct block_name name = block_trial_name(0xff, i);

		assert_int_equal(block_trial_put(&f->trial, &name, "x"), 0);
	}
	assert_int_equal(f->other->ops->each(f->other, &folder, -3600, remove_it, f->other), 0);
	assert_int_equal(folder, 0);
	assert_int_equal(rows(), 0);
}

static void a_failed_put_leaves_no_rows_and_returns_the_cause(void **state)
{
	static const struct {
		const char *trap;
		int error;
	} cases[] = {
		{TRAP_PIECE("53100"), -ENOSPC}, /* disk_full */
		{TRAP_PIECE("58030"), -EIO},	/* io_error */
		{TRAP_PIECE("57014"), -ETIMEDOUT},
		{TRAP_PIECE("die"), -ENOTCONN},
		{TRAP_COMMIT("53100"), -ENOSPC},
		{TRAP_COMMIT("58030"), -EIO},
		{TRAP_COMMIT("die"), -ENOTCONN},
	};
	struct fixture *f = *state;
	const struct block_name name = block_trial_name(1, 1);

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		sql(f, cases[i].trap);
		if (put_large(f, &name) != cases[i].error)
			fail_msg("%s: not %d", cases[i].trap, cases[i].error);
		/* Waits for the lock of the backend that died, until it is gone. */
		sql(f, TRAP_OFF);
		assert_int_equal(rows(), 0);
	}
	assert_int_equal(put_large(f, &name), 0);
}

static void reading_a_block_with_missing_or_short_pieces_returns_eio(void **state)
{
	static const char *const damages[] = {"DELETE FROM block_piece WHERE piece = 3",
		"UPDATE block_piece SET bytes = substr(bytes, 2) WHERE piece = 4",
		"DELETE FROM block_piece WHERE piece = 15",
		"UPDATE block_piece SET bytes = bytes || '!' WHERE piece = 7"};
	struct fixture *f = *state;
	char *data = malloc(BLOCK_BYTES_MAX);
	uint32_t size;

	for (size_t i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
		const struct block_name name = block_trial_name(1, (int64_t)i);
		/* Of a piece that is too long, only the right length is read. */
		const int wanted = i == 3 ? 0 : -EIO;

		sql(f, "TRUNCATE block_data, block_piece");
		assert_int_equal(put_large(f, &name), 0);
		sql(f, damages[i]);
		assert_int_equal(
			f->trial.blocks->ops->get(f->trial.blocks, &name, 0, data, BLOCK_BYTES_MAX, &size), wanted);
		assert_int_equal(f->trial.blocks->ops->get(f->trial.blocks, &name, 10, data, 1000, &size), 0);
	}
	free(data);
}

static void every_call_without_a_server_returns_enotconn(void **state)
{
	struct block_store *s = another_store("host=/nowhere/at/all dbname=docs", 1);
	struct block_trial t = {s};
	const struct block_name name = block_trial_name(1, 1);
	uint32_t folder = 0, size;
	char data[1];

	(void)state;
	assert_int_equal(block_trial_put(&t, &name, "x"), -ENOTCONN);
	assert_int_equal(s->ops->get(s, &name, 0, data, 1, &size), -ENOTCONN);
	assert_int_equal(s->ops->size(s, &name, &size), -ENOTCONN);
	assert_int_equal(s->ops->remove(s, &name), -ENOTCONN);
	assert_int_equal(s->ops->each(s, &folder, 0, remove_it, s), -ENOTCONN);
	s->ops->free(s);
}

static void the_block_store_reconnects_after_its_connection_is_lost(void **state)
{
	struct fixture *f = *state;
	const struct block_name name = block_trial_name(1, 1), second = block_trial_name(1, 2);
	uint32_t size;

	assert_int_equal(block_trial_put(&f->trial, &name, "x"), 0);
	assert_true(number_of_text("SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity"
				   " WHERE query LIKE '%COMMIT%' AND pid <> pg_backend_pid()") > 0);
	assert_int_equal(block_trial_put(&f->trial, &second, "x"), 0);
	assert_int_equal(f->trial.blocks->ops->size(f->trial.blocks, &name, &size), 0);
}

static void block_pg_new_refuses_bad_spool_folders_and_connection_counts(void **state)
{
	struct block_pg_options options = {.conninfo = server.conninfo, .spool_folder = "/dev/null", .connections = 1};
	struct block_store *s;

	(void)state;
	assert_int_equal(block_pg_new(&options, &s), -ENOTDIR);
	options.spool_folder = "/tmp/none/such";
	assert_int_equal(block_pg_new(&options, &s), -ENOENT);
	options.spool_folder = server.dir;
	options.connections = 0;
	assert_int_equal(block_pg_new(&options, &s), -EINVAL);
	options.connections = BLOCK_PG_CONNECTIONS_MAX + 1;
	assert_int_equal(block_pg_new(&options, &s), -EINVAL);
}

/* A crash between the bytes and the row leaves such a stray. */
static void a_block_is_a_stray_until_its_row_is_stored(void **state)
{
	struct worker *w = *state;
	struct block_store *s = another_store(server.conninfo, 1);
	struct block_trial t = {s};
	struct docs_block block = {.size = 1, .uploader = w->scope.user}, known;
	int64_t room;
	bool stray = false;

	memset(block.sha256, 0x11, sizeof(block.sha256));
	assert_ok(w, w->store->ops->block_generation(w->store, &w->scope, &block, &room));
	struct block_name name = block_trial_name(0x11, block.generation);
	name.drive = w->scope.drive;
	assert_int_equal(block_trial_put(&t, &name, "x"), 0);
	assert_ok(w, w->store->ops->blocks_strays(w->store, &name, 1, &stray));
	assert_true(stray);
	assert_ok(w, w->store->ops->block_stored(w->store, &w->scope, &block, &known));
	assert_ok(w, w->store->ops->blocks_strays(w->store, &name, 1, &stray));
	assert_false(stray);
	s->ops->free(s);
}

#define PG_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BLOCK_SUITE("in_rows", setup, teardown),
		PG_TEST(a_block_is_stored_as_one_row_and_uncompressed_pieces),
		PG_TEST(stores_on_one_database_see_each_others_blocks),
		PG_TEST(each_skips_blocks_younger_than_the_given_age),
		PG_TEST(the_callback_of_each_may_remove_the_block_it_is_given),
		PG_TEST(a_failed_put_leaves_no_rows_and_returns_the_cause),
		PG_TEST(reading_a_block_with_missing_or_short_pieces_returns_eio),
		PG_TEST(every_call_without_a_server_returns_enotconn),
		PG_TEST(the_block_store_reconnects_after_its_connection_is_lost),
		PG_TEST(block_pg_new_refuses_bad_spool_folders_and_connection_counts),
		with_worker(a_block_is_a_stray_until_its_row_is_stored),
	};

	return cmocka_run_group_tests(tests, server_start, server_stop);
}
