#include "tests/unit/fusefs/log/flush_fixture.h"

#include "fusefs/content/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void on_created(void *cookie, int error, const struct op_result *results, size_t count)
{
	struct outcome *o = cookie;

	assert_int_equal(count, 1);
	o->id = results[0].item.id;
	outcome_tell(o, error);
}

int setup_quota(void **state, int64_t quota)
{
	struct op create = {
		.kind = OP_CREATE, .parent = ITEM_ROOT(7), .name = SPAN_LITERAL("f"), .mode = S_IFREG | 0644};
	struct fixture *f = calloc(1, sizeof(*f));
	struct fs_options options = {.root = ITEM_ROOT(7), .root_mode = true, .cache_bytes = 64 * MIB};
	struct store *memory;
	struct outcome o;

	assert_non_null(f);
	create.fields = OP_HAS_MODE;
	assert_int_equal(mem_drive_new(7, quota, &f->drive), 0);
	assert_int_equal(mem_store_new(f->drive, &memory), 0);
	assert_int_equal(fault_new(memory, &f->store), 0);
	assert_int_equal(oplog_new(f->store, &f->log), 0);
	options.store = f->store;
	options.oplog = f->log;
	assert_int_equal(fs_new(&options, &f->fs), 0);
	outcome_init(&o);
	assert_int_equal(oplog_append(f->log, &create, 1, on_created, &o, NULL), 0);
	assert_int_equal(outcome_wait(&o), 0);
	core_lock(&f->fs->core);
	f->inode = inodes_get(&f->fs->core.inodes, o.id);
	f->inode->opens = 1;
	/* On a busy machine a second may pass between two writes: no round begins before a test asks for one. */
	f->fs->flusher.after_ms = (int64_t)10 * 60 * 1000;
	core_unlock(&f->fs->core);
	*state = f;
	return 0;
}

int setup(void **state)
{
	return setup_quota(state, 0);
}

int setup_small(void **state)
{
	return setup_quota(state, 100 * KIB);
}

int teardown(void **state)
{
	struct fixture *f = *state;

	fault_clear(f->store);
	core_lock(&f->fs->core);
	f->inode->opens = 0;
	inode_unref(f->inode);
	core_unlock(&f->fs->core);
	(void)fs_flush_all(f->fs, WAIT_MS);
	assert_int_equal(oplog_drain(f->log, WAIT_MS, NULL), 0);
	fs_free(f->fs);
	oplog_free(f->log);
	f->store->ops->free(f->store);
	mem_drive_free(f->drive);
	free(f);
	return 0;
}

/* -- steps -- */

char byte_at(int64_t at)
{
	return (char)(at * 31 + at / 4096);
}

void write_at(struct fixture *f, int64_t at, size_t size)
{
	char *data = malloc(size);

	assert_non_null(data);
	for (size_t i = 0; i < size; i++)
		data[i] = byte_at(at + (int64_t)i);
	core_lock(&f->fs->core);
	assert_int_equal(
		flush_write(&f->fs->flusher, f->inode, &(struct flush_data){.at = at, .from = data, .size = size}), 0);
	core_unlock(&f->fs->core);
	free(data);
}

static void on_stored(void *cookie, int error)
{
	outcome_tell(cookie, error);
}

void begin_sync(struct fixture *f, struct outcome *o)
{
	outcome_init(o);
	core_lock(&f->fs->core);
	if (flush_until_stored(&f->fs->flusher, f->inode, on_stored, o, NULL) == 1)
		outcome_tell(o, 0);
	core_unlock(&f->fs->core);
}

int sync_file(struct fixture *f)
{
	struct outcome o;

	begin_sync(f, &o);
	return outcome_wait(&o);
}

static void on_job(void *cookie, int error, const struct op_result *result)
{
	struct outcome *o = cookie;

	if (error == 0)
		o->size = result->item.size;
	outcome_tell(o, error);
}

struct job *begin_job(struct fixture *f, const struct op *op, struct outcome *o)
{
	struct job *job;

	outcome_init(o);
	core_lock(&f->fs->core);
	assert_int_equal(flush_job(&f->fs->flusher, f->inode, op, on_job, o, &job), 0);
	core_unlock(&f->fs->core);
	return job;
}

struct op truncate_to(const struct fixture *f, int64_t size)
{
	return (struct op){.kind = OP_SETATTR, .fields = OP_HAS_SIZE, .id = f->inode->id, .size = size};
}

struct reading {
	struct reader reader; /* must be first */
	struct outcome outcome;
};

static void on_read(struct reader *r)
{
	outcome_tell(&((struct reading *)r)->outcome, r->error);
}

/* Reads what the mount shows when `here`, else what the store has. Returns how many bytes. */
size_t read_at(struct fixture *f, int64_t at, char *ret, size_t size, bool here)
{
	struct reading *r = calloc(1, sizeof(*r));
	size_t used = 0;

	assert_non_null(r);
	outcome_init(&r->outcome);
	r->reader.blocks = &f->fs->blocks;
	r->reader.inode = f->inode;
	r->reader.at = at;
	r->reader.asked = size;
	r->reader.done = on_read;
	core_lock(&f->fs->core);
	if (!here) {
		file_drop_content(&f->fs->core, f->inode->file);
		f->inode->epoch = 0;
	}
	reader_start(&r->reader);
	core_unlock(&f->fs->core);
	assert_int_equal(outcome_wait(&r->outcome), 0);
	for (size_t i = 0; i < r->reader.part_count; i++) {
		memcpy(ret + used, r->reader.parts[i].iov_base, r->reader.parts[i].iov_len);
		used += r->reader.parts[i].iov_len;
	}
	reader_fini(&r->reader);
	free(r);
	return used;
}

void check_range(struct fixture *f, int64_t at, size_t size)
{
	char *data = malloc(size);

	assert_non_null(data);
	assert_int_equal(read_at(f, at, data, size, false), size);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(data[i], byte_at(at + (int64_t)i));
	free(data);
}

struct mem_counts counts(struct fixture *f)
{
	struct mem_counts c;

	mem_drive_counts(f->drive, &c);
	return c;
}

static void on_batch(void *cookie, int error, const struct store_batch_reply *reply)
{
	(void)reply;
	outcome_tell(cookie, error);
}

void other_appends(struct fixture *f, const char *text)
{
	struct op_extent extent = {.len = (int64_t)strlen(text), .kind = OP_EXTENT_DATA, .data = span_str(text)};
	struct op op = {
		.kind = OP_WRITE, .fields = OP_APPEND, .id = f->inode->id, .extents = &extent, .extent_count = 1};
	struct store *other;
	struct outcome o;

	outcome_init(&o);
	assert_int_equal(mem_store_new(f->drive, &other), 0);
	other->ops->batch(other, &op, 1, on_batch, &o);
	assert_int_equal(outcome_wait(&o), 0);
	other->ops->free(other);
}
