#include "tests/unit/backend/docs/rules/trial.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <cmocka.h>

void trial_init(struct trial *t)
{
	struct docs_drive drive;

	*t = (struct trial){.now = TRIAL_NOW_NS, .writer.session = 1};
	assert_int_equal(docs_mem_new(&t->mem), 0);
	assert_int_equal(docs_mem_open(t->mem, &t->store), 0);
	assert_int_equal(t->store->ops->drive_create(t->store, 7, SPAN_LITERAL("home"), 0, &drive), 0);
	t->drive = drive.row.id;
	t->root = ITEM_ROOT(t->drive);
}

void trial_fini(struct trial *t)
{
	tree_free(t->tree);
	t->store->ops->free(t->store);
	docs_mem_free(t->mem);
}

static void write_all(struct trial *t)
{
	const struct docs_answer none = {0};
	const struct tree_delta *delta;

	assert_int_equal(tree_delta(t->tree, &delta), 0);
	assert_int_equal(t->store->ops->txn_commit(t->store, delta, &none), 0);
	assert_int_equal(docs_mem_check(t->mem, t->drive), 0);
}

void trial_apply_all(struct trial *t, struct trial_batch *batches, size_t count)
{
	struct op_batch *built[TRIAL_BATCHES_MAX];
	const struct docs_seen *seen;
	struct tree_wants *wants;

	for (size_t i = 0; i < count; i++)
		assert_int_equal(op_batch_new(batches[i].ops, batches[i].count, &built[i]), 0);
	t->swept = t->sweeps && count == 1 && tree_wants_sweep_new(built[0], t->drive, &wants) == 0;
	if (!t->swept)
		assert_int_equal(tree_wants_new((const struct op_batch *const *)built, count, t->drive, &wants), 0);
	tree_free(t->tree);
	t->tree = NULL;
	t->now += 1000000000;
	assert_int_equal(t->store->ops->txn_begin(t->store, t->drive, NULL, 0, wants, t->now, &t->tree, &seen), 0);
	tree_by(t->tree, &t->writer);
	for (size_t i = 0; i < count; i++)
		batches[i].error = tree_apply(t->tree, built[i], SPAN_LITERAL("key"), &batches[i].results, &t->index);
	write_all(t);
	tree_wants_free(wants);
	for (size_t i = 0; i < count; i++)
		op_batch_free(built[i]);
}

int trial_apply(struct trial *t, const struct op *ops, size_t count, const struct op_result **ret_results)
{
	struct trial_batch batch = {.ops = ops, .count = count};
	struct tree_drive before = docs_mem_get_drive(t->mem, t->drive), after;

	t->index = -1;
	trial_apply_all(t, &batch, 1);
	after = docs_mem_get_drive(t->mem, t->drive);
	if (batch.error < 0) {
		assert_int_equal(after.seq, before.seq);
		assert_int_equal(after.used, before.used);
		assert_int_equal(after.extents, before.extents);
		assert_int_equal(after.next_number, before.next_number);
		return batch.error;
	}
	assert_int_equal(after.seq, before.seq + (int64_t)count);
	if (ret_results)
		*ret_results = batch.results;
	return 0;
}

const struct op_result *trial_do(struct trial *t, const struct op *op)
{
	const struct op_result *results = NULL;

	assert_int_equal(trial_apply(t, op, 1, &results), 0);
	return results;
}

int trial_error(struct trial *t, const struct op *op)
{
	return trial_apply(t, op, 1, NULL);
}

int64_t trial_file(struct trial *t, int64_t parent, const char *name)
{
	struct op op = op_create_file(parent, name);

	return trial_do(t, &op)->id;
}

int64_t trial_folder(struct trial *t, int64_t parent, const char *name)
{
	struct op op = op_create_folder(parent, name);

	return trial_do(t, &op)->id;
}

int64_t trial_reserve(struct trial *t, uint32_t count)
{
	struct docs_scope scope = {.drive = t->drive};
	int64_t first = 0;

	assert_int_equal(t->store->ops->ids_reserve(t->store, &scope, count, &first), 0);
	return first;
}

void trial_block(struct trial *t, uint8_t mark, uint32_t size)
{
	struct docs_block block = {.sha256 = {mark}, .generation = 100 + mark, .size = size}, ret;
	struct docs_scope scope = {.drive = t->drive};

	assert_int_equal(t->store->ops->block_stored(t->store, &scope, &block, &ret), 0);
}

void trial_write(struct trial *t, int64_t id, int64_t at, const char *text)
{
	struct op_extent extent = {
		.at = at, .len = (int64_t)strlen(text), .kind = OP_EXTENT_DATA, .data = span_str(text)};
	struct op op = {.kind = OP_WRITE, .id = id, .extents = &extent, .extent_count = 1};

	(void)trial_do(t, &op);
}

struct item trial_item(struct trial *t, int64_t id)
{
	struct tree_node node = {0};

	assert_int_equal(docs_mem_get_node(t->mem, id, &node), 0);
	return node.item;
}

bool trial_is_gone(struct trial *t, int64_t id)
{
	struct tree_node node;

	return docs_mem_get_node(t->mem, id, &node) == -ENOENT;
}

static int take_id(const struct item *item, void *cookie)
{
	*(int64_t *)cookie = item->id;
	return 0;
}

int64_t trial_lookup(struct trial *t, int64_t parent, const char *name)
{
	struct docs_scope scope = {.drive = t->drive};
	struct docs_position at;
	int64_t id = 0;

	(void)t->store->ops->item_lookup(t->store, &scope, parent, span_str(name), take_id, &id, &at);
	return id;
}

int64_t trial_used(struct trial *t)
{
	return docs_mem_get_drive(t->mem, t->drive).used;
}

int64_t trial_seq(struct trial *t)
{
	return docs_mem_get_drive(t->mem, t->drive).seq;
}

void trial_quota(struct trial *t, int64_t bytes)
{
	struct tree_drive drive = docs_mem_get_drive(t->mem, t->drive);

	drive.quota = bytes;
	docs_mem_set_drive(t->mem, &drive);
}

static int pass_item(const struct item *item, void *cookie)
{
	(void)item;
	(void)cookie;
	return 0;
}

static int count_extent(const struct tree_extent *extent, void *cookie)
{
	(void)extent;
	++*(size_t *)cookie;
	return 0;
}

size_t trial_extents(struct trial *t, int64_t id)
{
	struct docs_scope scope = {.drive = t->drive};
	struct docs_position at;
	size_t count = 0;

	assert_int_equal(t->store->ops->extents(
				 t->store, &scope, id, 0, INT64_MAX, UINT32_MAX, pass_item, count_extent, &count, &at),
		0);
	return count;
}

static int take_change(const struct tree_change *change, void *cookie)
{
	*(struct tree_change *)cookie = *change;
	return 0;
}

struct tree_change trial_change(struct trial *t)
{
	struct docs_scope scope = {.drive = t->drive};
	struct tree_change change = {0};
	struct docs_position at;

	assert_int_equal(t->store->ops->changes(t->store, &scope, 0, UINT32_MAX, take_change, &change, &at), 0);
	assert_int_equal(change.seq, at.seq);
	return change;
}

struct op op_create_file(int64_t parent, const char *name)
{
	return (struct op){.kind = OP_CREATE, .parent = parent, .name = span_str(name), .mode = S_IFREG};
}

struct op op_create_folder(int64_t parent, const char *name)
{
	return (struct op){.kind = OP_CREATE, .parent = parent, .name = span_str(name), .mode = S_IFDIR};
}

struct op op_unlink_of(int64_t parent, const char *name)
{
	return (struct op){.kind = OP_UNLINK, .parent = parent, .name = span_str(name)};
}

struct op op_rmdir_of(int64_t parent, const char *name)
{
	return (struct op){.kind = OP_RMDIR, .parent = parent, .name = span_str(name)};
}

struct op op_rename_of(int64_t parent, const char *name, int64_t new_parent, const char *new_name)
{
	return (struct op){.kind = OP_RENAME,
		.parent = parent,
		.name = span_str(name),
		.new_parent = new_parent,
		.new_name = span_str(new_name)};
}

struct op op_link_of(int64_t id, int64_t parent, const char *name)
{
	return (struct op){.kind = OP_LINK, .id = id, .parent = parent, .name = span_str(name)};
}

int trial_setup(void **state)
{
	static struct trial trial;

	trial_init(&trial);
	*state = &trial;
	return 0;
}

int trial_teardown(void **state)
{
	trial_fini(*state);
	return 0;
}
