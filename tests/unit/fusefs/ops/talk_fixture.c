#include "tests/unit/fusefs/ops/talk_fixture.h"

#include "fusefs/content/file.h"
#include "fusefs/log/oplog.h"
#include "fusefs/ops/handle.h"
#include "fusefs/ops/ask.h"
#include "fusefs/ops/ops_fs.h"
#include "tests/unit/fusefs/outcome.h"
#include "common/base/clock.h"
#include "common/base/cond.h"

#include <fcntl.h>
#include <stdlib.h>
#include <utlist.h>

/* The abilities of today's kernels that the mount makes use of. */
#define INIT_FLAGS                                                                                          \
	(FUSE_ASYNC_READ | FUSE_POSIX_LOCKS | FUSE_ATOMIC_O_TRUNC | FUSE_EXPORT_SUPPORT | FUSE_BIG_WRITES | \
		FUSE_DONT_MASK | FUSE_FLOCK_LOCKS | FUSE_AUTO_INVAL_DATA | FUSE_DO_READDIRPLUS |            \
		FUSE_READDIRPLUS_AUTO | FUSE_ASYNC_DIO | FUSE_PARALLEL_DIROPS | FUSE_POSIX_ACL | FUSE_IOCTL_DIR)

#define CACHE_BYTES (16u * 1024 * 1024)

/* -- life -- */

static int start(void **state, const struct fs_options *wanted, int64_t quota)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct fs_options options = *wanted;
	struct store *memory;

	assert_non_null(f);
	assert_int_equal(mem_drive_new(DRIVE, quota, &f->drive), 0);
	assert_int_equal(mem_store_new(f->drive, &memory), 0);
	assert_int_equal(fault_new(memory, &f->store), 0);
	assert_int_equal(oplog_new(f->store, &f->log), 0);
	options.store = f->store;
	options.oplog = f->log;
	options.cache_bytes = CACHE_BYTES;
	assert_int_equal(fs_new(&options, &f->fs), 0);
	fake_start(&f->kernel, f->fs, INIT_FLAGS);
	/* On a busy machine a second may pass between two requests: no data is stored before a test asks for it. */
	core_lock(&f->fs->core);
	f->fs->flusher.after_ms = (int64_t)10 * 60 * 1000;
	core_unlock(&f->fs->core);
	*state = f;
	return 0;
}

int talk_setup(void **state)
{
	return start(state, &(struct fs_options){.root_mode = true, .bare_at = -1}, 0);
}

int talk_setup_shared(void **state)
{
	return start(state, &(struct fs_options){.root_mode = true, .bare_at = -1, .shared = true}, 0);
}

int talk_setup_owned(void **state)
{
	return start(state, &(struct fs_options){.uid = OWNER, .gid = OWNER, .bare_at = -1}, 0);
}

int talk_setup_small(void **state)
{
	return start(state, &(struct fs_options){.root_mode = true, .bare_at = -1}, QUOTA_BYTES);
}

int talk_setup_bare(void **state)
{
	/* bare_at is 0: no document had xattrs at that position. The drive in memory never reports this, so the
	 * mount is given the root and does not ask the drive. */
	return start(state, &(struct fs_options){.root_mode = true, .root = ITEM_ROOT(DRIVE)}, 0);
}

int talk_setup_following(void **state)
{
	return start(state, &(struct fs_options){.root_mode = true, .bare_at = -1, .follows = true}, 0);
}

int talk_setup_local_locks(void **state)
{
	return start(state, &(struct fs_options){.root_mode = true, .bare_at = -1, .local_locks = true}, 0);
}

int talk_teardown(void **state)
{
	struct fixture *f = *state;

	fault_clear(f->store);
	for (int call = 0; call < FAULT_CALLS; call++)
		(void)fault_release(f->store, (enum fault_call)call);
	(void)fs_flush_all(f->fs, SEND_WAIT_MS);
	assert_int_equal(oplog_drain(f->log, SEND_WAIT_MS, NULL), 0);
	fake_hang_up(&f->kernel);
	fs_free(f->fs);
	fake_stop(&f->kernel);
	oplog_free(f->log);
	f->store->ops->free(f->store);
	if (f->other)
		f->other->ops->free(f->other);
	mem_drive_free(f->drive);
	free(f);
	return 0;
}

/* -- the store -- */

void talk_fault(struct fixture *f, enum fault_call call, enum fault_kind kind, int error, unsigned times)
{
	fault_add(f->store,
		&(struct fault_rule){.call = call, .kind = kind, .error = error, .nth = times > 0, .times = times});
}

void talk_hold(struct fixture *f, enum fault_call call)
{
	talk_fault(f, call, FAULT_HOLD, 0, 0);
}

void talk_wait_held(struct fixture *f, enum fault_call call, size_t count)
{
	assert_int_equal(fault_wait_held(f->store, call, count, SEND_WAIT_MS), 0);
}

void talk_let_go(struct fixture *f, enum fault_call call)
{
	talk_wait_held(f, call, 1);
	fault_clear(f->store);
	assert_true(fault_release(f->store, call) > 0);
}

void talk_fail_held(struct fixture *f, enum fault_call call, int error)
{
	talk_wait_held(f, call, 1);
	fault_clear(f->store);
	assert_true(fault_cancel_held(f->store, call, error) > 0);
}

struct mem_counts talk_counts(struct fixture *f)
{
	struct mem_counts counts;

	mem_drive_counts(f->drive, &counts);
	return counts;
}

static void on_elsewhere(void *cookie, int error, const struct store_batch_reply *reply)
{
	struct outcome *o = cookie;

	if (error == 0)
		o->id = reply->results[0].id;
	outcome_tell(o, error);
}

static void open_other(struct fixture *f)
{
	if (!f->other)
		assert_int_equal(mem_store_new(f->drive, &f->other), 0);
}

int64_t talk_elsewhere(struct fixture *f, const struct op *op)
{
	struct outcome o;
	int r;

	open_other(f);
	outcome_init(&o);
	(void)f->other->ops->batch(f->other, op, 1, on_elsewhere, &o);
	r = outcome_wait(&o);
	return r < 0 ? r : o.id;
}

int64_t talk_make_in_elsewhere(struct fixture *f, int64_t folder, const char *name, uint32_t mode)
{
	const struct op op = {
		.kind = OP_CREATE, .fields = OP_HAS_MODE, .parent = folder, .name = span_str(name), .mode = mode};
	int64_t id = talk_elsewhere(f, &op);

	assert_true(id > 0);
	return id;
}

int64_t talk_make_elsewhere(struct fixture *f, const char *name, uint32_t mode)
{
	return talk_make_in_elsewhere(f, ITEM_ROOT(DRIVE), name, mode);
}

void talk_store_elsewhere(struct fixture *f, int64_t id, struct span content)
{
	struct op_extent extent = {.kind = OP_EXTENT_DATA, .len = (int64_t)content.size, .data = content};
	const struct op write = {.kind = OP_WRITE, .id = id, .extents = &extent, .extent_count = 1};

	assert_int_equal(talk_elsewhere(f, &write), id);
}

uint64_t talk_make_protected(struct fixture *f, const char *name, uint32_t protect)
{
	const struct op op = {.kind = OP_SETATTR,
		.fields = OP_HAS_PROTECT,
		.id = talk_make_elsewhere(f, name, S_IFREG | 0644),
		.protect = protect};

	assert_int_equal(talk_elsewhere(f, &op), op.id);
	/* So that this mount learns of the protection. */
	return fake_entry(&f->kernel, fake_lookup(&f->kernel, ROOT, name))->nodeid;
}

int64_t talk_remove_elsewhere(struct fixture *f, const char *name)
{
	const struct op op = {.kind = OP_UNLINK, .parent = ITEM_ROOT(DRIVE), .name = span_str(name)};

	return talk_elsewhere(f, &op);
}

static void on_size(void *cookie, int error, const struct item *item, struct store_position at)
{
	struct outcome *o = cookie;

	(void)at;
	if (error == 0)
		o->size = item->size;
	outcome_tell(o, error);
}

int64_t talk_size_elsewhere(struct fixture *f, const char *name)
{
	struct outcome o;

	open_other(f);
	outcome_init(&o);
	(void)f->other->ops->lookup(f->other, ITEM_ROOT(DRIVE), span_str(name), on_size, &o);
	assert_int_equal(outcome_wait(&o), 0);
	return o.size;
}

static void on_lock(void *cookie, int error, const struct store_lock_reply *reply)
{
	outcome_tell(cookie, error == 0 && !reply->granted ? -EAGAIN : error);
}

int talk_lock_elsewhere(struct fixture *f, const struct store_lock *lock)
{
	struct outcome o;

	open_other(f);
	outcome_init(&o);
	(void)f->other->ops->lock(f->other, lock, on_lock, &o);
	return outcome_wait(&o);
}

static void wait_longer(struct fixture *f, int64_t ns)
{
	struct ask *ask, *next;

	HASH_ITER(hh, f->fs->asks.by_req, ask, next) {
		ask->began_ns -= ns;
		ask->look_ns = 0;
	}
	f->fs->asks.news = true;
	pthread_cond_signal(&f->fs->asks.wake);
}

void talk_age(struct fixture *f, int64_t ns)
{
	core_lock(&f->fs->core);
	/* The store failed to answer just now, and has not answered since the requests began. */
	atomic_store(&f->store->heard_ns, 0);
	atomic_store(&f->store->missed_ns, clock_mono_ns());
	wait_longer(f, ns);
	core_unlock(&f->fs->core);
}

void talk_wait_longer(struct fixture *f, int64_t ns)
{
	core_lock(&f->fs->core);
	wait_longer(f, ns);
	core_unlock(&f->fs->core);
}

void talk_know_nothing(struct fixture *f)
{
	core_lock(&f->fs->core);
	f->fs->core.inodes.epoch++;
	core_unlock(&f->fs->core);
}

void talk_let_kernel_keep(struct fixture *f)
{
	core_lock(&f->fs->core);
	f->fs->kernel_until_ns = INT64_MAX;
	core_unlock(&f->fs->core);
}

void talk_count_up(void *cookie)
{
	(*(unsigned *)cookie)++;
}

/* The caller holds the lock of the core. */
static void drop_blocks(struct fs *fs)
{
	blocks_fini(&fs->blocks);
	blocks_init(&fs->blocks, &fs->core, CACHE_BYTES);
}

void talk_drop_content(struct fixture *f, uint64_t node)
{
	const struct inode *inode;

	core_lock(&f->fs->core);
	inode = inodes_find(&f->fs->core.inodes, ops_id_of(f->fs, node));
	assert_non_null(inode);
	file_drop_content(&f->fs->core, inode->file);
	drop_blocks(f->fs);
	core_unlock(&f->fs->core);
}

void talk_forget_content(struct fixture *f)
{
	struct inode *inode, *next;

	core_lock(&f->fs->core);
	HASH_ITER(hh, f->fs->core.inodes.by_id, inode, next) {
		if (inode->file)
			file_drop_content(&f->fs->core, inode->file);
	}
	drop_blocks(f->fs);
	core_unlock(&f->fs->core);
}

void talk_set_disk(struct fixture *f, int64_t bytes)
{
	core_lock(&f->fs->core);
	f->fs->disk = bytes;
	core_unlock(&f->fs->core);
}

void talk_lose_locks(struct fixture *f, uint64_t handle)
{
	(void)f;
	atomic_store(&handle_of(handle)->locks_lost, true);
}

void talk_wait_quiet(struct fixture *f)
{
	const int64_t until_ns = clock_mono_ns() + SEND_WAIT_MS * NS_PER_MS;

	core_lock(&f->fs->core);
	while (f->fs->core.calls > 0 && cond_wait_until(&f->fs->core.quiet, &f->fs->core.lock, until_ns))
		;
	assert_int_equal(f->fs->core.calls, 0);
	core_unlock(&f->fs->core);
}

uint64_t talk_lookups(struct fixture *f, uint64_t node)
{
	const struct inode *inode;
	uint64_t count;

	core_lock(&f->fs->core);
	inode = inodes_find(&f->fs->core.inodes, ops_id_of(f->fs, node));
	count = inode ? inode->lookups : 0;
	core_unlock(&f->fs->core);
	return count;
}

size_t talk_open_count(struct fixture *f)
{
	const struct handle *h;
	size_t count = 0;

	core_lock(&f->fs->core);
	DL_COUNT(f->fs->handles.list, h, count);
	core_unlock(&f->fs->core);
	return count;
}

/* -- by way of the kernel -- */

uint64_t talk_make_file(struct fixture *f, uint64_t folder, const char *name)
{
	return fake_entry(&f->kernel, fake_mknod(&f->kernel, folder, name, S_IFREG | 0644, 0))->nodeid;
}

uint64_t talk_make_folder(struct fixture *f, uint64_t folder, const char *name)
{
	return fake_entry(&f->kernel, fake_mkdir(&f->kernel, folder, name, 0755))->nodeid;
}

uint64_t talk_node(struct fixture *f, const char *name)
{
	return fake_entry(&f->kernel, fake_lookup(&f->kernel, ROOT, name))->nodeid;
}

uint64_t talk_open(struct fixture *f, uint64_t node, uint32_t flags)
{
	return fake_handle(&f->kernel, fake_open(&f->kernel, node, flags));
}

void talk_write_text(struct fixture *f, uint64_t handle, uint64_t offset, const char *text)
{
	const uint32_t size = (uint32_t)strlen(text);

	assert_int_equal(fake_written(&f->kernel, fake_write(&f->kernel, handle, offset, text, size)), size);
}

void talk_check_content(struct fixture *f, uint64_t handle, const char *text)
{
	fake_check_bytes(&f->kernel, fake_read(&f->kernel, handle, 0, FAKE_BYTES_MAX), text, strlen(text));
}
