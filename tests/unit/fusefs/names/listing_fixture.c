#include "tests/unit/fusefs/names/listing_fixture.h"

#include "common/base/clock.h"

static void on_batch(void *cookie, int error, const struct store_batch_reply *reply)
{
	struct outcome *o = cookie;

	o->seq = reply ? reply->at.seq : 0;
	if (error == 0 && reply)
		o->result = reply->results[0];
	outcome_tell(o, error);
}

struct outcome send_op(struct fixture *f, const struct op *op)
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

/* As another mount does it. Returns the position of the change. */
int64_t create_in(struct fixture *f, int64_t folder, const char *name)
{
	struct op op = create_op(folder, name, S_IFREG | 0644);

	return send_op(f, &op).seq;
}

int64_t create(struct fixture *f, const char *name)
{
	return create_in(f, ITEM_ROOT(7), name);
}

void name_of(int n, char *ret, size_t size)
{
	(void)snprintf(ret, size, "file-%04d", n);
}

int listing_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct fs_options options = {.root = ITEM_ROOT(7), .root_mode = true, .cache_bytes = 1024 * 1024};
	struct store *mem = NULL;
	char name[32];

	assert_non_null(f);
	assert_int_equal(mem_drive_new(7, 0, &f->drive), 0);
	assert_int_equal(mem_store_new(f->drive, &mem), 0);
	assert_int_equal(fault_new(mem, &f->store), 0);
	assert_int_equal(oplog_new(f->store, &f->log), 0);
	options.store = f->store;
	options.oplog = f->log;
	assert_int_equal(fs_new(&options, &f->fs), 0);
	for (int i = 0; i < FILES; i++) {
		name_of(i, name, sizeof(name));
		(void)create(f, name);
	}
	core_lock(&f->fs->core);
	f->root = inodes_get(&f->fs->core.inodes, ITEM_ROOT(7));
	core_unlock(&f->fs->core);
	*state = f;
	return 0;
}

int listing_teardown(void **state)
{
	struct fixture *f = *state;

	core_lock(&f->fs->core);
	inode_unref(f->root);
	core_unlock(&f->fs->core);
	assert_int_equal(oplog_drain(f->log, WAIT_MS, NULL), 0);
	fs_free(f->fs);
	oplog_free(f->log);
	f->store->ops->free(f->store);
	mem_drive_free(f->drive);
	free(f);
	return 0;
}

/* -- steps: the caller holds the lock of the core; a step releases it while it waits -- */

static void on_ready(void *cookie, int error)
{
	outcome_tell(cookie, error);
}

int at(struct fixture *f, struct listing *l, uint64_t n, struct listing_entry *ret)
{
	int r = listing_at(l, n, ret);

	while (r == -EAGAIN) {
		struct outcome o;

		outcome_init(&o);
		assert_int_equal(listing_wait(l, on_ready, &o), 0);
		core_unlock(&f->fs->core);
		(void)outcome_wait(&o);
		core_lock(&f->fs->core);
		r = listing_at(l, n, ret);
	}
	return r;
}

uint64_t read_all(struct fixture *f, struct listing *l)
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

void refresh_root(struct fixture *f)
{
	struct outcome o;

	outcome_init(&o);
	assert_int_equal(attributes_refresh(&f->fs->core, f->root, on_ready, &o), 0);
	core_unlock(&f->fs->core);
	assert_int_equal(outcome_wait(&o), 0);
	core_lock(&f->fs->core);
}

uint64_t pages(struct fixture *f)
{
	struct mem_counts c;

	mem_drive_counts(f->drive, &c);
	return c.children;
}

void announce_change(struct fixture *f, const struct store_change *change)
{
	struct store_changes changes = {.list = change, .count = 1, .last = {1, change->seq}};

	core_unlock(&f->fs->core);
	fs_on_changes(f->fs, &changes, clock_boot_ns());
	core_lock(&f->fs->core);
}

/* The position of the change is later than all that the root has seen. */
void announce_op(struct fixture *f, enum op_kind op, const char *name)
{
	announce_change(f,
		&(struct store_change){.seq = f->root->seen + 1000,
			.op = op,
			.id = 99,
			.parent = ITEM_ROOT(7),
			.name = span_str(name),
			.attributes = true});
}

void announce_in(struct fixture *f, int64_t folder, const char *name, int64_t seq)
{
	announce_change(f,
		&(struct store_change){.seq = seq,
			.op = OP_CREATE,
			.id = 99,
			.parent = folder,
			.name = span_str(name),
			.attributes = true});
}

void announce(struct fixture *f, const char *name, int64_t seq)
{
	announce_in(f, ITEM_ROOT(7), name, seq);
}

/* The journal has been read up to seq. It had no changes. */
void follow_up_to(struct fixture *f, int64_t seq)
{
	struct store_changes changes = {.last = {1, seq}};

	core_unlock(&f->fs->core);
	fs_on_changes(f->fs, &changes, clock_boot_ns());
	core_lock(&f->fs->core);
}

void others_are_over(struct fixture *f, struct inode *folder)
{
	f->fs->core.foreign_ns = 0;
	folder->foreign_ns = 0;
}

/* The answer to an own op has come: does what the op log and the op's caller do then. */
static struct inode *answered(struct fixture *f, const struct outcome *o)
{
	fill_view_own(&f->fs->core.view, o->seq, o->seq, f->fs->core.now_ns);
	core_view_changed(&f->fs->core);
	return attributes_learn_own(&f->fs->core, &o->result);
}

/* As this mount does it: learns from the answer. The caller owns a reference to the inode. */
struct inode *make(struct fixture *f, struct inode *folder, const char *name, uint32_t mode)
{
	struct op op = create_op(folder->id, name, mode);
	struct outcome o = send_op(f, &op);
	struct inode *inode = answered(f, &o);

	assert_non_null(inode);
	recent_add_name(&f->fs->core.recent, o.seq, folder->id, op.name);
	names_learn(&f->fs->names, folder->id, op.name, inode, o.seq);
	if (S_ISDIR(mode)) {
		inode->complete = true;
		inode->complete_epoch = f->fs->core.inodes.epoch;
	}
	return inode;
}

int64_t make_file(struct fixture *f, struct inode *folder, const char *name)
{
	struct inode *inode = make(f, folder, name, S_IFREG | 0644);
	int64_t seq = inode->attr.seq;

	inode_unref(inode);
	return seq;
}

struct inode *make_folder(struct fixture *f)
{
	return make(f, f->root, "made", S_IFDIR | 0755);
}

int64_t remove_file(struct fixture *f, struct inode *folder, const char *name)
{
	struct op op = {.kind = OP_UNLINK, .parent = folder->id, .name = span_str(name)};
	struct outcome o = send_op(f, &op);

	inode_unref(answered(f, &o));
	recent_add_name(&f->fs->core.recent, o.seq, folder->id, op.name);
	names_learn(&f->fs->names, folder->id, op.name, NULL, o.seq);
	return o.seq;
}

/* First the answer comes, then the journal entry. */
void chmod_file(struct fixture *f, struct inode *folder, const char *name)
{
	struct op op = {.kind = OP_SETATTR, .fields = OP_HAS_MODE, .mode = 0600};
	struct inode *inode = NULL;
	struct outcome o;

	assert_int_equal(names_find(&f->fs->names, folder->id, span_str(name), &inode), NAME_PRESENT);
	op.id = inode->id;
	o = send_op(f, &op);
	inode_unref(answered(f, &o));
	announce_change(f,
		&(struct store_change){.seq = o.seq,
			.op = OP_SETATTR,
			.id = op.id,
			.parent = folder->id,
			.name = span_str(name),
			.own = true,
			.attributes = true});
}

/* Reads from the beginning: "name:id:type" for each entry, with a space after it. */
void read_text(struct fixture *f, struct listing *l, char ret[TEXT_MAX])
{
	struct listing_entry entry;
	size_t used = 0;

	ret[0] = '\0';
	for (uint64_t n = 0; at(f, l, n, &entry) == 1; n++)
		used += (size_t)snprintf(ret + used, TEXT_MAX - used, "%.*s:%" PRId64 ":%o ", (int)entry.name.size,
			entry.name.data, entry.id, entry.mode & S_IFMT);
	assert_in_range(used, 0, TEXT_MAX - 1);
}

/* The same, but only the names. */
void read_names(struct fixture *f, struct listing *l, char ret[TEXT_MAX])
{
	struct listing_entry entry;
	size_t used = 0;

	ret[0] = '\0';
	for (uint64_t n = 0; at(f, l, n, &entry) == 1; n++)
		used += (size_t)snprintf(ret + used, TEXT_MAX - used, "%.*s ", (int)entry.name.size, entry.name.data);
	assert_in_range(used, 0, TEXT_MAX - 1);
}
