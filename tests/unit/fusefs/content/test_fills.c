/* Answers that are older than a change by another mount: what they may still be used for, for attributes, for
 * content and for what the kernel was given. */
#include "common/base/clock.h"
#include "fusefs/ops/fs.h"
#include "fusefs/ops/ops_fs.h"
#include "fusefs/ops/ops_internal.h"
#include "fusefs/content/reader.h"
#include "fusefs/store/testing/fault.h"
#include "fusefs/store/testing/mem.h"
#include "tests/unit/fusefs/outcome.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WAIT_MS 120000 /* a deadline of tests: only reached when something hangs */
#define BYTES 1000

struct fixture {
	struct mem_drive *drive;
	struct store *store; /* can hold calls back; wraps one in memory */
	struct store *other; /* the store of another mount */
	struct oplog *log;
	struct fs *fs;
	struct inode *inode;
	int64_t id, seq;
};

static void on_batch(void *cookie, int error, const struct store_batch_reply *reply)
{
	struct outcome *o = cookie;

	if (error == 0) {
		o->id = reply->results[0].id;
		o->seq = reply->at.seq;
	}
	outcome_tell(o, error);
}

static void change(struct fixture *f, const struct op *op)
{
	struct outcome o;

	outcome_init(&o);
	f->other->ops->batch(f->other, op, 1, on_batch, &o);
	assert_int_equal(outcome_wait(&o), 0);
	f->seq = o.seq;
	f->id = o.id;
}

/* Another mount replaces the content of the file. */
static void rewrite(struct fixture *f, char letter, int64_t size)
{
	char data[BYTES] = {0};
	struct op_extent extent = {.len = size, .kind = OP_EXTENT_DATA, .data = span_of(data, (size_t)size)};
	struct op op = {.kind = OP_WRITE,
		.fields = OP_HAS_SIZE | OP_REPLACE,
		.id = f->id,
		.size = size,
		.extents = &extent,
		.extent_count = size > 0 ? 1 : 0};

	memset(data, letter, sizeof(data));
	change(f, &op);
}

static void announce(struct fixture *f, int64_t seq)
{
	const struct store_change c = {
		.seq = seq, .op = OP_WRITE, .id = f->id, .parent = ITEM_ROOT(7), .content = true, .attributes = true};
	const struct store_changes changes = {.list = &c, .count = 1, .last = {1, seq}};

	fs_on_changes(f->fs, &changes, clock_boot_ns());
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct fs_options options = {
		.root = ITEM_ROOT(7), .root_mode = true, .cache_bytes = 1024 * 1024, .follows = true};
	struct store_changes now = {0};
	struct op create = {
		.kind = OP_CREATE, .parent = ITEM_ROOT(7), .name = SPAN_LITERAL("file"), .mode = S_IFREG | 0644};
	struct store *memory;

	assert_int_equal(mem_drive_new(7, 0, &f->drive), 0);
	assert_int_equal(mem_store_new(f->drive, &memory), 0);
	assert_int_equal(fault_new(memory, &f->store), 0);
	assert_int_equal(mem_store_new(f->drive, &f->other), 0);
	assert_int_equal(oplog_new(f->store, &f->log), 0);
	options.store = f->store;
	options.oplog = f->log;
	assert_int_equal(fs_new(&options, &f->fs), 0);
	change(f, &create);
	rewrite(f, 'a', BYTES);
	now.last = (struct store_position){1, f->seq};
	fs_on_changes(f->fs, &now, clock_boot_ns());
	core_lock(&f->fs->core);
	f->inode = inodes_get(&f->fs->core.inodes, f->id);
	core_unlock(&f->fs->core);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	core_lock(&f->fs->core);
	inode_unref(f->inode);
	core_unlock(&f->fs->core);
	assert_int_equal(fs_flush_all(f->fs, WAIT_MS), 0);
	assert_int_equal(oplog_drain(f->log, WAIT_MS, NULL), 0);
	fs_free(f->fs);
	oplog_free(f->log);
	f->store->ops->free(f->store);
	f->other->ops->free(f->other);
	mem_drive_free(f->drive);
	free(f);
	return 0;
}

static void hold_all(struct fixture *f, enum fault_call call)
{
	fault_add(f->store, &(struct fault_rule){.call = call, .kind = FAULT_HOLD});
}

/* -- attributes -- */

static void on_ready(void *cookie, int error)
{
	outcome_tell(cookie, error);
}

static void refresh(struct fixture *f, struct outcome *o)
{
	outcome_init(o);
	core_lock(&f->fs->core);
	assert_int_equal(attributes_refresh(&f->fs->core, f->inode, on_ready, o), 0);
	core_unlock(&f->fs->core);
}

static bool is_over(struct outcome *o)
{
	bool done;

	pthread_mutex_lock(&o->lock);
	done = o->done;
	pthread_mutex_unlock(&o->lock);
	return done;
}

static void attributes_asked_for_after_a_change_do_not_come_from_an_older_answer(void **state)
{
	struct fixture *f = *state;
	struct outcome before, after;

	hold_all(f, FAULT_ITEM);
	refresh(f, &before);
	assert_int_equal(fault_wait_held(f->store, FAULT_ITEM, 1, WAIT_MS), 0);
	announce(f, f->seq + 1); /* a change that the answer does not contain yet */
	refresh(f, &after);	 /* joins the question in flight */
	assert_int_equal(fault_release(f->store, FAULT_ITEM), 1);
	assert_int_equal(outcome_wait(&before), 0);
	assert_int_equal(fault_wait_held(f->store, FAULT_ITEM, 1, WAIT_MS), 0); /* asked once more, for `after` */
	assert_false(is_over(&after));
	rewrite(f, 'b', 10);
	assert_int_equal(fault_release(f->store, FAULT_ITEM), 1);
	assert_int_equal(outcome_wait(&after), 0);
	core_lock(&f->fs->core);
	assert_true(inode_valid(f->inode));
	assert_int_equal(f->inode->attr.size, 10);
	core_unlock(&f->fs->core);
}

static void requests_for_attributes_share_one_answer_when_nothing_has_changed(void **state)
{
	struct fixture *f = *state;
	struct outcome one, two;

	hold_all(f, FAULT_ITEM);
	refresh(f, &one);
	assert_int_equal(fault_wait_held(f->store, FAULT_ITEM, 1, WAIT_MS), 0);
	refresh(f, &two);
	fault_release(f->store, FAULT_ITEM);
	assert_int_equal(outcome_wait(&one), 0);
	assert_int_equal(outcome_wait(&two), 0);
	assert_int_equal(fault_count(f->store, FAULT_ITEM), 1);
}

static void without_a_trusted_journal_a_later_attribute_request_gets_its_own_answer(void **state)
{
	struct fixture *f = *state;
	struct outcome one, two;

	hold_all(f, FAULT_ITEM);
	refresh(f, &one);
	assert_int_equal(fault_wait_held(f->store, FAULT_ITEM, 1, WAIT_MS), 0);
	core_lock(&f->fs->core);
	f->fs->core.view.trusted_until_ns = 0;
	core_unlock(&f->fs->core);
	refresh(f, &two);
	fault_release(f->store, FAULT_ITEM);
	assert_int_equal(outcome_wait(&one), 0);
	assert_int_equal(fault_wait_held(f->store, FAULT_ITEM, 1, WAIT_MS), 0);
	assert_false(is_over(&two));
	fault_release(f->store, FAULT_ITEM);
	assert_int_equal(outcome_wait(&two), 0);
}

/* -- content -- */

struct reading {
	struct reader reader; /* must be first */
	struct outcome outcome;
};

static void on_read(struct reader *r)
{
	outcome_tell(&((struct reading *)r)->outcome, r->error);
}

/* A read that finds too little may wait until hold_until_ns; 0: for the usual time. */
static void read_start_until(struct fixture *f, struct reading *r, int64_t hold_until_ns)
{
	memset(r, 0, sizeof(*r));
	r->reader.hold_until_ns = hold_until_ns;
	outcome_init(&r->outcome);
	r->reader.blocks = &f->fs->blocks;
	r->reader.inode = f->inode;
	r->reader.asked = 2 * BYTES;
	r->reader.done = on_read;
	core_lock(&f->fs->core);
	reader_start(&r->reader);
	core_unlock(&f->fs->core);
}

static void read_start(struct fixture *f, struct reading *r)
{
	read_start_until(f, r, 0);
}

/* Waits until the read has found too little, and waits for more. */
static void wait_read_held(struct fixture *f, const struct reading *r)
{
	const struct timespec pause = clock_timespec(NS_PER_MS);
	bool held = false;

	for (int i = 0; i < WAIT_MS && !held; i++) {
		(void)nanosleep(&pause, NULL);
		core_lock(&f->fs->core);
		held = r->reader.hold.listed;
		core_unlock(&f->fs->core);
	}
	assert_true(held);
}

/* Waits for the read, and checks that all its bytes are this letter. Returns how many there are. */
static size_t read_end(struct reading *r, char letter)
{
	size_t size = 0;

	assert_int_equal(outcome_wait(&r->outcome), 0);
	for (size_t i = 0; i < r->reader.part_count; i++)
		for (size_t j = 0; j < r->reader.parts[i].iov_len; j++, size++)
			assert_int_equal(((const char *)r->reader.parts[i].iov_base)[j], letter);
	assert_int_equal(size, r->reader.size);
	reader_fini(&r->reader);
	return size;
}

/* Waits until the store holds a call of either kind; FAULT_CALLS: the read is over. */
static enum fault_call wait_any(struct fixture *f, struct reading *r)
{
	for (int i = 0; i < WAIT_MS && !is_over(&r->outcome); i++) {
		if (fault_wait_held(f->store, FAULT_ITEM, 1, 1) == 0)
			return FAULT_ITEM;
		if (fault_wait_held(f->store, FAULT_EXTENTS, 1, 1) == 0)
			return FAULT_EXTENTS;
	}
	return FAULT_CALLS;
}

static void a_read_of_a_file_that_changes_meanwhile_returns_one_version(void **state)
{
	struct fixture *f = *state;
	enum fault_call call;
	struct reading r;
	unsigned rounds = 0;
	char letter = 'a';

	hold_all(f, FAULT_ITEM);
	hold_all(f, FAULT_EXTENTS);
	read_start(f, &r);
	while ((call = wait_any(f, &r)) != FAULT_CALLS) {
		if (rounds++ > 0)
			rewrite(f, ++letter, BYTES);
		/* A newer change is announced before each answer arrives. */
		announce(f, f->seq + 1);
		fault_release(f->store, call);
		assert_true(rounds < 10);
	}
	assert_int_equal(read_end(&r, letter), BYTES);
}

static void unstored_own_bytes_replace_the_stored_bytes_in_a_read(void **state)
{
	struct fixture *f = *state;
	struct reading r;
	char own[BYTES];
	size_t size = 0;

	memset(own, 'o', sizeof(own));
	core_lock(&f->fs->core);
	f->fs->core.view.trusted_until_ns = 0; /* so that the read takes a snapshot */
	assert_int_equal(
		flush_write(&f->fs->flusher, f->inode, &(struct flush_data){.at = 500, .from = own, .size = 100}), 0);
	core_unlock(&f->fs->core);
	read_start(f, &r);
	assert_int_equal(outcome_wait(&r.outcome), 0);
	for (size_t i = 0; i < r.reader.part_count; i++)
		for (size_t j = 0; j < r.reader.parts[i].iov_len; j++, size++)
			assert_int_equal(
				((const char *)r.reader.parts[i].iov_base)[j], size >= 500 && size < 600 ? 'o' : 'a');
	assert_int_equal(size, BYTES);
	reader_fini(&r.reader);
}

/* -- what the kernel was told -- */

static void tell_size(struct fixture *f)
{
	struct outcome o;
	struct stat st;

	refresh(f, &o);
	assert_int_equal(outcome_wait(&o), 0);
	core_lock(&f->fs->core);
	ops_stat(f->fs, f->inode, &st);
	core_unlock(&f->fs->core);
}

static void a_read_that_finds_a_file_emptied_waits_until_its_rewrite_is_announced(void **state)
{
	struct fixture *f = *state;
	struct reading r;

	tell_size(f);
	rewrite(f, 'x', 0);
	announce(f, f->seq);
	/* This read would wait for ever: so only the change ends its wait. */
	read_start_until(f, &r, INT64_MAX);
	wait_read_held(f, &r);
	rewrite(f, 'b', BYTES);
	assert_false(is_over(&r.outcome));
	announce(f, f->seq);
	assert_int_equal(read_end(&r, 'b'), BYTES);
}

static void a_file_that_was_emptied_and_not_rewritten_is_read_as_empty(void **state)
{
	struct fixture *f = *state;
	struct reading r;

	tell_size(f);
	rewrite(f, 'x', 0);
	announce(f, f->seq);
	read_start(f, &r);
	assert_int_equal(read_end(&r, '-'), 0);
}

static void a_read_of_an_emptied_file_returns_nothing_once_the_kernel_has_the_new_size(void **state)
{
	struct fixture *f = *state;
	struct reading r;

	tell_size(f);
	rewrite(f, 'x', 0);
	announce(f, f->seq);
	read_start(f, &r);
	tell_size(f);
	assert_int_equal(read_end(&r, '-'), 0);
}

/* -- past the kernel's pages -- */

static bool opens_direct(struct fixture *f, int flags)
{
	struct fuse_file_info fi = {.flags = flags};
	struct handle *h;
	bool direct;

	core_lock(&f->fs->core);
	h = ops_open_handle(f->fs, f->inode, &fi);
	assert_non_null(h);
	direct = fi.direct_io;
	assert_int_equal(h->ahead.direct, direct);
	handle_free(&f->fs->handles, h);
	core_unlock(&f->fs->core);
	return direct;
}

static void kernel_maps_direct(struct fixture *f)
{
	f->fs->init.flags2 = 1u << 4; /* the bit of FUSE_DIRECT_IO_ALLOW_MMAP */
}

static void a_file_recently_changed_by_another_client_is_opened_with_direct_io(void **state)
{
	struct fixture *f = *state;

	kernel_maps_direct(f);
	tell_size(f);
	assert_false(opens_direct(f, O_RDONLY));
	rewrite(f, 'b', BYTES);
	announce(f, f->seq);
	assert_true(opens_direct(f, O_RDONLY));
	assert_true(opens_direct(f, O_RDWR));
	assert_false(opens_direct(f, O_WRONLY));
	f->inode->foreign_ns -= CORE_CONTENDED_S * NS_PER_S;
	assert_false(opens_direct(f, O_RDONLY));
}

static void a_foreign_change_seen_in_attributes_before_the_journal_causes_direct_io(void **state)
{
	struct fixture *f = *state;

	kernel_maps_direct(f);
	f->fs->core.others = true;
	tell_size(f);
	rewrite(f, 'b', BYTES);
	tell_size(f);
	assert_true(opens_direct(f, O_RDONLY));
}

static void a_file_changed_just_before_this_mount_first_saw_it_opens_with_direct_io(void **state)
{
	struct fixture *f = *state;

	kernel_maps_direct(f);
	f->fs->core.others = true;
	tell_size(f);
	assert_true(opens_direct(f, O_RDONLY));
}

static void a_file_changed_long_before_this_mount_first_saw_it_opens_without_direct_io(void **state)
{
	struct fixture *f = *state;

	kernel_maps_direct(f);
	f->fs->core.others = true;
	/* Two looks at the position, each so late that the position of the look before is settled. */
	for (int i = 0; i < 2; i++) {
		core_lock(&f->fs->core);
		f->fs->core.settles_ns -= CORE_CONTENDED_S * NS_PER_S;
		core_saw(&f->fs->core, (struct store_position){1, f->seq});
		core_unlock(&f->fs->core);
	}
	tell_size(f);
	assert_false(opens_direct(f, O_RDONLY));
}

static void if_the_kernel_cannot_mmap_direct_files_only_o_direct_opens_are_direct(void **state)
{
	struct fixture *f = *state;

	tell_size(f);
	rewrite(f, 'b', BYTES);
	announce(f, f->seq);
	assert_false(opens_direct(f, O_RDONLY));
	assert_true(opens_direct(f, O_RDONLY | O_DIRECT));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(attributes_asked_for_after_a_change_do_not_come_from_an_older_answer),
		TEST(requests_for_attributes_share_one_answer_when_nothing_has_changed),
		TEST(without_a_trusted_journal_a_later_attribute_request_gets_its_own_answer),
		TEST(a_read_of_a_file_that_changes_meanwhile_returns_one_version),
		TEST(unstored_own_bytes_replace_the_stored_bytes_in_a_read),
		TEST(a_read_that_finds_a_file_emptied_waits_until_its_rewrite_is_announced),
		TEST(a_file_that_was_emptied_and_not_rewritten_is_read_as_empty),
		TEST(a_read_of_an_emptied_file_returns_nothing_once_the_kernel_has_the_new_size),
		TEST(a_file_recently_changed_by_another_client_is_opened_with_direct_io),
		TEST(a_foreign_change_seen_in_attributes_before_the_journal_causes_direct_io),
		TEST(a_file_changed_just_before_this_mount_first_saw_it_opens_with_direct_io),
		TEST(a_file_changed_long_before_this_mount_first_saw_it_opens_without_direct_io),
		TEST(if_the_kernel_cannot_mmap_direct_files_only_o_direct_opens_are_direct),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
