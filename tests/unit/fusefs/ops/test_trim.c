#include "fusefs/ops/trim.h"

#include "fusefs/content/file.h"
#include "fusefs/ops/ops_fs.h"
#include "fusefs/ops/fs.h"
#include "fusefs/store/testing/mem.h"
#include "fusefs/names/xattrs.h"
#include "common/base/clock.h"
#include "common/base/cond.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KIB 1024

struct fixture {
	struct mem_drive *drive;
	struct store *store;
	struct oplog *log;
	struct fs *fs;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct fs_options options = {.root = ITEM_ROOT(7), .root_mode = true, .cache_bytes = 1024 * 1024};

	assert_int_equal(mem_drive_new(7, 0, &f->drive), 0);
	assert_int_equal(mem_store_new(f->drive, &f->store), 0);
	assert_int_equal(oplog_new(f->store, &f->log), 0);
	options.store = f->store;
	options.oplog = f->log;
	assert_int_equal(fs_new(&options, &f->fs), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(oplog_drain(f->log, 10000, NULL), 0);
	fs_free(f->fs);
	oplog_free(f->log);
	f->store->ops->free(f->store);
	mem_drive_free(f->drive);
	free(f);
	return 0;
}

static size_t total(const struct fs *fs)
{
	size_t bytes = 0;

	for (int kind = 0; kind < KEPT_KINDS; kind++)
		bytes += trim_bytes(fs, (enum kept_kind)kind);
	return bytes;
}

/* Caches a file of the root, as a listing with content brings it, and xattrs with one value of this size. */
static struct inode *know(struct fixture *f, int n, size_t content, size_t xattr)
{
	char name[32], *bytes = calloc(1, content + xattr + 1);
	struct item item = {.id = ITEM_ID(7, 100 + n),
		.parent = ITEM_ROOT(7),
		.size = (int64_t)content,
		.mode = S_IFREG | 0644,
		.nlink = 1,
		.seq = 1,
		.content_seq = 1,
		.has_inline = true,
		.inline_data = span_of(bytes, content)};
	struct inode *inode;

	assert_non_null(bytes);
	(void)snprintf(name, sizeof(name), "file-%d", n);
	item.name = span_str(name);
	inode = attributes_learn(&f->fs->core, &item, 1, NULL);
	assert_non_null(inode);
	names_learn(&f->fs->names, ITEM_ROOT(7), item.name, inode, 1);
	if (xattr > 0) {
		struct xattrs *x = xattrs_new();

		assert_non_null(x);
		assert_int_equal(xattrs_add(x, span_str("user.large"), span_of(bytes, xattr)), 0);
		xattrs_keep(&f->fs->core.kept, inode, x);
	}
	free(bytes);
	return inode;
}

static void many_files_with_content_and_xattrs_stay_within_the_memory_bound(void **state)
{
	struct fixture *f = *state;
	struct inode *last = NULL;
	size_t bytes;

	for (int n = 0; n < 5000; n++) {
		core_lock(&f->fs->core);
		inode_unref(last);
		last = know(f, n, (size_t)(n % 50) * KIB, n % 3 == 0 ? 60 * KIB : 0);
		core_unlock(&f->fs->core);
		core_lock(&f->fs->core);
		bytes = total(f->fs);
		core_unlock(&f->fs->core);
		/* Asserted without the lock: the teardown after a failed test takes the lock. */
		assert_true(bytes <= KEPT_BYTES_MAX);
	}
	core_lock(&f->fs->core);
	assert_true(total(f->fs) > KEPT_BYTES_MAX / 4 * 3); /* and no more than necessary is evicted */
	assert_true(kept_bytes(&f->fs->core.kept, KEPT_CONTENT) > KEPT_BYTES_MAX / 3);
	assert_true(kept_bytes(&f->fs->core.kept, KEPT_XATTRS) > KEPT_BYTES_MAX / 16);
	assert_int_equal(f->fs->names.count, 5000); /* none is evicted: names take little memory */
	inode_unref(last);
	core_unlock(&f->fs->core);
}

static void evicting_content_frees_a_closed_file_and_keeps_an_open_one(void **state)
{
	struct fixture *f = *state;
	struct inode *idle, *open;

	core_lock(&f->fs->core);
	idle = know(f, 1, 10 * KIB, 0);
	open = know(f, 2, 10 * KIB, 0);
	open->opens++;
	file_let_go(&f->fs->core, idle->file);
	file_let_go(&f->fs->core, open->file);
	assert_null(idle->file);
	assert_non_null(open->file);
	assert_false(open->file->content.any);
	assert_int_equal(kept_bytes(&f->fs->core.kept, KEPT_CONTENT), 0);
	open->opens--;
	inode_unref(idle);
	inode_unref(open);
	core_unlock(&f->fs->core);
}

static void cached_data_is_counted_once_and_subtracted_when_it_is_evicted(void **state)
{
	struct fixture *f = *state;
	struct inode *inode;
	size_t once;

	core_lock(&f->fs->core);
	inode = know(f, 1, 10 * KIB, 10 * KIB);
	once = total(f->fs);
	assert_true(once > 20 * KIB);
	inode_unref(know(f, 1, 10 * KIB, 10 * KIB));
	xattrs_use(&f->fs->core.kept, inode);
	file_count_content(&f->fs->core, inode->file);
	assert_int_equal(total(f->fs), once);
	names_let_go(&f->fs->names);
	xattrs_keep(&f->fs->core.kept, inode, NULL);
	file_let_go(&f->fs->core, inode->file);
	assert_int_equal(total(f->fs), 0);
	inode_unref(inode);
	core_unlock(&f->fs->core);
}

/* -- what the kernel remembers -- */

struct told {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t nodes[1000];
	size_t count;
};

static void told_init(struct told *told)
{
	memset(told, 0, sizeof(*told));
	pthread_mutex_init(&told->lock, NULL);
	cond_init(&told->changed);
}

static int tell(void *cookie, const uint64_t *nodes, size_t count)
{
	struct told *told = cookie;

	pthread_mutex_lock(&told->lock);
	for (size_t i = 0; i < count && told->count < 1000; i++)
		told->nodes[told->count++] = nodes[i];
	pthread_cond_broadcast(&told->changed);
	pthread_mutex_unlock(&told->lock);
	return 0;
}

static void await_told(struct told *told, size_t count)
{
	const int64_t until_ns = clock_mono_ns() + 120 * NS_PER_S; /* only reached when something hangs */

	pthread_mutex_lock(&told->lock);
	while (told->count < count && cond_wait_until(&told->changed, &told->lock, until_ns))
		;
	assert_true(told->count >= count);
	pthread_mutex_unlock(&told->lock);
}

#define MANY (2 * (int)PRUNE_BATCH)

static void the_kernel_is_asked_to_forget_documents_whose_names_were_evicted(void **state)
{
	struct told told;
	struct fixture *f = *state;
	struct inode *list[MANY];

	told_init(&told);
	core_lock(&f->fs->core);
	f->fs->init.minor = 45;
	prune_attach(&f->fs->prune, tell, &told);
	for (int n = 0; n < MANY; n++) {
		list[n] = know(f, n, 0, 0);
		if (n % 2 == 0) /* the kernel does not know the other ones */
			inode_lookup(list[n]);
		inode_unref(list[n]);
	}
	for (int n = 0; n < MANY; n++)
		names_let_go(&f->fs->names);
	assert_int_equal(f->fs->core.inodes.count, MANY / 2 + 1);
	core_unlock(&f->fs->core);
	await_told(&told, PRUNE_BATCH);
	for (int n = 0; n < MANY; n += 2)
		assert_int_equal(told.nodes[n / 2], ITEM_ID(7, 100 + n));
	core_lock(&f->fs->core);
	for (int n = 0; n < MANY; n += 2)
		inode_forget(list[n], 1);
	assert_int_equal(f->fs->core.inodes.count, 1);
	core_unlock(&f->fs->core);
}

static void a_kernel_before_7_45_is_not_asked_to_forget_documents(void **state)
{
	struct told told;
	struct fixture *f = *state;
	struct inode *inode;

	told_init(&told);
	core_lock(&f->fs->core);
	f->fs->init.minor = 44;
	prune_attach(&f->fs->prune, tell, &told);
	inode = know(f, 1, 0, 0);
	inode_lookup(inode);
	inode_unref(inode);
	names_let_go(&f->fs->names);
	assert_int_equal(f->fs->prune.count, 0);
	inode_forget(inode, 1);
	core_unlock(&f->fs->core);
}

static void a_folder_is_queued_for_pruning_again_after_its_last_name_is_evicted(void **state)
{
	struct told told;
	struct fixture *f = *state;
	struct item item = {.id = ITEM_ID(7, 50), .parent = ITEM_ROOT(7), .mode = S_IFDIR | 0755, .nlink = 2, .seq = 1};
	struct inode *folder, *file;

	told_init(&told);
	core_lock(&f->fs->core);
	f->fs->init.minor = 45;
	prune_attach(&f->fs->prune, tell, &told);
	folder = attributes_learn(&f->fs->core, &item, 1, NULL);
	names_learn(&f->fs->names, ITEM_ROOT(7), span_str("folder"), folder, 1);
	inode_lookup(folder);
	file = inodes_get(&f->fs->core.inodes, ITEM_ID(7, 51));
	names_learn(&f->fs->names, folder->id, span_str("file"), file, 1);
	names_let_go(&f->fs->names);
	assert_int_equal(f->fs->prune.count, 1); /* in vain: the folder is in use */
	names_let_go(&f->fs->names);
	assert_int_equal(f->fs->prune.count, 2);
	assert_int_equal(f->fs->prune.nodes[1], folder->id);
	inode_forget(folder, 1);
	inode_unref(folder);
	inode_unref(file);
	core_unlock(&f->fs->core);
}

static void inodes_held_by_the_kernel_shrink_the_memory_bound_down_to_a_minimum(void **state)
{
	struct fixture *f = *state;
	const size_t before = f->fs->core.inodes.count, left = trim_max(f->fs);

	core_lock(&f->fs->core);
	for (int n = 0; n < 1000; n++) {
		struct inode *inode = know(f, n, 0, 0);

		inode_lookup(inode);
		inode_unref(inode);
		names_let_go(&f->fs->names);
	}
	assert_int_equal(trim_max(f->fs), left - 1000 * INODE_BYTES);
	f->fs->core.inodes.count = 1000000000;
	assert_int_equal(trim_max(f->fs), f->fs->kept_max / KEPT_LEAST_PARTS);
	f->fs->core.inodes.count = 1000 + before;
	for (int n = 0; n < 1000; n++)
		inode_forget(inodes_find(&f->fs->core.inodes, ITEM_ID(7, 100 + n)), 1);
	assert_int_equal(trim_max(f->fs), left);
	core_unlock(&f->fs->core);
}

static void symlink_targets_count_as_memory_of_names_and_are_freed_with_them(void **state)
{
	struct fixture *f = *state;
	char target[2000], name[32];
	size_t before, bytes;

	memset(target, 't', sizeof(target));
	core_lock(&f->fs->core);
	before = trim_bytes(f->fs, KEPT_NAMES);
	for (int n = 0; n < 1000; n++) {
		struct item item = {.id = ITEM_ID(7, 100 + n),
			.parent = ITEM_ROOT(7),
			.size = sizeof(target),
			.mode = S_IFLNK | 0777,
			.nlink = 1,
			.seq = 1,
			.target = span_of(target, sizeof(target))};
		struct inode *inode = attributes_learn(&f->fs->core, &item, 1, NULL);

		(void)snprintf(name, sizeof(name), "link-%d", n);
		names_learn(&f->fs->names, ITEM_ROOT(7), span_str(name), inode, 1);
		inode_unref(inode);
	}
	bytes = trim_bytes(f->fs, KEPT_NAMES) - before;
	/* The targets count by their average, in which the root has a part. */
	assert_true(bytes >= 1000 * sizeof(target) - 1000 * 2);
	while (f->fs->names.recent)
		names_let_go(&f->fs->names);
	assert_int_equal(f->fs->core.inodes.target_bytes, 0);
	core_unlock(&f->fs->core);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(many_files_with_content_and_xattrs_stay_within_the_memory_bound),
		TEST(evicting_content_frees_a_closed_file_and_keeps_an_open_one),
		TEST(cached_data_is_counted_once_and_subtracted_when_it_is_evicted),
		TEST(the_kernel_is_asked_to_forget_documents_whose_names_were_evicted),
		TEST(a_kernel_before_7_45_is_not_asked_to_forget_documents),
		TEST(a_folder_is_queued_for_pruning_again_after_its_last_name_is_evicted),
		TEST(symlink_targets_count_as_memory_of_names_and_are_freed_with_them),
		TEST(inodes_held_by_the_kernel_shrink_the_memory_bound_down_to_a_minimum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
