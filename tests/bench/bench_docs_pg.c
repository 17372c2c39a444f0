/*
 * bench_docs_pg: what the storage of the docs service costs, beside a bare INSERT commit and a bare prepared SELECT on
 * the same connection. One client, medians. The two take turns, so that a machine that is busy with something else
 * slows both. Usage: bench_docs_pg [N [create|rename|lookup|…]]: all or one, N times each. POSTGRES_FSYNC=on in the
 * environment makes commits durable.
 */
#include "tests/unit/backend/docs/rows/pg/pg_fixture.h"

static size_t rounds = 2000;

struct bench {
	struct worker w;
	int64_t folder, deep[11], session;
	int64_t n, bare_n, looked;
};

typedef void (*piece)(struct bench *b);

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The file with the CPU time of the server's process. cpu_us returns the time from such a file, in us; this
 * process has one, too. */
static char server_stat[64];

static double cpu_us(const char *path)
{
	char text[64] = "";
	FILE *f = fopen(path, "r");

	if (!f)
		return 0;
	if (!fgets(text, sizeof(text), f))
		text[0] = '\0';
	(void)fclose(f);
	return strtod(text, NULL) / 1000;
}

static double middle(double *times, size_t count)
{
	qsort(times, count, sizeof(*times), compare);
	return times[count / 2];
}

struct measured {
	double us, bare, begin, commit, server, client;
};

/* Runs the piece and a bare statement in turn. */
static struct measured measure(struct bench *b, piece run, piece bare, size_t count)
{
	double *times = calloc(4 * count, sizeof(*times));
	struct measured m = {0};

	const size_t all = count + count / 4;
	for (size_t i = 0; i < all; i++) {
		const size_t at = i % count; /* the first turns warm up; later ones overwrite them */
		int64_t start = clock_mono_ns();
		bare(b);
		times[count + at] = (double)(clock_mono_ns() - start) / 1000;
		const double server_was = cpu_us(server_stat), client_was = cpu_us("/proc/self/schedstat");
		start = clock_mono_ns();
		run(b);
		times[at] = (double)(clock_mono_ns() - start) / 1000;
		m.server += (cpu_us(server_stat) - server_was) / (double)all;
		m.client += (cpu_us("/proc/self/schedstat") - client_was) / (double)all;
		times[2 * count + at] = (double)begin_ns / 1000;
		times[3 * count + at] = (double)commit_ns / 1000;
	}
	m.us = middle(times, count);
	m.bare = middle(times + count, count);
	m.begin = middle(times + 2 * count, count);
	m.commit = middle(times + 3 * count, count);
	begin_ns = commit_ns = 0;
	free(times);
	return m;
}

static void bare_insert(struct bench *b)
{
	static const struct pg_statement INSERT = {
		"bare_insert", "INSERT INTO bare (id, value) VALUES ($1, $2)", false};
	const struct pg_param params[] = {PG_P_I64(++b->bare_n), PG_P_I64(1)};

	assert_ok(&b->w, pg_run(b->w.pg, &INSERT, params, 2, NULL));
}

static void bare_select(struct bench *b)
{
	static const struct pg_statement SELECT = {"bare_select", "SELECT value FROM bare WHERE id = $1", true};
	const struct pg_param params[] = {PG_P_I64(1 + b->looked++ % 1000)};
	struct pg_result *result = NULL;

	assert_ok(&b->w, pg_run(b->w.pg, &SELECT, params, 1, &result));
	pg_result_free(result);
}

static int64_t in_session(struct bench *b, const struct op *ops, size_t count)
{
	static int64_t number;
	const struct request request = {.ops = ops,
		.count = count,
		.body = SPAN_LITERAL("{\"results\":[]}"),
		.key = {.kind = DOCS_KEY_SESSION, .user = b->w.scope.user, .session = b->session, .number = ++number}};
	struct done *done = calloc(1, sizeof(*done));

	assert_ok(&b->w, transact(&b->w, &request, NULL, done));
	assert_int_equal(done->error, 0);
	const int64_t id = done->id;
	free(done);
	return id;
}

static void do_create(struct bench *b)
{
	char name[32];

	snprintf(name, sizeof(name), "f%08" PRId64, ++b->n);
	in_session(b,
		&(struct op){.kind = OP_CREATE,
			.parent = b->folder,
			.name = span_str(name),
			.mode = S_IFREG | 0644,
			.fields = OP_HAS_MODE},
		1);
}

static void do_create_with_content(struct bench *b)
{
	static const char content[4096];
	struct op_extent extent = {.len = sizeof(content), .kind = OP_EXTENT_DATA, .data = {content, sizeof(content)}};
	char name[32];

	snprintf(name, sizeof(name), "c%08" PRId64, ++b->n);
	const struct op make = {.kind = OP_CREATE,
		.parent = b->folder,
		.name = span_str(name),
		.mode = S_IFREG | 0644,
		.fields = OP_HAS_MODE};
	const struct op write = {
		.kind = OP_WRITE, .id = in_session(b, &make, 1), .extents = &extent, .extent_count = 1};
	in_session(b, &write, 1);
}

static int64_t renamed;
static void do_rename(struct bench *b)
{
	char name[32], new_name[32];

	snprintf(name, sizeof(name), "r%08" PRId64, renamed);
	snprintf(new_name, sizeof(new_name), "r%08" PRId64, ++renamed);
	in_session(b,
		&(struct op){.kind = OP_RENAME,
			.parent = b->folder,
			.name = span_str(name),
			.new_parent = b->folder,
			.new_name = span_str(new_name)},
		1);
}

static void do_setattr(struct bench *b)
{
	in_session(b,
		&(struct op){.kind = OP_SETATTR,
			.id = b->deep[1],
			.mode = 0700 + (uint32_t)(++b->n % 8),
			.fields = OP_HAS_MODE},
		1);
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

	snprintf(name, sizeof(name), "f%08" PRId64, 1 + b->looked++ % 1000);
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
	const struct span names[] = {SPAN_LITERAL("deep"), SPAN_LITERAL("deep"), SPAN_LITERAL("deep"),
		SPAN_LITERAL("deep"), SPAN_LITERAL("deep"), SPAN_LITERAL("deep"), SPAN_LITERAL("deep"),
		SPAN_LITERAL("deep"), SPAN_LITERAL("deep"), SPAN_LITERAL("deep")};
	struct docs_position at;
	struct seen_item seen;
	struct docs_walk walk = {.names = names, .count = depth};

	assert_ok(&b->w, b->w.store->ops->item_path(b->w.store, &b->w.scope, &walk, keep_item, &seen, &at));
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
		ops[i] = (struct op){.kind = OP_CREATE,
			.parent = b->folder,
			.name = span_str(names[i]),
			.mode = S_IFREG | 0644,
			.fields = OP_HAS_MODE};
	}
	in_session(b, ops, COUNT);
}

static void report(struct bench *b, const char *what, piece run, piece bare)
{
	const struct measured m = measure(b, run, bare, rounds);

	printf("%-32s %9.1f us %8.1f us  %6.2f   CPU %.0f + %.0f", what, m.us, m.bare, m.us / m.bare, m.server,
		m.client);
	if (m.begin > 0)
		printf("   begin %.1f, commit %.1f: %.2f", m.begin, m.commit, (m.begin + m.commit) / m.bare);
	puts("");
	(void)fflush(stdout);
}

static void fill(struct bench *b)
{
	/* By default the storage has a drive cache, as in the service. NEPHOS_BENCH_ASK=1: every transaction
	 * asks for all that it needs. */
	if (!getenv("NEPHOS_BENCH_ASK")) {
		b->w.store->ops->free(b->w.store);
		assert_ok(&b->w, drive_cache_new(&b->w.known));
		assert_ok(&b->w, docs_pg_new(b->w.pg, b->w.known, &b->w.store));
	}
	snprintf(server_stat, sizeof(server_stat), "/proc/%d/schedstat",
		(int)number_of(&b->w, "bench_pid", "SELECT pg_backend_pid()"));
	for (int i = 1; i <= 10; i++)
		b->deep[i] = create(&b->w, i == 1 ? root_of(&b->w) : b->deep[i - 1], "deep", S_IFDIR | 0755);
	b->folder = create(&b->w, root_of(&b->w), "folder", S_IFDIR | 0755);
	create(&b->w, b->folder, "r00000000", S_IFREG | 0644);
	assert_ok(&b->w, pg_script(b->w.pg, "CREATE TABLE bare (id bigint PRIMARY KEY, value bigint)"));
	for (int i = 1; i <= 1000; i++)
		bare_insert(b);
	assert_ok(
		&b->w, b->w.store->ops->session_create(b->w.store, &b->w.scope, SPAN_LITERAL("bench"), 0, &b->session));
	for (int i = 0; i < 1000; i++)
		do_create(b);
}

struct row {
	const char *what;
	piece run, bare;
	size_t depth;
};

static const struct row ROWS[] = {
	{"create", do_create, bare_insert, 0},
	{"rename", do_rename, bare_insert, 0},
	{"setattr", do_setattr, bare_insert, 0},
	{"content", do_create_with_content, bare_insert, 0},
	{"lookup", do_lookup, bare_select, 0},
	{"get", do_get, bare_select, 0},
	{"path1", do_path, bare_select, 1},
	{"path3", do_path, bare_select, 3},
	{"path10", do_path, bare_select, 10},
	{"unlink", do_unlink, bare_insert, 0},
	{"children", do_children, bare_select, 0},
	{"batch", do_batch, bare_insert, 0},
};

static const char *only = "";

static void run(struct bench *b)
{
	fill(b);
	printf("%-32s %12s %11s %7s   server + client\n", "median", "", "bare", "ratio");
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		if (*only && strcmp(only, ROWS[i].what) != 0)
			continue;
		depth = ROWS[i].depth;
		if (ROWS[i].run == do_children || ROWS[i].run == do_batch)
			rounds = rounds / 20 + 1;
		report(b, ROWS[i].what, ROWS[i].run, ROWS[i].bare);
	}
}

static void bench(void **state)
{
	struct bench b = {.w = *(struct worker *)*state};

	run(&b);
	*(struct worker *)*state = b.w; /* fill() may have replaced its store */
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {with_worker(bench)};

	setenv("POSTGRES_OPTIONS", "", 0);
	if (argc > 1)
		rounds = strtoul(argv[1], NULL, 10);
	if (argc > 2)
		only = argv[2];
	return cmocka_run_group_tests(tests, server_start, server_stop);
}
