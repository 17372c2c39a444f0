#include "fusefs/listing.h"

#include "fusefs/store_fault.h"
#include "fusefs/store_mem.h"

#include <errno.h>
#include <inttypes.h>
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
	struct op_result result; /* what it points to is gone */
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
	if (error == 0 && reply)
		o->result = reply->results[0];
	outcome_tell(o, error);
}

static struct outcome send(struct fixture *f, const struct op *op)
{
	struct outcome o;

	outcome_init(&o);
	(void)f->store->ops->batch(f->store, op, 1, on_batch, &o);
	assert_int_equal(outcome_wait(&o), 0);
	return o;
}

static struct op create_op(int64_t folder, const char *name, uint32_t mode)
{
	return (struct op){
		.kind = OP_CREATE, .fields = OP_HAS_MODE, .parent = folder, .name = span_str(name), .mode = mode};
}

/* As another mount would. Returns the position. */
static int64_t create_in(struct fixture *f, int64_t folder, const char *name)
{
	struct op op = create_op(folder, name, S_IFREG | 0644);

	return send(f, &op).seq;
}

static int64_t create(struct fixture *f, const char *name)
{
	return create_in(f, ITEM_ROOT(7), name);
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

static void announce_change(struct fixture *f, const struct store_change *change)
{
	struct store_changes changes = {.list = change, .count = 1, .last = {1, change->seq}};

	fs_unlock(f->fs);
	fs_on_changes(f->fs, &changes);
	fs_lock(f->fs);
}

/* Later than all that was seen. */
static void announce_op(struct fixture *f, enum op_kind op, const char *name)
{
	announce_change(f,
		&(struct store_change){.seq = f->root->seen + 1000,
			.op = op,
			.id = 99,
			.parent = ITEM_ROOT(7),
			.name = span_str(name),
			.attributes = true});
}

static void announce_in(struct fixture *f, int64_t folder, const char *name, int64_t seq)
{
	announce_change(f,
		&(struct store_change){.seq = seq,
			.op = OP_CREATE,
			.id = 99,
			.parent = folder,
			.name = span_str(name),
			.attributes = true});
}

static void announce(struct fixture *f, const char *name, int64_t seq)
{
	announce_in(f, ITEM_ROOT(7), name, seq);
}

/* The journal has come so far, and brought nothing else. */
static void follow_up_to(struct fixture *f, int64_t seq)
{
	struct store_changes changes = {.last = {1, seq}};

	fs_unlock(f->fs);
	fs_on_changes(f->fs, &changes);
	fs_lock(f->fs);
}

/* As this mount does it: what came of it is learnt. The inode has a reference. */
static struct inode *make(struct fixture *f, struct inode *folder, const char *name, uint32_t mode)
{
	struct op op = create_op(folder->id, name, mode);
	struct outcome o = send(f, &op);
	struct inode *inode = fs_learn_own(f->fs, &o.result);

	assert_non_null(inode);
	recent_add_name(&f->fs->recent, o.seq, folder->id, op.name);
	names_learn(&f->fs->names, folder->id, op.name, inode, o.seq);
	if (S_ISDIR(mode)) {
		inode->complete = true;
		inode->complete_epoch = f->fs->inodes.epoch;
	}
	return inode;
}

static int64_t make_file(struct fixture *f, struct inode *folder, const char *name)
{
	struct inode *inode = make(f, folder, name, S_IFREG | 0644);
	int64_t seq = inode->attr.seq;

	inode_unref(inode);
	return seq;
}

static struct inode *make_folder(struct fixture *f)
{
	return make(f, f->root, "made", S_IFDIR | 0755);
}

static int64_t remove_file(struct fixture *f, struct inode *folder, const char *name)
{
	struct op op = {.kind = OP_UNLINK, .parent = folder->id, .name = span_str(name)};
	struct outcome o = send(f, &op);

	inode_unref(fs_learn_own(f->fs, &o.result));
	recent_add_name(&f->fs->recent, o.seq, folder->id, op.name);
	names_learn(&f->fs->names, folder->id, op.name, NULL, o.seq);
	return o.seq;
}

/* The answer, and then the journal. */
static void chmod_file(struct fixture *f, struct inode *folder, const char *name)
{
	struct op op = {.kind = OP_SETATTR, .fields = OP_HAS_MODE, .mode = 0600};
	struct inode *inode = NULL;
	struct outcome o;

	assert_int_equal(names_find(&f->fs->names, folder->id, span_str(name), &inode), NAME_PRESENT);
	op.id = inode->id;
	o = send(f, &op);
	inode_unref(fs_learn_own(f->fs, &o.result));
	announce_change(f,
		&(struct store_change){.seq = o.seq,
			.op = OP_SETATTR,
			.id = op.id,
			.parent = folder->id,
			.name = span_str(name),
			.own = true,
			.attributes = true});
}

#define TEXT_MAX 512

/* From the start: "name:id:type", each with a space behind. */
static void read_text(struct fixture *f, struct listing *l, char ret[TEXT_MAX])
{
	struct listing_entry entry;
	size_t used = 0;

	ret[0] = '\0';
	for (uint64_t n = 0; at(f, l, n, &entry) == 1; n++)
		used += (size_t)snprintf(ret + used, TEXT_MAX - used, "%.*s:%" PRId64 ":%o ", (int)entry.name.size,
			entry.name.data, entry.id, entry.mode & S_IFMT);
	assert_in_range(used, 0, TEXT_MAX - 1);
}

/* The names only. */
static void read_names(struct fixture *f, struct listing *l, char ret[TEXT_MAX])
{
	struct listing_entry entry;
	size_t used = 0;

	ret[0] = '\0';
	for (uint64_t n = 0; at(f, l, n, &entry) == 1; n++)
		used += (size_t)snprintf(ret + used, TEXT_MAX - used, "%.*s ", (int)entry.name.size, entry.name.data);
	assert_in_range(used, 0, TEXT_MAX - 1);
}

/* Opened, read and closed. asked: times that the store was asked for entries. */
#define assert_listed(f, folder, names, asked)                          \
	do {                                                            \
		uint64_t before = pages(f);                             \
		struct listing *listed = listing_open((f)->fs, folder); \
		char listed_names[TEXT_MAX];                            \
                                                                        \
		read_names(f, listed, listed_names);                    \
		listing_close(listed);                                  \
		assert_string_equal(listed_names, names);               \
		assert_int_equal(pages(f) - before, asked);             \
	} while (0)

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

static void a_page_from_before_a_reset_teaches_nothing(void **state)
{
	struct fixture *f = *state;
	const struct store_changes reset = {.reset = true, .last = {.seq = 1000000}};
	const struct fault_rule held = {.call = FAULT_CHILDREN, .kind = FAULT_HOLD, .nth = 2};
	struct inode *inode = NULL;
	struct listing_entry entry;
	struct listing *l;

	fault_add(f->store, &held);
	fs_lock(f->fs);
	l = listing_open(f->fs, f->root);
	assert_int_equal(at(f, l, 0, &entry), 1);
	assert_int_equal(fault_wait_held(f->store, FAULT_CHILDREN, 1, WAIT_MS), 0);
	fs_unlock(f->fs);
	fs_on_changes(f->fs, &reset);
	fs_lock(f->fs);
	assert_int_equal(fault_release(f->store, FAULT_CHILDREN), 1);
	assert_int_equal(read_all(f, l), FILES);
	assert_int_equal(names_find(&f->fs->names, f->root->id, span_str("file-0650"), &inode), NAME_UNKNOWN);
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

/* -- from what is known -- */

static void a_folder_made_here_is_listed_without_asking_the_store(void **state)
{
	struct fixture *f = *state;
	struct inode *folder;

	fs_lock(f->fs);
	folder = make_folder(f);
	assert_listed(f, folder, "", 0);
	(void)make_file(f, folder, "b");
	(void)make_file(f, folder, "a");
	assert_listed(f, folder, "a b ", 0);
	(void)remove_file(f, folder, "a");
	assert_listed(f, folder, "b ", 0);
	chmod_file(f, folder, "b");
	assert_listed(f, folder, "b ", 0);
	inode_unref(folder);
	fs_unlock(f->fs);
}

static void it_is_listed_as_the_store_lists_it(void **state)
{
	const char *const names[] = {"b", "a.c", "\xff", "a", "B", "ab", "a\x01", "\xc3\xa4", "a-"};
	char known[TEXT_MAX], asked[TEXT_MAX];
	struct fixture *f = *state;
	struct inode *folder;
	struct listing *l;

	fs_lock(f->fs);
	folder = make_folder(f);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		(void)make_file(f, folder, names[i]);
	inode_unref(make(f, folder, "aa", S_IFDIR | 0755));
	l = listing_open(f->fs, folder);
	read_text(f, l, known);
	listing_close(l);
	assert_int_equal(pages(f), 0);
	folder->complete = false;
	l = listing_open(f->fs, folder);
	read_text(f, l, asked);
	listing_close(l);
	assert_int_equal(pages(f), 1);
	assert_string_equal(known, asked);
	inode_unref(folder);
	fs_unlock(f->fs);
}

static void after_anothers_change_of_one_name_the_store_is_asked(void **state)
{
	struct fixture *f = *state;
	struct inode *folder;

	fs_lock(f->fs);
	folder = make_folder(f);
	(void)make_file(f, folder, "mine");
	announce_in(f, folder->id, "theirs", create_in(f, folder->id, "theirs"));
	(void)make_file(f, folder, "next"); /* its answer says how the folder is now */
	assert_true(inode_valid(folder));
	assert_listed(f, folder, "mine next theirs ", 1);
	(void)make_file(f, folder, "last");
	assert_listed(f, folder, "last mine next theirs ", 0); /* what was asked for is known as well */
	inode_unref(folder);
	fs_unlock(f->fs);
}

static void what_the_journal_brings_late_ends_what_is_kept(void **state)
{
	struct fixture *f = *state;
	struct inode *folder;
	int64_t theirs;

	fs_lock(f->fs);
	folder = make_folder(f);
	theirs = create_in(f, folder->id, "theirs");
	(void)make_file(f, folder, "mine"); /* later than theirs: the folder's attributes stay right */
	assert_listed(f, folder, "mine ", 0);
	announce_in(f, folder->id, "theirs", theirs);
	assert_true(inode_valid(folder));
	assert_listed(f, folder, "mine theirs ", 1);
	inode_unref(folder);
	fs_unlock(f->fs);
}

static void it_is_kept_once_the_journal_has_come_so_far(void **state)
{
	struct fixture *f = *state;
	struct inode *folder;
	struct listing *l;

	fs_lock(f->fs);
	folder = make_folder(f);
	follow_up_to(f, make_file(f, folder, "a"));
	l = listing_open(f->fs, folder);
	assert_ptr_equal(folder->listing, l);
	assert_ptr_equal(listing_open(f->fs, folder), l);
	listing_close(l);
	listing_close(l);
	(void)make_file(f, folder, "b");
	assert_listed(f, folder, "a b ", 0);
	assert_null(folder->listing); /* that change may have others before it */
	inode_unref(folder);
	fs_unlock(f->fs);
}

static void who_reads_it_sees_what_it_was_until_he_rewinds(void **state)
{
	struct fixture *f = *state;
	struct listing_entry entry;
	char names[TEXT_MAX];
	struct inode *folder;
	struct listing *l;

	fs_lock(f->fs);
	folder = make_folder(f);
	(void)make_file(f, folder, "b");
	(void)make_file(f, folder, "c");
	l = listing_open(f->fs, folder);
	assert_int_equal(at(f, l, 0, &entry), 1);
	(void)make_file(f, folder, "a");
	(void)remove_file(f, folder, "c");
	assert_int_equal(at(f, l, 2, &entry), 0);
	assert_int_equal(at(f, l, 1, &entry), 1);
	assert_true(span_eq_str(entry.name, "c"));
	assert_int_equal(at(f, l, 0, &entry), 1);
	assert_true(span_eq_str(entry.name, "b"));
	l = listing_rewind(l);
	read_names(f, l, names);
	assert_string_equal(names, "a b ");
	assert_int_equal(pages(f), 0);
	listing_close(l);
	inode_unref(folder);
	fs_unlock(f->fs);
}

static void hundreds_of_absent_names_are_passed_by_but_not_thousands(void **state)
{
	struct fixture *f = *state;
	struct inode *folder;
	char name[32];

	fs_lock(f->fs);
	folder = make_folder(f);
	(void)make_file(f, folder, "file");
	for (int i = 0; i < (int)LISTING_RECALL_MAX; i++) {
		if (i == 500 || i == (int)LISTING_RECALL_MAX - 1)
			assert_listed(f, folder, "file ", 0);
		name_of(i, name, sizeof(name));
		names_learn(&f->fs->names, folder->id, span_str(name), NULL, folder->seen);
	}
	assert_listed(f, folder, "file ", 1);
	inode_unref(folder);
	fs_unlock(f->fs);
}

static void a_folder_that_lost_a_name_for_lack_of_room_is_asked_for(void **state)
{
	struct fixture *f = *state;
	struct inode *folder;

	fs_lock(f->fs);
	folder = make_folder(f);
	(void)make_file(f, folder, "a");
	(void)make_file(f, folder, "b");
	f->fs->names.max = 3; /* with "made" itself, which goes first */
	(void)make_file(f, folder, "c");
	assert_listed(f, folder, "a b c ", 0);
	(void)make_file(f, folder, "d");
	assert_listed(f, folder, "a b c d ", 1);
	inode_unref(folder);
	fs_unlock(f->fs);
}

static void without_news_of_the_drive_the_store_is_asked(void **state)
{
	struct fixture *f = *state;
	struct inode *folder, *other;
	int64_t seq;

	fs_lock(f->fs);
	folder = make_folder(f);
	seq = make_file(f, folder, "a");
	fs_unlock(f->fs);
	fs_on_lost(f->fs);
	fs_lock(f->fs);
	(void)make_file(f, folder, "b");
	assert_listed(f, folder, "a b ", 1);
	other = make(f, folder, "other", S_IFDIR | 0755);
	assert_listed(f, other, "", 1); /* all is known of it, but who can tell whether that is still so */
	follow_up_to(f, seq + 1);
	assert_listed(f, folder, "a b other ", 1); /* what came meanwhile was not kept */
	inode_unref(other);
	inode_unref(folder);
	fs_unlock(f->fs);
}

static void a_page_is_fetched_when_it_brings_attributes_that_are_not_known(void **state)
{
	struct fixture *f = *state;
	struct inode *folder, *file;

	fs_lock(f->fs);
	folder = make_folder(f);
	file = make(f, folder, "a", S_IFREG | 0644);
	announce_change(f,
		&(struct store_change){
			.seq = create(f, "other"), .op = OP_SETATTR, .id = file->id, .attributes = true});
	assert_false(inode_valid(file));
	assert_listed(f, folder, "a ", 1);
	assert_true(inode_valid(file));
	inode_unref(file);
	inode_unref(folder);
	fs_unlock(f->fs);
}

static void a_folder_that_another_changed_or_that_is_gone_is_asked_for(void **state)
{
	struct op gone = {.kind = OP_RMDIR, .parent = ITEM_ROOT(7), .name = SPAN_LITERAL("made")};
	struct fixture *f = *state;
	struct inode *folder;

	fs_lock(f->fs);
	folder = make_folder(f);
	announce_change(f,
		&(struct store_change){
			.seq = create(f, "other"), .op = OP_SETATTR, .id = folder->id, .attributes = true});
	assert_listed(f, folder, "", 1);
	inode_unref(folder);
	(void)send(f, &gone);
	folder = make_folder(f);
	(void)send(f, &gone);
	folder->orphan = true; /* as the answer to an own rmdir says; nothing else about it changes */
	assert_listed(f, folder, "", 1);
	inode_unref(folder);
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
		CASE(a_page_from_before_a_reset_teaches_nothing),
		CASE(a_listing_older_than_the_attributes_of_its_folder_is_not_kept),
		CASE(what_changes_a_document_leaves_its_name_and_its_folder_known),
		CASE(who_closes_early_leaves_nothing_behind),
		CASE(names_asked_for_one_by_one_bring_the_whole_folder),
		CASE(a_folder_made_here_is_listed_without_asking_the_store),
		CASE(it_is_listed_as_the_store_lists_it),
		CASE(after_anothers_change_of_one_name_the_store_is_asked),
		CASE(what_the_journal_brings_late_ends_what_is_kept),
		CASE(it_is_kept_once_the_journal_has_come_so_far),
		CASE(who_reads_it_sees_what_it_was_until_he_rewinds),
		CASE(hundreds_of_absent_names_are_passed_by_but_not_thousands),
		CASE(a_folder_that_lost_a_name_for_lack_of_room_is_asked_for),
		CASE(without_news_of_the_drive_the_store_is_asked),
		CASE(a_page_is_fetched_when_it_brings_attributes_that_are_not_known),
		CASE(a_folder_that_another_changed_or_that_is_gone_is_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
