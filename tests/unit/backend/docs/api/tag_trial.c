#include "tests/unit/backend/docs/api/tag_trial.h"

#include "backend/docs/api/api.h"
#include "backend/docs/request/cursor.h"
#include "common/base/text.h"
#include "common/proto/compact.h"
#include "common/proto/headers.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <cmocka.h>

#define KEPT_MAX 300
#define QUESTIONS 40 /* in a round */
#define COMPARED 120
#define BATCHES 3
#define OPS 4
#define DEPTH 4 /* of paths */
#define FAVOURED 4
#define BLOCK_BYTES 200
#define USER 7

struct tag_trial_kept {
	struct fake_request question;
	struct buf text; /* the answer, without its position */
	struct tag_list tags;
	int64_t seq;
};

static uint32_t chance(struct tag_trial *t, uint32_t below)
{
	return random_op_chance(&t->random, below);
}

static struct tag_trial_side *asked(struct tag_trial *t)
{
	return t->other.store ? &t->other : &t->memory;
}

/* ---- questions ---- */

static void set(struct fake_pair *pairs, const char *name, const char *format, ...)
{
	va_list args;

	while (pairs->name)
		pairs++;
	pairs->name = name;
	va_start(args, format);
	(void)vsnprintf(pairs->value, sizeof(pairs->value), format, args);
	va_end(args);
}

static void set_id(struct tag_trial *t, struct fake_request *q)
{
	const uint32_t drive = asked(t)->scope.drive;
	const int64_t next = docs_mem_get_drive(t->random.mem, t->random.drive).next_number;

	set(q->params, "drive", "%" PRIu32, drive);
	set(q->params, "id", "%" PRId64, ITEM_ID(drive, 1 + chance(t, (uint32_t)next)));
}

static void set_some_path(struct tag_trial *t, struct fake_pair *pairs, bool encoded)
{
	const size_t depth = 1 + chance(t, DEPTH);
	struct buf path;

	const bool slash = !encoded && chance(t, 2); /* ?path= may begin without one */

	buf_init(&path, FAKE_VALUE_SIZE);
	for (size_t i = 0; i < depth; i++) {
		const struct span name = random_op_name(chance(t, RANDOM_OP_NAMES));

		assert_int_equal(i > 0 || slash ? buf_append_str(&path, "/") : 0, 0);
		assert_int_equal(encoded ? text_url_encode(name, &path) : buf_append_span(&path, name), 0);
	}
	set(pairs, "path", "%s", path.data);
	buf_fini(&path);
}

static void set_compact(struct tag_trial *t, struct fake_request *q, const char *type)
{
	if (chance(t, 2))
		set(q->headers, "Accept", "%s", type);
}

static void ask_item(struct tag_trial *t, struct fake_request *q)
{
	q->handler = api_item_get;
	set_id(t, q);
	set_compact(t, q, "application/vnd.nephos.items");
}

static void ask_path(struct tag_trial *t, struct fake_request *q)
{
	q->handler = api_item_by_path;
	set(q->params, "drive", "%" PRIu32, asked(t)->scope.drive);
	set_some_path(t, q->query, false);
}

static void ask_lookup(struct tag_trial *t, struct fake_request *q)
{
	q->handler = api_item_lookup;
	set_id(t, q);
	set(q->query, "name", "%s", random_op_name(chance(t, RANDOM_OP_NAMES)).data);
	set_compact(t, q, "application/vnd.nephos.items");
}

static void ask_children(struct tag_trial *t, struct fake_request *q)
{
	struct buf cursor;

	q->handler = api_item_children;
	set_id(t, q);
	set_compact(t, q, "application/vnd.nephos.items");
	if (chance(t, 2))
		set(q->query, "inline", "1");
	if (chance(t, 3) == 0)
		set(q->query, "limit", "%u", 1 + chance(t, 3));
	if (chance(t, 3) == 0) {
		buf_init(&cursor, CURSOR_BYTES_MAX);
		assert_int_equal(cursor_make(random_op_name(chance(t, RANDOM_OP_NAMES)), &cursor), 0);
		set(q->query, "cursor", "%s", cursor.data);
		buf_fini(&cursor);
	}
}

static void ask_extents(struct tag_trial *t, struct fake_request *q)
{
	q->handler = api_item_extents;
	set_id(t, q);
	set_compact(t, q, "application/vnd.nephos.extents");
	if (chance(t, 2))
		set(q->query, "from", "%u", chance(t, 100));
	if (chance(t, 2))
		set(q->query, "len", "%u", 1 + chance(t, 100));
}

static void ask_xattrs(struct tag_trial *t, struct fake_request *q)
{
	static const char *const cursors[] = {"dXNlci5h", "dXNlci5i", "c3lzdGVt"}; /* user.a, user.b, system */

	q->handler = api_item_xattrs;
	set_id(t, q);
	if (chance(t, 2))
		set(q->query, "limit", "%u", 1 + chance(t, 2));
	if (chance(t, 3) == 0)
		set(q->query, "cursor", "%s", cursors[chance(t, 3)]);
}

static void ask_content(struct tag_trial *t, struct fake_request *q)
{
	q->handler = api_file_get;
	if (chance(t, 2)) {
		set(q->params, "drive", "%" PRIu32, asked(t)->scope.drive);
		set_some_path(t, q->params, true);
	} else {
		set_id(t, q);
	}
	if (chance(t, 4) == 0)
		q->method = "HEAD";
	if (chance(t, 4) == 0)
		set(q->headers, "If-None-Match", "*");
}

static void ask_v1(struct tag_trial *t, struct fake_request *q)
{
	q->handler = api_v1_get;
	set_id(t, q);
}

static void ask_v1_list(struct tag_trial *t, struct fake_request *q)
{
	(void)t;
	q->handler = api_v1_list;
}

static struct fake_request some_question(struct tag_trial *t)
{
	static void (*const kinds[])(struct tag_trial *, struct fake_request *) = {ask_item, ask_path, ask_lookup,
		ask_children, ask_children, ask_extents, ask_xattrs, ask_content, ask_v1, ask_v1_list};
	struct fake_request q = {.method = "GET"};

	set(q.headers, HEADER_TAGS, HEADER_TAGS_WANTED);
	kinds[chance(t, sizeof(kinds) / sizeof(kinds[0]))](t, &q);
	return q;
}

/* ---- answers ---- */

static void append(struct buf *b, struct span bytes)
{
	assert_int_equal(buf_append_span(b, bytes), 0);
}

/* Prints the answer, except for its position and the tags. */
static void print_answer(const struct fake_answer *a, struct buf *ret)
{
	const char *type = http_headers_get(&a->headers, "Content-Type");
	size_t body;

	assert_int_equal(buf_printf(ret, "%d\n", a->status), 0);
	for (size_t i = 0; i < a->headers.count; i++) {
		const struct http_header *h = &a->headers.list[i];

		if (strcmp(h->name, HEADER_SEQ) != 0 && strcmp(h->name, HEADER_TAGS) != 0)
			assert_int_equal(buf_printf(ret, "%s: %s\n", h->name, h->value), 0);
	}
	body = ret->size;
	append(ret, buf_span(&a->body));
	if (a->status == 200 && type && strncmp(type, "application/vnd.nephos.", 23) == 0) {
		assert_int_equal(compact_head_set_position(ret->data + body, a->body.size, 0, 0), 0);
	}
}

static void ask(struct tag_trial *t, const struct fake_request *q, struct fake_answer *ret)
{
	t->docs.workers[0].store = asked(t)->store;
	fake_request_ask(q, &t->docs, asked(t)->scope.user, ret);
}

static void print_question(const struct fake_request *q)
{
	const struct fake_pair *const all[] = {q->params, q->query, q->headers};
	const size_t counts[] = {3, 4, 4};

	print_error("%s", q->method);
	for (size_t i = 0; i < 3; i++)
		for (size_t k = 0; k < counts[i] && all[i][k].name; k++)
			print_error(" %s=%s", all[i][k].name, all[i][k].value);
	print_error("\n");
}

static void forget(struct tag_trial *t, size_t n)
{
	buf_fini(&t->kept[n].text);
	t->kept[n] = t->kept[--t->kept_count];
}

/* Keeps an answer that has tags. Such an answer also has a position. */
static void keep(struct tag_trial *t, const struct fake_request *q, const struct fake_answer *a)
{
	const char *tags = http_headers_get(&a->headers, HEADER_TAGS);
	const char *at = http_headers_get(&a->headers, HEADER_SEQ);
	struct tag_trial_kept *kept;
	int64_t incarnation;

	if (!tags) {
		t->untagged++;
		return;
	}
	t->tagged++;
	assert_true(a->status == 200 || a->status == 304 || a->status == 404);
	if (t->kept_count == KEPT_MAX)
		forget(t, chance(t, KEPT_MAX));
	kept = &t->kept[t->kept_count++];
	kept->question = *q;
	assert_int_equal(tag_list_parse(span_str(tags), &kept->tags), 0);
	assert_int_equal(kept->tags.tags[0].id, asked(t)->scope.drive);
	assert_int_equal(headers_position_parse(at, &incarnation, &kept->seq), 0);
	assert_int_equal(kept->seq, t->seq); /* nothing changed meanwhile */
	for (size_t i = 0; i < kept->tags.count; i++)
		t->by_kind[kept->tags.tags[i].kind]++;
	buf_init(&kept->text, 1u << 20);
	print_answer(a, &kept->text);
}

static void ask_some(struct tag_trial *t)
{
	for (unsigned i = 0; i < QUESTIONS; i++) {
		const struct fake_request q = some_question(t);
		struct fake_answer a;

		ask(t, &q, &a);
		keep(t, &q, &a);
		fake_answer_fini(&a);
	}
}

/* ---- changes ---- */

static void transact(struct tag_trial *t, struct tag_trial_side *s, struct op ops[BATCHES][OPS], const size_t *counts)
{
	const struct docs_key none = {.kind = DOCS_KEY_NONE};
	const struct docs_answer answer = {0};
	struct op_batch *batches[BATCHES];
	const struct op_result *results;
	const struct tree_delta *delta;
	const struct docs_seen *seen;
	struct tree_wants *wants;

	for (size_t i = 0; i < BATCHES; i++) {
		struct op mine[OPS];

		for (size_t k = 0; k < counts[i]; k++)
			mine[k] = random_op_in_drive(&ops[i][k], s->scope.drive);
		assert_int_equal(op_batch_new(mine, counts[i], &batches[i]), 0);
	}
	assert_int_equal(tree_wants_new((const struct op_batch *const *)batches, BATCHES, s->scope.drive, &wants), 0);
	tree_free(s->tree);
	s->tree = NULL;
	assert_int_equal(
		s->store->ops->txn_begin(s->store, s->scope.drive, &none, 1, wants, t->now, &s->tree, &seen), 0);
	for (size_t i = 0; i < BATCHES; i++)
		(void)tree_apply(s->tree, batches[i], SPAN_LITERAL("key"), &results, NULL);
	assert_int_equal(tree_delta(s->tree, &delta), 0);
	assert_int_equal(s->store->ops->txn_commit(s->store, delta, &answer), 0);
	tree_wants_free(wants);
	for (size_t i = 0; i < BATCHES; i++)
		op_batch_free(batches[i]);
}

/* While a rule is taken out, its kind of op comes more often, so that the missing rule shows sooner. */
static struct op some_op(struct tag_trial *t, struct op_extent extents[RANDOM_OP_EXTENTS])
{
	struct op op = random_op_next(&t->random, extents);

	for (unsigned i = 0; t->without && op.kind != t->without->op && i < FAVOURED; i++)
		op = random_op_next(&t->random, extents);
	return op;
}

static void change_some(struct tag_trial *t)
{
	struct op_extent extents[BATCHES][OPS][RANDOM_OP_EXTENTS];
	struct op ops[BATCHES][OPS];
	size_t counts[BATCHES];

	t->now += 1000000000;
	for (size_t i = 0; i < BATCHES; i++) {
		counts[i] = chance(t, 4) ? 1 : 1 + chance(t, OPS); /* a batch with more ops is refused more often */
		for (size_t k = 0; k < counts[i]; k++)
			ops[i][k] = some_op(t, extents[i][k]);
	}
	transact(t, &t->memory, ops, counts);
	if (t->other.store)
		transact(t, &t->other, ops, counts);
}

/* ---- the journal ---- */

static int64_t whose_id(const struct tag_change *c, enum tag_trial_whose whose)
{
	switch (whose) {
	case TAG_TRIAL_ID:
		return c->id;
	case TAG_TRIAL_PARENT:
		return c->parent;
	case TAG_TRIAL_OLD_PARENT:
		return c->old_parent;
	case TAG_TRIAL_REPLACED:
		return c->replaced;
	}
	return 0;
}

/* Whether the entry touches this tag by that rule only. When another document of the entry gives the same
 * tag, the two cannot be told apart, and the tag stays. */
static bool is_taken_out(const struct tag_trial_rule *rule, const struct tag_change *c, const struct tag *tag)
{
	const int64_t id = rule ? whose_id(c, rule->whose) : 0;

	if (!rule || rule->op != c->op || rule->kind != tag->kind || id != tag->id)
		return false;
	for (enum tag_trial_whose other = TAG_TRIAL_ID; other <= TAG_TRIAL_REPLACED; other++)
		if (other != rule->whose && whose_id(c, other) == id)
			return false;
	return true;
}

static bool has_tag(const struct tag_list *list, const struct tag *tag)
{
	for (size_t i = 0; i < list->count; i++)
		if (tag_eq(&list->tags[i], tag))
			return true;
	return false;
}

static void touch(struct tag_trial *t, const struct tag *tag)
{
	for (size_t i = t->kept_count; i > 0; i--) {
		if (!has_tag(&t->kept[i - 1].tags, tag))
			continue;
		forget(t, i - 1);
		t->dropped++;
	}
}

static int on_change(const struct tree_change *found, void *cookie)
{
	struct tag_trial *t = cookie;
	const struct tag_change c = {.op = found->op,
		.id = found->id,
		.parent = found->parent,
		.old_parent = found->old_parent,
		.replaced = found->replaced,
		.name = found->name,
		.old_name = found->old_name,
		.content = (found->what & (TREE_CONTENT | TREE_SIZE)) != 0,
		.xattrs = (found->what & TREE_XATTRS) != 0};
	struct tag touched[TAG_TOUCHED_MAX];
	const size_t count = tag_touched(&c, touched);

	assert_int_equal(found->seq, t->seq + 1);
	t->seq = found->seq;
	t->entries[c.op]++;
	for (size_t i = 0; i < count; i++)
		if (!is_taken_out(t->without, &c, &touched[i]))
			touch(t, &touched[i]);
	return 0;
}

static void read_journal(struct tag_trial *t)
{
	struct tag_trial_side *s = asked(t);
	struct docs_position at;

	assert_int_equal(s->store->ops->changes(s->store, &s->scope, t->seq, 1000, on_change, t, &at), 0);
	assert_int_equal(at.seq, t->seq);
}

static void compare(struct tag_trial *t, size_t n)
{
	const struct tag_trial_kept *kept = &t->kept[n];
	struct fake_answer now;
	struct buf text;

	ask(t, &kept->question, &now);
	buf_init(&text, 1u << 20);
	print_answer(&now, &text);
	t->compared++;
	if (!span_eq(buf_span(&text), buf_span(&kept->text))) {
		t->stale = true;
		if (!t->without) {
			print_question(&kept->question);
			print_error("at %" PRId64 ": %s\nat %" PRId64 ": %s\n", kept->seq, kept->text.data, t->seq,
				text.data);
			fail_msg("an answer is not what it was, and nothing touched its tags");
		}
	}
	buf_fini(&text);
	fake_answer_fini(&now);
}

void tag_trial_run(struct tag_trial *t, unsigned rounds)
{
	for (unsigned i = 0; i < rounds && !t->stale; i++) {
		ask_some(t);
		change_some(t);
		read_journal(t);
		for (unsigned k = 0; k < COMPARED && t->kept_count > 0 && !t->stale; k++)
			compare(t, chance(t, (uint32_t)t->kept_count));
	}
}

/* ---- begin and end ---- */

static void store_blocks(struct tag_trial *t, const struct tag_trial_side *s)
{
	char bytes[BLOCK_BYTES];
	int r;

	for (uint8_t i = 1; i <= RANDOM_OP_BLOCKS; i++) {
		struct docs_block block = {.generation = 100 + i, .size = BLOCK_BYTES}, ret;
		struct block_name name = {.drive = s->scope.drive, .generation = block.generation};

		memset(block.sha256, i, sizeof(block.sha256));
		memset(name.sha256, i, sizeof(name.sha256));
		memset(bytes, 'a' + i, sizeof(bytes));
		assert_int_equal(s->store->ops->block_stored(s->store, &s->scope, &block, &ret), 0);
		r = t->docs.blocks->ops->put(t->docs.blocks, &name, span_of(bytes, sizeof(bytes)));
		assert_true(r == 0 || r == -EEXIST); /* both drives may have the same number */
	}
}

void tag_trial_init(struct tag_trial *t, uint64_t seed, const struct tag_trial_side *other)
{
	struct docs_drive drive;

	*t = (struct tag_trial){.random.state = seed, .now = 1700000000000000000ll, .other = *other};
	t->kept = calloc(KEPT_MAX, sizeof(*t->kept));
	assert_non_null(t->kept);
	assert_int_equal(docs_mem_new(&t->random.mem), 0);
	assert_int_equal(docs_mem_open(t->random.mem, &t->memory.store), 0);
	assert_int_equal(t->memory.store->ops->drive_create(t->memory.store, USER, SPAN_LITERAL("home"), 0, &drive), 0);
	t->memory.scope = (struct docs_scope){.user = USER, .drive = drive.row.id};
	t->random.drive = drive.row.id;
	assert_int_equal(block_mem_new(&t->docs.blocks), 0);
	store_blocks(t, &t->memory);
	if (t->other.store)
		store_blocks(t, &t->other);
}

void tag_trial_fini(struct tag_trial *t)
{
	while (t->kept_count > 0)
		forget(t, 0);
	free(t->kept);
	tree_free(t->memory.tree);
	tree_free(t->other.tree);
	t->docs.blocks->ops->free(t->docs.blocks);
	t->memory.store->ops->free(t->memory.store);
	docs_mem_free(t->random.mem);
}
