#include "fusefs/listing.h"

#include "fusefs/store_fault.h"
#include "fusefs/store_mem.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define WAIT_MS 10000 /* a deadline of tests: only reached when something hangs */
#define FILES 700     /* more than the first page */

struct fixture {
	struct mem_drive *drive;
	struct store *store;
	struct oplog *log;
	struct fs *fs;
	struct inode *root;
};

struct outcome {
	pthread_mutex_t lock;
	pthread_cond_t over;
	bool done;
	int error;
	int64_t seq;
};

static void outcome_init(struct outcome *o)
{
	memset(o, 0, sizeof(*o));
	pthread_mutex_init(&o->lock, NULL);
	pthread_cond_init(&o->over, NULL);
}

static void outcome_tell(struct outcome *o, int error)
{
	pthread_mutex_lock(&o->lock);
	o->done = true;
	o->error = error;
	pthread_cond_signal(&o->over);
	pthread_mutex_unlock(&o->lock);
}

static int outcome_wait(struct outcome *o)
{
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_MS / 1000;
	pthread_mutex_lock(&o->lock);
	while (!o->done && r == 0)
		r = pthread_cond_timedwait(&o->over, &o->lock, &until);
	pthread_mutex_unlock(&o->lock);
	assert_true(o->done);
	return o->error;
}

static void on_batch(void *cookie, int error, const struct store_batch_reply *reply)
{
	struct outcome *o = cookie;

	o->seq = reply ? reply->at.seq : 0;
	outcome_tell(o, error);
}

/* As another mount would. Returns the position. */
static int64_t create(struct fixture *f, const char *name)
{
	struct op op = {.kind = OP_CREATE,
		.fields = OP_HAS_MODE,
		.parent = ITEM_ROOT(7),
		.name = span_str(name),
		.mode = S_IFREG | 0644};
	struct outcome o;

	outcome_init(&o);
	(void)f->store->ops->batch(f->store, &op, 1, on_batch, &o);
	assert_int_equal(outcome_wait(&o), 0);
	return o.seq;
}

static void name_of(int n, char *ret, size_t size)
{
	(void)snprintf(ret, size, "file-%04d", n);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct fs_options options = {.root = ITEM_ROOT(7), .root_mode = true, .cache_bytes = 1024 * 1024};
	struct store *mem = NULL;
	char name[32];

	assert_non_null(f);
	assert_int_equal(mem_drive_new(7, 0, &f->drive), 0);
	assert_int_equal(store_mem_new(f->drive, &mem), 0);
	assert_int_equal(store_fault_new(mem, &f->store), 0);
	assert_int_equal(oplog_new(f->store, &f->log), 0);
	options.store = f->store;
	options.oplog = f->log;
	assert_int_equal(fs_new(&options, &f->fs), 0);
	for (int i = 0; i < FILES; i++) {
		name_of(i, name, sizeof(name));
		(void)create(f, name);
	}
	fs_lock(f->fs);
	f->root = inodes_get(&f->fs->inodes, ITEM_ROOT(7));
	fs_unlock(f->fs);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	fs_lock(f->fs);
	inode_unref(f->root);
	fs_unlock(f->fs);
	assert_int_equal(oplog_drain(f->log, WAIT_MS, NULL), 0);
	fs_free(f->fs);
	oplog_free(f->log);
	f->store->ops->free(f->store);
	mem_drive_free(f->drive);
	free(f);
	return 0;
}

/* -- steps, with the lock of the fs held but while they wait -- */

static void on_ready(void *cookie, int error)
{
	outcome_tell(cookie, error);
}

static int at(struct fixture *f, struct listing *l, uint64_t n, struct listing_entry *ret)
{
	int r = listing_at(l, n, ret);

	while (r == -EAGAIN) {
		struct outcome o;

		outcome_init(&o);
		assert_int_equal(listing_wait(l, on_ready, &o), 0);
		fs_unlock(f->fs);
		(void)outcome_wait(&o);
		fs_lock(f->fs);
		r = listing_at(l, n, ret);
	}
	return r;
}

static uint64_t read_all(struct fixture *f, struct listing *l)
{
	struct listing_entry entry;
	char name[32];
	uint64_t n = 0;

	for (; at(f, l, n, &entry) == 1; n++) {
		name_of((int)n, name, sizeof(name));
		assert_true(span_eq_str(entry.name, name));
	}
	return n;
}

static void refresh_root(struct fixture *f)
{
	struct outcome o;

	outcome_init(&o);
	assert_int_equal(fs_refresh(f->fs, f->root, on_ready, &o), 0);
	fs_unlock(f->fs);
	assert_int_equal(outcome_wait(&o), 0);
	fs_lock(f->fs);
}

static uint64_t pages(struct fixture *f)
{
	struct mem_counts c;

	mem_drive_counts(f->drive, &c);
	return c.children;
}

static void announce(struct fixture *f, const char *name, int64_t seq)
{
	struct store_change change = {.seq = seq,
		.op = OP_CREATE,
		.id = 99,
		.parent = ITEM_ROOT(7),
		.name = span_str(name),
		.attributes = true};
	struct store_changes changes = {.list = &change, .count = 1, .last = {1, seq}};

	fs_unlock(f->fs);
	fs_on_changes(f->fs, &changes);
	fs_lock(f->fs);
}

/* Later than all that was seen. */
static void announce_op(struct fixture *f, enum op_kind op, const char *name)
{
	struct store_change change = {.seq = f->root->seen + 1000,
		.op = op,
		.id = 99,
		.parent = ITEM_ROOT(7),
		.name = span_str(name),
		.attributes = true};
	struct store_changes changes = {.list = &change, .count = 1, .last = {1, change.seq}};

	fs_unlock(f->fs);
	fs_on_changes(f->fs, &changes);
	fs_lock(f->fs);
}

/* -- cases -- */

static void all_entries_come_in_order_and_their_places_stay(void **state)
{
	struct fixture *f = *state;
	struct listing_entry entry;
	struct listing *l;

	fs_lock(f->fs);
	l = listing_open(f->fs, f->root);
	assert_int_equal(read_all(f, l), FILES);
	assert_int_equal(at(f, l, 3, &entry), 1);
	assert_true(span_eq_str(entry.name, "file-0003"));
	assert_int_equal(at(f, l, FILES, &entry), 0);
	listing_close(l);
	fs_unlock(f->fs);
}

static void a_folder_that_was_listed_is_complete(void **state)
{
	struct fixture *f = *state;
	struct inode *inode = NULL;
	struct listing *l;

	fs_lock(f->fs);
	assert_int_equal(names_find(&f->fs->names, f->root->id, span_str("file-0001"), &inode), NAME_UNKNOWN);
	l = listing_open(f->fs, f->root);
	(void)read_all(f, l);
	listing_close(l);
	assert_true(inode_is_complete(f->root));
	assert_int_equal(names_find(&f->fs->names, f->root->id, span_str("file-0001"), &inode), NAME_PRESENT);
	assert_true(inode_valid(inode));
	assert_int_equal(names_find(&f->fs->names, f->root->id, span_str("nothing"), &inode), NAME_ABSENT);
	fs_unlock(f->fs);
}

static void while_it_is_unchanged_a_folder_is_listed_from_here(void **state)
{
	struct fixture *f = *state;
	struct listing *l;
	uint64_t before;

	fs_lock(f->fs);
	refresh_root(f);
	l = listing_open(f->fs, f->root);
	(void)read_all(f, l);
	listing_close(l);
	before = pages(f);
	l = listing_open(f->fs, f->root);
	assert_int_equal(read_all(f, l), FILES);
	assert_int_equal(pages(f), before);
	listing_close(l);
	fs_unlock(f->fs);
}

static void what_another_made_is_asked_for_and_listed_anew(void **state)
{
	struct fixture *f = *state;
	struct inode *inode = NULL;
	struct listing_entry entry;
	struct listing *l;
	int64_t seq;

	fs_lock(f->fs);
	refresh_root(f);
	l = listing_open(f->fs, f->root);
	(void)read_all(f, l);
	seq = create(f, "file-0700");
	announce(f, "file-0700", seq);
	assert_int_equal(names_find(&f->fs->names, f->root->id, span_str("file-0700"), &inode), NAME_UNKNOWN);
	assert_int_equal(names_find(&f->fs->names, f->root->id, span_str("other"), &inode), NAME_ABSENT);
	assert_int_equal(at(f, l, FILES, &entry), 0); /* whoever reads it sees what it was */
	l = listing_rewind(l);
	assert_int_equal(read_all(f, l), FILES + 1);
	listing_close(l);
	fs_unlock(f->fs);
}

static void a_listing_that_began_before_a_change_does_not_make_complete(void **state)
{
	struct fixture *f = *state;
	struct inode *inode = NULL;
	struct listing_entry entry;
	const struct fault_rule held = {.call = FAULT_CHILDREN, .kind = FAULT_HOLD, .nth = 2};
	struct listing *l;

	fault_add(f->store, &held);
	fs_lock(f->fs);
	l = listing_open(f->fs, f->root);
	assert_int_equal(at(f, l, 0, &entry), 1);
	assert_int_equal(fault_wait_held(f->store, FAULT_CHILDREN, 1, WAIT_MS), 0);
	announce(f, "aaaa", 1000000); /* later than what any page saw */
	assert_int_equal(fault_release(f->store, FAULT_CHILDREN), 1);
	assert_int_equal(read_all(f, l), FILES);
	assert_false(inode_is_complete(f->root));
	assert_int_equal(names_find(&f->fs->names, f->root->id, span_str("aaaa"), &inode), NAME_UNKNOWN);
	listing_close(l);
	fs_unlock(f->fs);
}

static void a_listing_older_than_the_attributes_of_its_folder_is_not_kept(void **state)
{
	struct fixture *f = *state;
	struct listing_entry entry;
	const struct fault_rule held = {.call = FAULT_CHILDREN, .kind = FAULT_HOLD, .nth = 2};
	struct listing *l;
	int64_t seq;

	fault_add(f->store, &held);
	fs_lock(f->fs);
	l = listing_open(f->fs, f->root);
	assert_int_equal(at(f, l, 0, &entry), 1);
	assert_int_equal(fault_wait_held(f->store, FAULT_CHILDREN, 1, WAIT_MS), 0);
	seq = create(f, "file-"); /* it belongs on the page that is here already */
	refresh_root(f);	  /* … and this has seen it, before the journal says so */
	assert_int_equal(f->root->attr.content_seq, seq);
	assert_int_equal(fault_release(f->store, FAULT_CHILDREN), 1);
	assert_int_equal(read_all(f, l), FILES);
	listing_close(l);
	announce(f, "file-", seq);
	l = listing_open(f->fs, f->root);
	assert_int_equal(at(f, l, 0, &entry), 1);
	assert_true(span_eq_str(entry.name, "file-"));
	listing_close(l);
	fs_unlock(f->fs);
}

static void what_changes_a_document_leaves_its_name_and_its_folder_known(void **state)
{
	static const enum op_kind kinds[] = {OP_WRITE, OP_SETATTR, OP_SETXATTR, OP_REMOVEXATTR, OP_CLONE};
	struct fixture *f = *state;
	struct inode *inode = NULL;
	struct listing *l;

	fs_lock(f->fs);
	refresh_root(f);
	l = listing_open(f->fs, f->root);
	(void)read_all(f, l);
	listing_close(l);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		announce_op(f, kinds[i], "file-0001");
		assert_int_equal(names_find(&f->fs->names, f->root->id, span_str("file-0001"), &inode), NAME_PRESENT);
		assert_true(inode_valid(f->root));
	}
	announce_op(f, OP_KINDS, "file-0001"); /* of a newer store: who knows */
	assert_int_equal(names_find(&f->fs->names, f->root->id, span_str("file-0001"), &inode), NAME_UNKNOWN);
	assert_false(inode_valid(f->root));
	fs_unlock(f->fs);
}

static void who_closes_early_leaves_nothing_behind(void **state)
{
	struct fixture *f = *state;
	struct listing *l;

	fs_lock(f->fs);
	l = listing_open(f->fs, f->root);
	listing_close(l); /* its first page is on its way */
	fs_unlock(f->fs);
}

static void names_asked_for_one_by_one_bring_the_whole_folder(void **state)
{
	struct fixture *f = *state;
	uint64_t before = pages(f);

	fs_lock(f->fs);
	for (unsigned i = 0; i < LISTING_MISSES; i++) {
		assert_int_equal(pages(f), before);
		listing_missed(f->fs, f->root);
	}
	for (int i = 0; i < WAIT_MS && !inode_is_complete(f->root); i++) {
		/* A request behind the page: when it is answered, so is the page. */
		refresh_root(f);
	}
	assert_true(inode_is_complete(f->root));
	fs_unlock(f->fs);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(all_entries_come_in_order_and_their_places_stay),
		CASE(a_folder_that_was_listed_is_complete),
		CASE(while_it_is_unchanged_a_folder_is_listed_from_here),
		CASE(what_another_made_is_asked_for_and_listed_anew),
		CASE(a_listing_that_began_before_a_change_does_not_make_complete),
		CASE(a_listing_older_than_the_attributes_of_its_folder_is_not_kept),
		CASE(what_changes_a_document_leaves_its_name_and_its_folder_known),
		CASE(who_closes_early_leaves_nothing_behind),
		CASE(names_asked_for_one_by_one_bring_the_whole_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
