/*
 * bench_docs_pg: what the storage of the docs service costs, beside a bare INSERT commit and a bare prepared SELECT on the same connection. One client, medians.
 * Usage: bench_docs_pg [N]. POSTGRES_FSYNC=on in the environment makes commits durable.
 */
#include "tests/unit/backend/docs/pg_fixture.h"

struct bench {
	struct worker w;
	struct worker filler;
	int64_t folder, deep[11], session;
	int64_t n;
	double bare_insert, bare_select;
};

typedef void (*piece)(struct bench *b);

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median_us(struct bench *b, piece run, size_t count)
{
	double *times = calloc(count, sizeof(*times));

	for (size_t i = 0; i < count; i++) {
		const int64_t start = clock_mono_ns();
		run(b);
		times[i] = (double)(clock_mono_ns() - start) / 1000;
	}
	qsort(times, count, sizeof(*times), compare);
	const double ret = times[count / 2];
	free(times);
	return ret;
}

static void bare_insert(struct bench *b)
{
	static const struct pg_statement INSERT = {"bare_insert", "INSERT INTO bare (id, value) VALUES ($1, $2)", false};
	const struct pg_param params[] = {PG_P_I64(++b->n), PG_P_I64(1)};

	assert_ok(&b->w, pg_run(b->w.pg, &INSERT, params, 2, NULL));
}

static void bare_select(struct bench *b)
{
	static const struct pg_statement SELECT = {"bare_select", "SELECT value FROM bare WHERE id = $1", true};
	const struct pg_param params[] = {PG_P_I64(1 + b->n++ % 1000)};
	struct pg_result *result = NULL;

	assert_ok(&b->w, pg_run(b->w.pg, &SELECT, params, 1, &result));
	pg_result_free(result);
}

static void in_session(struct bench *b, const struct op *ops, size_t count)
{
	static int64_t number;
	const struct request request = {.ops = ops, .count = count, .body = SPAN_LITERAL("{\"results\":[]}"),
		.key = {.kind = DOCS_KEY_SESSION, .user = b->w.scope.user, .session = b->session, .number = ++number}};
	struct done *done = calloc(1, sizeof(*done));

	assert_ok(&b->w, transact(&b->w, &request, NULL, done));
	assert_int_equal(done->error, 0);
	free(done);
}

static void do_create(struct bench *b)
{
	char name[32];

	snprintf(name, sizeof(name), "f%08" PRId64, ++b->n);
	in_session(b, &(struct op){.kind = OP_CREATE, .parent = b->folder, .name = span_str(name), .mode = S_IFREG | 0644, .fields = OP_HAS_MODE}, 1);
}

static void do_create_with_content(struct bench *b)
{
	static const char content[4096];
	struct op_extent extent = {.len = sizeof(content), .kind = OP_EXTENT_DATA, .data = {content, sizeof(content)}};
	char name[32];

	snprintf(name, sizeof(name), "c%08" PRId64, ++b->n);
	struct docs_store *s = b->w.store;
	int64_t id = 0;
	assert_ok(&b->w, s->ops->ids_reserve(s, &b->w.scope, 1, &id));
	const struct op ops[] = {
		{.kind = OP_CREATE, .parent = b->folder, .name = span_str(name), .mode = S_IFREG | 0644, .id = id, .fields = OP_HAS_MODE | OP_HAS_ID},
		{.kind = OP_WRITE, .id = id, .extents = &extent, .extent_count = 1},
	};
	in_session(b, ops, 2);
}

static int64_t renamed;
static void do_rename(struct bench *b)
{
	char name[32], new_name[32];

	snprintf(name, sizeof(name), "r%08" PRId64, renamed);
	snprintf(new_name, sizeof(new_name), "r%08" PRId64, ++renamed);
	in_session(b,
		&(struct op){.kind = OP_RENAME, .parent = b->folder, .name = span_str(name), .new_parent = b->folder, .new_name = span_str(new_name)}, 1);
}

static void do_setattr(struct bench *b)
{
	in_session(b, &(struct op){.kind = OP_SETATTR, .id = b->deep[1], .mode = 0700 + (uint32_t)(++b->n % 8), .fields = OP_HAS_MODE}, 1);
}

static int64_t unlinked;
static void do_unlink(struct bench *b)
{
	char name[32];

	snprintf(name, sizeof(name), "f%08" PRId64, ++unlinked);
	in_session(b, &(struct op){.kind = OP_UNLINK, .parent = b->folder, .name = span_str(name)}, 1);
}

static void do_lookup(struct bench *b)
{
	struct seen_item seen;
	char name[32];

	snprintf(name, sizeof(name), "f%08" PRId64, 1 + b->n++ % 1000);
	assert_ok(&b->w, lookup(&b->w, b->folder, name, &seen));
}

static void do_get(struct bench *b)
{
	struct seen_item seen;

	assert_ok(&b->w, get(&b->w, b->folder, &seen));
}

static size_t depth;
static void do_path(struct bench *b)
{
	const struct span names[] = {SPAN_LITERAL("deep"), SPAN_LITERAL("deep"), SPAN_LITERAL("deep"), SPAN_LITERAL("deep"), SPAN_LITERAL("deep"),
		SPAN_LITERAL("deep"), SPAN_LITERAL("deep"), SPAN_LITERAL("deep"), SPAN_LITERAL("deep"), SPAN_LITERAL("deep")};
	struct docs_position at;
	struct seen_item seen;
	size_t found;

	assert_ok(&b->w, b->w.store->ops->item_path(b->w.store, &b->w.scope, names, depth, keep_item, &seen, &at, &found));
}

static int count_item(const struct item *item, void *cookie)
{
	(void)item;
	++*(size_t *)cookie;
	return 0;
}

static void do_children(struct bench *b)
{
	const struct docs_children what = {.folder = b->folder, .limit = 1000};
	struct docs_position at;
	size_t count = 0;

	assert_ok(&b->w, b->w.store->ops->children(b->w.store, &b->w.scope, &what, count_item, &count, &at));
}

static void do_batch(struct bench *b)
{
	enum { COUNT = 1000 };
	static struct op ops[COUNT];
	static char names[COUNT][32];

	for (int i = 0; i < COUNT; i++) {
		snprintf(names[i], sizeof(names[i]), "b%08" PRId64, ++b->n);
		ops[i] = (struct op){.kind = OP_CREATE, .parent = b->folder, .name = span_str(names[i]), .mode = S_IFREG | 0644, .fields = OP_HAS_MODE};
	}
	in_session(b, ops, COUNT);
}

static void report(struct bench *b, const char *what, double us, double beside)
{
	(void)b;
	printf("%-34s %10.1f us   %6.2f\n", what, us, us / beside);
	(void)fflush(stdout);
}

static void fill(struct bench *b)
{
	for (int i = 1; i <= 10; i++)
		b->deep[i] = create(&b->w, i == 1 ? root_of(&b->w) : b->deep[i - 1], "deep", S_IFDIR | 0755);
	b->folder = create(&b->w, root_of(&b->w), "folder", S_IFDIR | 0755);
	create(&b->w, b->folder, "r00000000", S_IFREG | 0644);
	assert_ok(&b->w, pg_script(b->w.pg, "CREATE TABLE bare (id bigint PRIMARY KEY, value bigint)"));
	assert_ok(&b->w, b->w.store->ops->session_create(b->w.store, &b->w.scope, SPAN_LITERAL("bench"), &b->session));
}

static void run(struct bench *b, size_t count)
{
	fill(b);
	median_us(b, bare_insert, count / 4);
	b->bare_insert = median_us(b, bare_insert, count);
	report(b, "bare INSERT commit", b->bare_insert, b->bare_insert);
	b->n = 0;
	median_us(b, do_create, count / 4);
	report(b, "create", median_us(b, do_create, count), b->bare_insert);
	report(b, "rename", median_us(b, do_rename, count), b->bare_insert);
	report(b, "setattr", median_us(b, do_setattr, count), b->bare_insert);
	report(b, "reserve, create and write 4 KiB", median_us(b, do_create_with_content, count), b->bare_insert);
	b->n = 0;
	median_us(b, bare_select, count / 4);
	b->bare_select = median_us(b, bare_select, count);
	report(b, "bare prepared SELECT", b->bare_select, b->bare_select);
	median_us(b, do_lookup, count / 4);
	report(b, "lookup", median_us(b, do_lookup, count), b->bare_select);
	report(b, "get", median_us(b, do_get, count), b->bare_select);
	for (depth = 1; depth <= 10; depth += depth == 1 ? 2 : 7) {
		char what[32];

		snprintf(what, sizeof(what), "path of %zu", depth);
		report(b, what, median_us(b, do_path, count), b->bare_select);
	}
	report(b, "1000 children", median_us(b, do_children, 50), b->bare_select);
	b->n = 0;
	report(b, "unlink", median_us(b, do_unlink, count), b->bare_insert);
	report(b, "1000 creates in a batch", median_us(b, do_batch, 20), b->bare_insert);
	report(b, "bare INSERT commit, again", median_us(b, bare_insert, count), b->bare_insert);
}

static size_t rounds = 2000;

static void bench(void **state)
{
	struct bench b = {.w = *(struct worker *)*state};

	run(&b, rounds);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {with_worker(bench)};

	if (argc > 1)
		rounds = strtoul(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, server_start, server_stop);
}
