#include "fusefs/content/reader.h"

#include "common/base/sha256.h"
#include "fusefs/ops/handle.h"
#include "fusefs/ops/fs.h"
#include "fusefs/ops/ops_fs.h"
#include "fusefs/store/testing/fault.h"
#include "fusefs/store/testing/mem.h"
#include "tests/unit/fusefs/outcome.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#define WAIT_MS 120000 /* a deadline of tests: only reached when something hangs */
#define MIB (1024 * 1024)
#define LARGE 5
#define LARGE_BYTES (LARGE * 4 * MIB)
#define BLOCKS (LARGE + 1)
#define SMALL_BYTES (200 * 1024)
#define HOLE_BYTES (300 * 1024)
#define ODD_BYTES (700 * 1024 + 13)
#define FILE_BYTES (LARGE_BYTES + SMALL_BYTES + HOLE_BYTES + ODD_BYTES)

/* A mount with one file: large blocks, a small block, a hole, and a part of a block of odd size. */
struct fixture {
	struct mem_drive *drive;
	struct store *store; /* fails on purpose; wraps one in memory */
	struct oplog *log;
	struct fs *fs;
	struct inode *inode;
	char *model;
};

static void on_put(void *cookie, int error)
{
	outcome_tell(cookie, error);
}

static void on_batch(void *cookie, int error, const struct store_batch_reply *reply)
{
	struct outcome *o = cookie;

	if (error == 0)
		o->id = reply->results[0].id;
	outcome_tell(o, error);
}

static int64_t apply(struct fixture *f, const struct op *op)
{
	struct outcome o;

	outcome_init(&o);
	f->store->ops->batch(f->store, op, 1, on_batch, &o);
	assert_int_equal(outcome_wait(&o), 0);
	return o.id;
}

/* Stores a block and returns an extent: the part of the block from byte `skip` on, which is [at, at + len) of the
 * model. */
static struct op_extent put_block(struct fixture *f, int64_t at, size_t len, uint32_t skip)
{
	struct op_extent e = {.at = at, .len = (int64_t)len, .kind = OP_EXTENT_BLOCK, .from = skip};
	char *bytes = calloc(1, len + 2 * (size_t)skip);
	struct outcome o;

	assert_non_null(bytes);
	memcpy(bytes + skip, f->model + at, len);
	assert_int_equal(sha256_of(span_of(bytes, len + 2 * (size_t)skip), e.sha256), 0);
	outcome_init(&o);
	f->store->ops->block_put(f->store, e.sha256, span_of(bytes, len + 2 * (size_t)skip), on_put, &o);
	assert_int_equal(outcome_wait(&o), 0);
	free(bytes);
	return e;
}

static int64_t make_file(struct fixture *f)
{
	struct op create = {
		.kind = OP_CREATE, .parent = ITEM_ROOT(7), .name = SPAN_LITERAL("file"), .mode = S_IFREG | 0644};
	struct op_extent extents[BLOCKS + 1];
	struct op write = {.kind = OP_WRITE, .extents = extents, .extent_count = BLOCKS + 1};
	int64_t at = 0;

	for (int64_t i = 0; i < FILE_BYTES; i += 4)
		memcpy(f->model + i, &(uint32_t){(uint32_t)random()}, i + 4 <= FILE_BYTES ? 4 : 1);
	for (int i = 0; i < LARGE; i++, at += 4 * MIB)
		extents[i] = put_block(f, at, 4 * MIB, 0);
	extents[LARGE] = put_block(f, at, SMALL_BYTES, 0);
	at += SMALL_BYTES;
	memset(f->model + at, 0, HOLE_BYTES);
	at += HOLE_BYTES;
	extents[LARGE + 1] = put_block(f, at, ODD_BYTES, 100001);
	write.id = apply(f, &create);
	(void)apply(f, &write);
	return write.id;
}

static int setup_with(void **state, size_t cache_bytes)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct fs_options options = {.root = ITEM_ROOT(7), .root_mode = true, .cache_bytes = cache_bytes};
	struct store *memory;
	int64_t id;

	assert_non_null(f);
	srandom(1);
	f->model = malloc(FILE_BYTES + 4);
	assert_non_null(f->model);
	assert_int_equal(mem_drive_new(7, 0, &f->drive), 0);
	assert_int_equal(mem_store_new(f->drive, &memory), 0);
	assert_int_equal(fault_new(memory, &f->store), 0);
	assert_int_equal(oplog_new(f->store, &f->log), 0);
	options.store = f->store;
	options.oplog = f->log;
	assert_int_equal(fs_new(&options, &f->fs), 0);
	id = make_file(f);
	core_lock(&f->fs->core);
	f->inode = inodes_get(&f->fs->core.inodes, id);
	core_unlock(&f->fs->core);
	assert_non_null(f->inode);
	*state = f;
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, 64 * MIB);
}

static int setup_small_cache(void **state)
{
	return setup_with(state, 4 * MIB);
}

/* Large blocks fit into this cache, the whole file does not. */
static int setup_tight_cache(void **state)
{
	return setup_with(state, 16 * MIB);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	core_lock(&f->fs->core);
	inode_unref(f->inode);
	core_unlock(&f->fs->core);
	assert_int_equal(oplog_drain(f->log, WAIT_MS, NULL), 0);
	fs_free(f->fs);
	oplog_free(f->log);
	f->store->ops->free(f->store);
	mem_drive_free(f->drive);
	free(f->model);
	free(f);
	return 0;
}

/* ---- reading ---- */

struct reading {
	struct reader reader; /* must be first */
	struct outcome outcome;
};

static void on_read(struct reader *r)
{
	outcome_tell(&((struct reading *)r)->outcome, r->error);
}

static void read_start(struct fixture *f, struct reading *r, struct readahead *ahead, int64_t at, size_t size)
{
	memset(r, 0, sizeof(*r));
	outcome_init(&r->outcome);
	r->reader.blocks = &f->fs->blocks;
	r->reader.inode = f->inode;
	r->reader.at = at;
	r->reader.asked = size;
	r->reader.done = on_read;
	core_lock(&f->fs->core);
	if (ahead) {
		readahead_read(&f->fs->blocks, f->inode, ahead, at, size);
		r->reader.ahead = readahead_is_sequential(ahead);
	}
	reader_start(&r->reader);
	core_unlock(&f->fs->core);
}

/* Waits for the read, and compares its bytes with the model. */
static int read_end(struct fixture *f, struct reading *r)
{
	int error = outcome_wait(&r->outcome);
	const char *model = f->model + r->reader.at;
	size_t size = 0;

	for (size_t i = 0; error == 0 && i < r->reader.part_count; i++) {
		assert_memory_equal(r->reader.parts[i].iov_base, model + size, r->reader.parts[i].iov_len);
		size += r->reader.parts[i].iov_len;
	}
	if (error == 0)
		assert_int_equal(size, r->reader.size);
	reader_fini(&r->reader);
	return error;
}

static int read_at(struct fixture *f, struct readahead *ahead, int64_t at, size_t size)
{
	struct reading r;

	read_start(f, &r, ahead, at, size);
	return read_end(f, &r);
}

static struct mem_counts counts_of(struct fixture *f)
{
	struct mem_counts counts;

	mem_drive_counts(f->drive, &counts);
	return counts;
}

static size_t cached(struct fixture *f)
{
	size_t used;

	core_lock(&f->fs->core);
	used = f->fs->blocks.used;
	core_unlock(&f->fs->core);
	return used;
}

/* ---- tests ---- */

static void reads_return_current_bytes_while_the_journal_cannot_be_read(void **state)
{
	struct fixture *f = *state;
	struct op_extent extent;
	struct op write = {.kind = OP_WRITE, .id = f->inode->id, .extents = &extent, .extent_count = 1};

	core_lock(&f->fs->core);
	f->fs->core.view.trusted_until_ns = 0; /* as if the journal had not been read for too long */
	core_unlock(&f->fs->core);
	assert_int_equal(read_at(f, NULL, 5 * MIB + 7, 4096), 0);
	assert_int_equal(read_at(f, NULL, 5 * MIB + 7, 4096), 0);
	memset(f->model + 5 * MIB, 'n', MIB);
	extent = put_block(f, 5 * MIB, MIB, 0);
	(void)apply(f, &write); /* another mount writes, and this one is not notified */
	assert_int_equal(read_at(f, NULL, 5 * MIB + 7, 4096), 0);
}

static void a_random_read_fetches_only_the_piece_that_it_touches_and_caches_it(void **state)
{
	struct fixture *f = *state;
	struct readahead ahead = {0};

	assert_int_equal(read_at(f, &ahead, 6 * MIB + 8192, 4096), 0);
	assert_int_equal(counts_of(f).block_gets, 1);
	assert_int_equal(counts_of(f).block_bytes, BLOCKS_PIECE_BYTES);
	assert_int_equal(read_at(f, &ahead, 6 * MIB + 8192, 4096), 0);
	assert_int_equal(read_at(f, &ahead, 6 * MIB + 100, 4096), 0);
	assert_int_equal(counts_of(f).block_gets, 1);
	assert_int_equal(cached(f), BLOCKS_PIECE_BYTES);
}

static void a_random_read_fetches_each_range_of_missing_pieces_with_one_request(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_at(f, NULL, 5 * MIB + 1, MIB / 2), 0);
	assert_int_equal(counts_of(f).block_gets, 1);
	assert_int_equal(counts_of(f).block_bytes, MIB / 2 + BLOCKS_PIECE_BYTES);
	/* The pieces that are already cached divide the range that is asked for. */
	assert_int_equal(read_at(f, NULL, 5 * MIB - BLOCKS_PIECE_BYTES, MIB), 0);
	assert_int_equal(counts_of(f).block_gets, 3);
	assert_int_equal(counts_of(f).block_bytes, MIB);
}

static void a_read_from_a_small_block_fetches_the_whole_block(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_at(f, NULL, LARGE_BYTES + 150000, 100), 0);
	assert_int_equal(counts_of(f).block_bytes, SMALL_BYTES);
}

static void a_sequential_reader_fetches_every_block_whole_and_once(void **state)
{
	struct fixture *f = *state;
	struct readahead ahead = {0};

	for (int64_t at = 0; at < FILE_BYTES; at += 128 * 1024)
		assert_int_equal(read_at(f, &ahead, at, 128 * 1024), 0);
	assert_int_equal(counts_of(f).block_gets, BLOCKS + 1);
	assert_int_equal(counts_of(f).block_bytes, LARGE_BYTES + SMALL_BYTES + ODD_BYTES + 2 * 100001);
}

static size_t passed(struct fixture *f)
{
	size_t used;

	core_lock(&f->fs->core);
	used = f->fs->blocks.passed_used;
	core_unlock(&f->fs->core);
	return used;
}

static void read_on(struct fixture *f, struct readahead *ahead, int64_t from, int64_t to)
{
	for (int64_t at = from; at < to; at += 512 * 1024)
		assert_int_equal(read_at(f, ahead, at, 512 * 1024), 0);
}

static struct handle *open_file(struct fixture *f, int flags)
{
	struct handle *h;

	core_lock(&f->fs->core);
	h = handle_new(&f->fs->handles, f->inode, flags);
	core_unlock(&f->fs->core);
	assert_non_null(h);
	return h;
}

static void close_file(struct fixture *f, struct handle *h)
{
	core_lock(&f->fs->core);
	handle_free(&f->fs->handles, h);
	core_unlock(&f->fs->core);
}

static void handles_end_frees_handles_that_were_never_released(void **state)
{
	struct fixture *f = *state;

	(void)open_file(f, O_RDONLY);
	(void)open_file(f, O_RDWR);
	core_lock(&f->fs->core);
	assert_int_equal(f->inode->opens, 2);
	handles_end(&f->fs->handles);
	assert_int_equal(f->inode->opens, 0);
	assert_null(f->fs->handles.list);
	core_unlock(&f->fs->core);
}

static void a_sequential_reader_passes_a_block_1_mib_after_its_end_or_at_close(void **state)
{
	struct fixture *f = *state;
	struct handle *h = open_file(f, O_RDONLY);

	read_on(f, &h->ahead, 0, 5 * MIB - MIB / 2);
	assert_int_equal(passed(f), 0);
	read_on(f, &h->ahead, 5 * MIB - MIB / 2, 5 * MIB);
	assert_int_equal(passed(f), 4 * MIB);
	read_on(f, &h->ahead, 5 * MIB, 8 * MIB);
	assert_int_equal(passed(f), 4 * MIB);
	close_file(f, h);
	assert_int_equal(passed(f), 8 * MIB);
}

static void a_reader_that_begins_inside_a_block_does_not_pass_that_block(void **state)
{
	struct fixture *f = *state;
	struct handle *h = open_file(f, O_RDONLY);

	read_on(f, &h->ahead, 2 * MIB, 9 * MIB);
	assert_int_equal(passed(f), 4 * MIB);
	close_file(f, h);
	assert_int_equal(passed(f), 4 * MIB);
}

static void an_o_direct_reader_passes_no_blocks(void **state)
{
	struct fixture *f = *state;
	struct handle *h = open_file(f, O_RDONLY | O_DIRECT);

	read_on(f, &h->ahead, 0, LARGE_BYTES);
	close_file(f, h);
	assert_int_equal(passed(f), 0);
}

/* Reads a file again and again that does not fit into the cache. Its blocks reuse each other's memory, and must
 * always have the right bytes. */
static void blocks_that_reuse_the_memory_of_evicted_blocks_have_the_right_bytes(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 4; i++) {
		struct handle *h = open_file(f, O_RDONLY);

		for (int64_t at = 0; at < FILE_BYTES; at += 128 * 1024)
			assert_int_equal(read_at(f, &h->ahead, at, 128 * 1024), 0);
		close_file(f, h);
		assert_true(cached(f) <= f->fs->blocks.max);
	}
}

static void a_whole_block_replaces_its_pieces_in_the_cache(void **state)
{
	struct fixture *f = *state;
	struct readahead ahead = {0};

	assert_int_equal(read_at(f, NULL, 3 * MIB, 4096), 0);
	assert_int_equal(cached(f), BLOCKS_PIECE_BYTES);
	assert_int_equal(read_at(f, &ahead, 0, 4096), 0);
	assert_int_equal(cached(f), 4 * MIB);
	assert_int_equal(read_at(f, NULL, 3 * MIB, 4096), 0);
	assert_int_equal(counts_of(f).block_gets, 2);
}

static void concurrent_readers_of_the_same_piece_share_one_request(void **state)
{
	struct fixture *f = *state;
	struct reading a, b, c;

	assert_int_equal(read_at(f, NULL, 0, 1), 0); /* so that the extents are cached */
	fault_add(f->store, &(struct fault_rule){.call = FAULT_BLOCK_GET, .kind = FAULT_HOLD});
	read_start(f, &a, NULL, 2 * MIB, 4096);
	read_start(f, &b, NULL, 2 * MIB + 8192, 4096);
	read_start(f, &c, NULL, 2 * MIB + 100000, 100000); /* the same piece and one more */
	assert_int_equal(fault_wait_held(f->store, FAULT_BLOCK_GET, 2, WAIT_MS), 0);
	fault_clear(f->store);
	assert_int_equal(fault_release(f->store, FAULT_BLOCK_GET), 2);
	assert_int_equal(read_end(f, &a), 0);
	assert_int_equal(read_end(f, &b), 0);
	assert_int_equal(read_end(f, &c), 0);
	assert_int_equal(counts_of(f).block_gets, 3);
}

static void a_piece_that_arrives_after_its_whole_block_is_not_cached(void **state)
{
	struct fixture *f = *state;
	struct readahead ahead = {0};
	struct reading a, b;

	assert_int_equal(read_at(f, NULL, 0, 1), 0);
	fault_add(f->store, &(struct fault_rule){.call = FAULT_BLOCK_GET, .kind = FAULT_HOLD, .reorder = true});
	read_start(f, &a, NULL, 2 * MIB, 4096);
	read_start(f, &b, &ahead, 0, 4096);
	assert_int_equal(fault_wait_held(f->store, FAULT_BLOCK_GET, 2, WAIT_MS), 0);
	fault_clear(f->store);
	(void)fault_release(f->store, FAULT_BLOCK_GET);
	assert_int_equal(read_end(f, &a), 0);
	assert_int_equal(read_end(f, &b), 0);
	assert_int_equal(cached(f), 4 * MIB);
}

/* A read that has to wait: the same calls as in ops_read. */
static void miss_start(struct fixture *f, struct reading *r, struct readahead *ahead, int64_t at)
{
	read_start(f, r, ahead, at, 4096);
	core_lock(&f->fs->core);
	readahead_missed(&f->fs->blocks, f->inode, ahead, at);
	core_unlock(&f->fs->core);
}

static int miss(struct fixture *f, struct readahead *ahead, int64_t at)
{
	struct reading r;

	miss_start(f, &r, ahead, at);
	return read_end(f, &r);
}

#define OFTEN (READAHEAD_DENSE_MISSES * BLOCKS)
#define OFTEN_BYTES ((OFTEN + 1) * BLOCKS_PIECE_BYTES)

/* As many reads as make it worth while to fetch whole blocks. Each reads a piece of its own, and they are far
 * enough apart to be random reads. */
static void miss_often(struct fixture *f, struct readahead *ahead)
{
	assert_int_equal(read_at(f, NULL, 0, 1), 0); /* so that the extents are cached */
	for (int i = 0; i < OFTEN; i++)
		assert_int_equal(miss(f, ahead, 4 * MIB * (i % 2 + 1) + i * 2 * BLOCKS_PIECE_BYTES), 0);
	assert_int_equal(counts_of(f).block_bytes, OFTEN_BYTES);
}

static void wait_quiet(struct fixture *f)
{
	assert_true(core_wait_quiet(&f->fs->core, clock_mono_ns() + WAIT_MS * NS_PER_MS));
}

static void many_random_reads_fetch_whole_blocks_without_waiting_for_them(void **state)
{
	struct fixture *f = *state;
	struct readahead ahead = {0};
	struct reading r;
	uint64_t gets;

	miss_often(f, &ahead);
	gets = counts_of(f).block_gets;
	fault_add(f->store, &(struct fault_rule){.call = FAULT_BLOCK_GET, .kind = FAULT_HOLD, .nth = 2});
	miss_start(f, &r, &ahead, 6 * MIB);
	assert_int_equal(fault_wait_held(f->store, FAULT_BLOCK_GET, 1, WAIT_MS), 0);
	assert_int_equal(read_end(f, &r), 0);
	/* This read does not wait for the whole block either, and the block is not asked for twice. */
	assert_int_equal(miss(f, &ahead, 5 * MIB), 0);
	assert_int_equal(counts_of(f).block_gets, gets + 2);
	assert_int_equal(fault_release(f->store, FAULT_BLOCK_GET), 1);
	wait_quiet(f);
	assert_int_equal(counts_of(f).block_gets, gets + 3);
	for (int64_t at = 7 * MIB; at > 4 * MIB; at -= 5 * BLOCKS_PIECE_BYTES)
		assert_int_equal(read_at(f, &ahead, at, 4096), 0);
	assert_int_equal(counts_of(f).block_gets, gets + 3);
}

static void at_most_blocks_spare_max_whole_blocks_are_fetched_beside_random_reads(void **state)
{
	struct fixture *f = *state;
	struct readahead ahead = {0};
	struct reading r[LARGE];

	miss_often(f, &ahead);
	fault_add(f->store, &(struct fault_rule){.call = FAULT_BLOCK_GET, .kind = FAULT_HOLD});
	for (int i = 0; i < LARGE; i++)
		miss_start(f, &r[i], &ahead, (i * 2 % LARGE * 4 + 2) * MIB);
	assert_int_equal(fault_wait_held(f->store, FAULT_BLOCK_GET, LARGE + BLOCKS_SPARE_MAX, WAIT_MS), 0);
	fault_clear(f->store);
	assert_int_equal(fault_release(f->store, FAULT_BLOCK_GET), LARGE + BLOCKS_SPARE_MAX);
	for (int i = 0; i < LARGE; i++)
		assert_int_equal(read_end(f, &r[i]), 0);
}

static void random_reads_of_a_file_larger_than_the_cache_fetch_pieces_only(void **state)
{
	struct fixture *f = *state;
	struct readahead ahead = {0};

	miss_often(f, &ahead);
	for (int i = 0; i < 20; i++)
		assert_int_equal(miss(f, &ahead, (i % 3 * 4 + 3) * MIB + i / 3 * BLOCKS_PIECE_BYTES), 0);
	wait_quiet(f);
	assert_int_equal(counts_of(f).block_bytes, OFTEN_BYTES + 20 * BLOCKS_PIECE_BYTES);
}

static void whole_blocks_fetched_for_random_reads_total_at_most_the_file_size(void **state)
{
	struct fixture *f = *state;
	struct readahead ahead = {0};

	miss_often(f, &ahead);
	ahead.spare = FILE_BYTES - 4 * MIB + 1;
	assert_int_equal(miss(f, &ahead, 6 * MIB), 0);
	wait_quiet(f);
	assert_int_equal(counts_of(f).block_bytes, OFTEN_BYTES + BLOCKS_PIECE_BYTES);
}

static void a_failed_piece_fetch_fails_the_read_and_the_next_read_fetches_it_again(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_at(f, NULL, 0, 1), 0);
	fault_add(f->store, &(struct fault_rule){.call = FAULT_BLOCK_GET, .kind = FAULT_FAIL, .nth = 1, .error = -EIO});
	assert_int_equal(read_at(f, NULL, 2 * MIB, 4096), -EIO);
	assert_int_equal(read_at(f, NULL, 2 * MIB, 4096), 0);
}

/* Random and sequential reads in turn. The bytes are the same whether a block is cached in pieces, whole, or was
 * evicted. */
static void mixed_random_and_sequential_reads_return_the_right_bytes(void **state)
{
	struct fixture *f = *state;
	struct readahead ahead = {0};
	int64_t next = 0;

	for (int i = 0; i < 500; i++) {
		size_t size = (size_t)(random() % (random() % 4 ? 70000 : MIB)) + 1;
		bool sequential = random() % 2;
		int64_t at = sequential ? next : random() % FILE_BYTES;

		if (at + (int64_t)size > FILE_BYTES)
			size = (size_t)(FILE_BYTES - at);
		assert_int_equal(read_at(f, sequential ? &ahead : NULL, at, size), 0);
		assert_true(cached(f) <= f->fs->blocks.max);
		if (sequential)
			next = (at + (int64_t)size) % FILE_BYTES;
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads_return_current_bytes_while_the_journal_cannot_be_read),
		TEST(a_random_read_fetches_only_the_piece_that_it_touches_and_caches_it),
		TEST(a_random_read_fetches_each_range_of_missing_pieces_with_one_request),
		TEST(a_read_from_a_small_block_fetches_the_whole_block),
		TEST(a_sequential_reader_fetches_every_block_whole_and_once),
		TEST(handles_end_frees_handles_that_were_never_released),
		TEST(a_sequential_reader_passes_a_block_1_mib_after_its_end_or_at_close),
		TEST(a_reader_that_begins_inside_a_block_does_not_pass_that_block),
		TEST(an_o_direct_reader_passes_no_blocks),
		cmocka_unit_test_setup_teardown(blocks_that_reuse_the_memory_of_evicted_blocks_have_the_right_bytes,
			setup_tight_cache, teardown),
		TEST(a_whole_block_replaces_its_pieces_in_the_cache),
		TEST(concurrent_readers_of_the_same_piece_share_one_request),
		TEST(a_piece_that_arrives_after_its_whole_block_is_not_cached),
		TEST(many_random_reads_fetch_whole_blocks_without_waiting_for_them),
		TEST(at_most_blocks_spare_max_whole_blocks_are_fetched_beside_random_reads),
		cmocka_unit_test_setup_teardown(
			random_reads_of_a_file_larger_than_the_cache_fetch_pieces_only, setup_tight_cache, teardown),
		TEST(whole_blocks_fetched_for_random_reads_total_at_most_the_file_size),
		TEST(a_failed_piece_fetch_fails_the_read_and_the_next_read_fetches_it_again),
		TEST(mixed_random_and_sequential_reads_return_the_right_bytes),
		cmocka_unit_test_setup_teardown(
			mixed_random_and_sequential_reads_return_the_right_bytes, setup_small_cache, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
