#include "cli/command.h"
#include "cli/mounts.h"
#include "cli/owner.h"
#include "cli/print.h"
#include "common/base/error.h"
#include "common/http/client/gateways.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * "nephos status": shows the state of the gateways, of the services behind them, and of the mounts on this
 * machine. It needs no key, except for the question who owns a path.
 *
 * The command asks all gateways that it was given at once, each with a deadline of its own, so that gateways that
 * hang cost one deadline in all, whatever their number. In the next round it asks the gateways that these named,
 * and so on until no new one is named. A service counts as known if one gateway knows it. Mounts come from the
 * kernel's list, which needs no gateway. Everything is collected as JSON first, and then printed, as JSON or for
 * people.
 */

#define GATEWAYS_MAX 64
#define STATUS_DEADLINE_MS 2000 /* a gateway that needs longer to report its state is not healthy */
#define STATUS_BYTES_MAX (1024u * 1024)

/* The members of a gateway's status that --ring shows. */
static const char *const RING_PARTS[] = {"ring", "homes", "cache", "blocks", "replicas", "replication", "forwards"};

struct survey {
	struct command_run *run;
	struct http_client *client;
	struct gateways *known; /* those that were asked come first, in the order of `gateways` */
	json_t *gateways, *services, *mounts;
	json_t *owner; /* of the path on the command line; NULL: no path, or the failure was printed */
	int owner_code;
	bool any_ready;
};

/* A gateway may not have learned yet of a service that another gateway knows. */
static void merge_services(struct survey *s, const json_t *services)
{
	for (size_t i = 0; i < json_array_size(services); i++) {
		json_t *one = json_array_get(services, i);
		const char *name = json_string_value(json_object_get(one, "name"));
		bool known = !name;

		for (size_t n = 0; n < json_array_size(s->services) && !known; n++)
			known = strcmp(json_string_value(json_object_get(json_array_get(s->services, n), "name")),
					name) == 0;
		if (!known)
			(void)json_array_append(s->services, one);
	}
}

/* ---- all gateways at once: those that hang cost one deadline in all, whatever their number ---- */

struct question {
	struct answers *answers;
	struct http_response response;
};

struct answers {
	pthread_mutex_t lock;
	pthread_cond_t all_there;
	size_t missing; /* guarded by lock */
	struct question *list;
	size_t count;
};

static void on_answer(void *cookie, struct http_response *response)
{
	struct question *q = cookie;
	struct answers *a = q->answers;

	pthread_mutex_lock(&a->lock);
	assert(q->response.error == -ENOENT); /* set by ask_all: each answer comes once */
	q->response = *response;
	memset(response, 0, sizeof(*response));
	assert(a->missing > 0);
	if (--a->missing == 0)
		pthread_cond_signal(&a->all_there);
	pthread_mutex_unlock(&a->lock);
}

static void begin_question(struct survey *s, struct question *q, const char *base, const char *path)
{
	struct http_call_options options = {.deadline_ms = STATUS_DEADLINE_MS, .response_max = STATUS_BYTES_MAX};
	char *url;
	int r = asprintf(&url, "%s%s", base, path) < 0 ? -ENOMEM : 0;

	if (r == 0) {
		options.url = url;
		r = http_client_start(s->client, &options, q, on_answer, NULL);
		free(url);
	}
	if (r < 0)
		on_answer(q, &(struct http_response){.error = r});
}

static bool is_good(const struct http_response *r)
{
	return r->error == 0 && r->status == 200;
}

/* Adds the gateways that a gateway names to the next round, by the rule for clients that send their key to
 * gateways: a gateway to which a mount would not go need not be shown. */
static void learn_peers(struct survey *s, size_t from, const json_t *peers)
{
	for (size_t i = 0; i < json_array_size(peers); i++) {
		const char *url = json_string_value(json_array_get(peers, i));

		if (url)
			(void)gateways_add_named(s->known, from, span_str(url));
	}
}

static void add_gateway(struct survey *s, size_t at, const struct http_response *r, const struct http_response *ready)
{
	const char *url = gateways_url(s->known, at);
	const bool is_ready = is_good(ready); /* only the HTTP status counts */
	json_t *page = is_good(r) ? json_loadb(r->body.data ? r->body.data : "", r->body.size, 0, NULL) : NULL;
	json_t *gateway =
		json_pack("{s:s, s:b, s:b}", "url", url, "reachable", page != NULL, "ready", page && is_ready);
	char why[64];

	learn_peers(s, at, json_object_get(page, "gateways"));
	merge_services(s, json_object_get(page, "services"));
	s->any_ready = s->any_ready || (page && is_ready);
	if (r->error < 0)
		(void)snprintf(why, sizeof(why), "%s", error_text(r->error));
	else if (r->status != 200)
		(void)snprintf(why, sizeof(why), "the answer was HTTP status %d", r->status);
	else
		(void)snprintf(why, sizeof(why), "what answers there is no gateway");
	if (page) {
		(void)json_object_set(gateway, "name", json_object_get(page, "name"));
		for (size_t i = 0; s->run->options.ring && i < sizeof(RING_PARTS) / sizeof(RING_PARTS[0]); i++)
			(void)json_object_set(gateway, RING_PARTS[i], json_object_get(page, RING_PARTS[i]));
	} else
		(void)json_object_set_new(gateway, "error", json_string(why));
	(void)json_array_append_new(s->gateways, gateway);
	json_decref(page);
}

/* Asks the gateways from `first` on; before: only those that gave a good answer there; NULL: all. */
static void ask_all(struct survey *s, size_t first, const char *path, const struct question *before, struct answers *a)
{
	for (size_t i = 0; i < a->count; i++)
		a->list[i] = (struct question){.answers = a, .response.error = -ENOENT};
	a->missing = 1; /* counts this loop, so that no answer signals before all are asked */
	for (size_t i = 0; i < a->count; i++) {
		if (before && !is_good(&before[i].response))
			continue;
		pthread_mutex_lock(&a->lock);
		a->missing++;
		pthread_mutex_unlock(&a->lock);
		begin_question(s, &a->list[i], gateways_url(s->known, first + i), path);
	}
	pthread_mutex_lock(&a->lock);
	a->missing--;
	while (a->missing > 0) /* each has a deadline of its own */
		pthread_cond_wait(&a->all_there, &a->lock);
	pthread_mutex_unlock(&a->lock);
}

/* Asks the gateways that are known and were not asked yet; they may name others. */
static int survey_round(struct survey *s)
{
	const size_t first = json_array_size(s->gateways), count = gateways_count(s->known) - first;
	struct answers status = {
		.lock = PTHREAD_MUTEX_INITIALIZER, .all_there = PTHREAD_COND_INITIALIZER, .count = count};
	struct answers ready = {
		.lock = PTHREAD_MUTEX_INITIALIZER, .all_there = PTHREAD_COND_INITIALIZER, .count = count};
	int r = 0;

	status.list = calloc(count, sizeof(*status.list));
	ready.list = calloc(count, sizeof(*ready.list));
	if (status.list && ready.list) {
		ask_all(s, first, "/status", NULL, &status);
		ask_all(s, first, "/readyz", status.list, &ready);
		for (size_t i = 0; i < count; i++)
			add_gateway(s, first + i, &status.list[i].response, &ready.list[i].response);
		for (size_t i = 0; i < count; i++) {
			http_response_fini(&status.list[i].response);
			http_response_fini(&ready.list[i].response);
		}
	} else {
		r = -ENOMEM;
	}
	free(status.list);
	free(ready.list);
	return r;
}

static void survey_mounts(struct survey *s)
{
	struct mounts mounts;

	if (mounts_read(&mounts) < 0)
		return;
	for (size_t i = 0; i < mounts.count; i++) {
		const struct mounts_entry *e = &mounts.list[i];
		json_t *one = json_object();
		pid_t pid;

		(void)item_json_set_bytes(one, "directory", span_str(e->directory));
		(void)item_json_set_bytes(one, "url", span_str(e->source));
		if (mounts_process(e, &pid) == 0)
			(void)json_object_set_new(one, "pid", json_integer(pid));
		(void)json_array_append_new(s->mounts, one);
	}
	mounts_fini(&mounts);
}

/* ---- for people ---- */

static void print_field(struct buf *line, const json_t *object, const char *key, int width)
{
	const char *text = json_string_value(json_object_get(object, key));
	size_t before = line->size;

	(void)print_name(line, span_str(text ? text : "-"), true);
	(void)buf_printf(line, "%*s", line->size - before < (size_t)width ? width - (int)(line->size - before) : 0, "");
	(void)buf_append_str(line, "  ");
}

static void print_gateway(struct buf *line, const json_t *g)
{
	const json_t *error = json_object_get(g, "error");

	(void)buf_append_str(line, "gateway  ");
	print_field(line, g, "name", 12);
	print_field(line, g, "url", 28);
	(void)buf_append_str(line,
		error						    ? json_string_value(error)
			: json_is_true(json_object_get(g, "ready")) ? "ready"
								    : "not ready");
}

static void print_members(struct buf *line, const json_t *members)
{
	for (size_t i = 0; i < json_array_size(members); i++) {
		const char *name = json_string_value(json_object_get(json_array_get(members, i), "name"));

		(void)buf_append_str(line, i ? ", " : " (");
		(void)print_name(line, span_str(name ? name : "-"), true);
	}
	(void)buf_append_str(line, json_array_size(members) ? ")" : "");
}

/* Prints the state of a gateway in the ring; its share of the keys is in its own row of the list of members. */
static void print_ring(struct buf *line, const json_t *g)
{
	const json_t *ring = json_object_get(g, "ring");
	const json_t *members = json_object_get(ring, "members");
	const json_int_t lease_ms = json_integer_value(json_object_get(ring, "lease_ms"));
	json_int_t share = 0;

	for (size_t i = 0; i < json_array_size(members); i++) {
		const json_t *one = json_array_get(members, i);

		if (json_is_true(json_object_get(one, "self")))
			share = json_integer_value(json_object_get(one, "share"));
	}
	(void)buf_append_str(line, "ring     ");
	print_field(line, g, "name", 12);
	if (!ring) {
		(void)buf_append_str(line, "says nothing of a ring");
		return;
	}
	(void)buf_printf(line, "epoch %lld, ", (long long)json_integer_value(json_object_get(ring, "epoch")));
	print_field(line, ring, "state", 8);
	(void)buf_printf(line, "one of %zu", json_array_size(members));
	print_members(line, members);
	(void)buf_printf(line, ", %lld.%lld %% of the keys, lease for %lld ms more%s", (long long)share / 10,
		(long long)share % 10, (long long)lease_ms,
		json_is_true(json_object_get(ring, "preparing")) ? ", members change" : "");
}

/* "asked" counts questions of other gateways about answers that these keep: they are no reads. */
static bool is_of_reads(const char *kind)
{
	return strcmp(kind, "asked") != 0;
}

static json_int_t sum_of_reads(const json_t *object)
{
	json_int_t total = 0;
	const char *kind;
	json_t *value;

	json_object_foreach((json_t *)object, kind, value)
		total += is_of_reads(kind) ? json_integer_value(value) : 0;
	return total;
}

static json_int_t number_of(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static void print_blocks(struct buf *line, const json_t *g)
{
	const json_t *blocks = json_object_get(g, "blocks");
	const json_int_t hits = number_of(blocks, "hits"), all = hits + number_of(blocks, "misses");

	if (!blocks)
		return;
	assert(hits <= all || hits < 0);
	(void)buf_printf(line, "; %lld blocks, %lld KiB", (long long)number_of(blocks, "blocks"),
		(long long)number_of(blocks, "bytes") / 1024);
	if (all > 0)
		(void)buf_printf(line, ", %lld of 100 from memory", (long long)(hits * 100 / all));
}

static void print_kept(struct buf *line, const json_t *g)
{
	const json_t *cache = json_object_get(g, "cache"), *homes = json_object_get(g, "homes");
	const json_int_t hits = sum_of_reads(json_object_get(cache, "hits"));
	const json_int_t misses = sum_of_reads(json_object_get(cache, "misses"));

	(void)buf_append_str(line, "cache    ");
	print_field(line, g, "name", 12);
	if (!cache) {
		(void)buf_append_str(line, "this gateway does not say what it keeps: it may be of another version");
		return;
	}
	(void)buf_printf(line, "home of %lld drives, %lld answers, %lld KiB, ",
		(long long)(json_integer_value(json_object_get(homes, "held")) +
			json_integer_value(json_object_get(homes, "behind"))),
		(long long)json_integer_value(json_object_get(cache, "entries")),
		(long long)json_integer_value(json_object_get(cache, "bytes")) / 1024);
	if (hits + misses > 0)
		(void)buf_printf(line, "%lld of 100 from memory", (long long)(hits * 100 / (hits + misses)));
	else
		(void)buf_append_str(line, "nothing asked yet");
	print_blocks(line, g);
}

/* Prints for each kind of answers how many of those that can be kept came from memory. */
static void print_reads(struct buf *line, const json_t *g)
{
	const json_t *cache = json_object_get(g, "cache");
	json_t *misses = json_object_get(cache, "misses"), *hits = json_object_get(cache, "hits"), *value;
	const char *kind, *between = "";

	(void)buf_append_str(line, "reads    ");
	print_field(line, g, "name", 12);
	json_object_foreach(hits, kind, value) {
		const json_int_t from_memory = json_integer_value(value), all = from_memory + number_of(misses, kind);

		if (all == 0 || !is_of_reads(kind))
			continue;
		(void)buf_printf(line, "%s%s %lld of %lld from memory (%lld %%)", between, kind, (long long)from_memory,
			(long long)all, (long long)(from_memory * 100 / all));
		between = ", ";
	}
	(void)buf_append_str(line, *between ? "" : "nothing asked yet");
}

/* Prints how many answers were kept, and why others were not. */
static void print_fills(struct buf *line, const json_t *g)
{
	json_t *fills = json_object_get(json_object_get(g, "cache"), "fills"), *value;
	const char *why, *between = "; refused: ";

	(void)buf_append_str(line, "fills    ");
	print_field(line, g, "name", 12);
	(void)buf_printf(line, "%lld kept", (long long)number_of(fills, "kept"));
	json_object_foreach(fills, why, value) {
		if (json_integer_value(value) == 0 || strcmp(why, "kept") == 0)
			continue;
		(void)buf_printf(line, "%s%s %lld", between, why, (long long)json_integer_value(value));
		between = ", ";
	}
}

/* Prints how many requests the gateway has passed on, and where. */
static void print_forwards(struct buf *line, const json_t *g)
{
	const json_t *forwards = json_object_get(g, "forwards");

	(void)buf_append_str(line, "forwards ");
	print_field(line, g, "name", 12);
	if (!forwards) {
		(void)buf_append_str(line, "this gateway does not say what it passes on: it may be of another version");
		return;
	}
	(void)buf_printf(line,
		"%lld to homes (%lld failed), %lld to docs services (%lld failed), %lld to user services (%lld failed), "
		"%lld had to wait",
		(long long)number_of(forwards, "hops"), (long long)number_of(forwards, "hop_failures"),
		(long long)number_of(forwards, "docs"), (long long)number_of(forwards, "docs_failures"),
		(long long)number_of(forwards, "user"), (long long)number_of(forwards, "user_failures"),
		(long long)number_of(forwards, "held"));
}

/* Prints what the gateway keeps as copies of other gateways' drives, for the time when it becomes their home, and
 * how much of its own was copied to others. */
static void print_copies(struct buf *line, const json_t *g)
{
	const json_t *cache = json_object_get(g, "cache"), *homes = json_object_get(g, "homes");
	const json_t *replication = json_object_get(g, "replication");

	assert(json_is_object(g));
	(void)buf_append_str(line, "copies   ");
	print_field(line, g, "name", 12);
	if (!replication) {
		(void)buf_append_str(line, "this gateway does not say what it copies: it may be of another version");
		return;
	}
	(void)buf_printf(line, "of %lld drives, %lld answers, %lld KiB; of its own %lld sent, %lld wait, for %lld ms",
		(long long)json_integer_value(json_object_get(homes, "replicas")),
		(long long)json_integer_value(json_object_get(cache, "copies")),
		(long long)json_integer_value(json_object_get(cache, "copy_bytes")) / 1024,
		(long long)json_integer_value(json_object_get(replication, "sent")),
		(long long)json_integer_value(json_object_get(replication, "queued")),
		(long long)json_integer_value(json_object_get(replication, "lag_ms")));
}

static void print_service(struct buf *line, const json_t *service)
{
	const json_t *ready = json_object_get(service, "ready");

	print_field(line, service, "kind", 7);
	print_field(line, service, "name", 12);
	print_field(line, service, "url", 28);
	(void)buf_append_str(line, json_is_false(ready) ? "not ready" : "ready");
}

static void print_mount(struct buf *line, const json_t *mount)
{
	const json_t *pid = json_object_get(mount, "pid");

	(void)buf_append_str(line, "mount    ");
	print_field(line, mount, "directory", 12);
	print_field(line, mount, "url", 28);
	if (pid)
		(void)buf_printf(line, "process %lld", (long long)json_integer_value(pid));
	else
		(void)buf_append_str(line, "no process of it is found: it has ended, or is another user's");
}

static void print_line(const json_t *one, void (*print)(struct buf *line, const json_t *one))
{
	struct buf line;

	buf_init(&line, PRINT_LINE_BYTES_MAX);
	print(&line, one);
	(void)buf_append_str(&line, "\n");
	command_print(&line);
	buf_fini(&line);
}

static void print_each(const json_t *list, void (*print)(struct buf *line, const json_t *one))
{
	for (size_t i = 0; i < json_array_size(list); i++)
		print_line(json_array_get(list, i), print);
}

static void print_rings(const struct survey *s)
{
	static void (*const PARTS[])(struct buf * line, const json_t *g) = {
		print_ring, print_kept, print_reads, print_fills, print_forwards, print_copies};

	for (size_t i = 0; i < sizeof(PARTS) / sizeof(PARTS[0]); i++)
		print_each(s->gateways, PARTS[i]);
}

static void print_survey(const struct survey *s)
{
	json_t *all;

	if (!s->run->options.json) {
		print_each(s->gateways, print_gateway);
		if (s->run->options.ring)
			print_rings(s);
		if (s->owner)
			print_line(s->owner, owner_print);
		print_each(s->services, print_service);
		print_each(s->mounts, print_mount);
		return;
	}
	all = json_pack("{s:O, s:O, s:O, s:O*}", "gateways", s->gateways, "services", s->services, "mounts", s->mounts,
		"owner", s->owner);
	command_print_json(all);
	json_decref(all);
}

static void find_owner(struct survey *s)
{
	struct command_run *run = s->run;

	if (run->args.count == 0)
		return;
	assert(run->options.ring && !s->owner);
	if (run->credentials.token)
		s->owner_code = owner_find(run, run->args.words[0], &s->owner);
	else
		s->owner_code = command_say(run, EXIT_UNAUTHENTICATED, run->args.words[0],
			"who owns it is told to those who may read it, and there is no key: use \"nephos login\", or "
			"--credentials FILE");
}

static int status_run(struct command_run *run)
{
	const struct http_client_options options = {.user_agent = "nephos/" NEPHOS_VERSION};
	int r;

	if (run->args.count > 0 && !run->options.ring)
		return command_say(run, EXIT_USAGE, run->args.words[0], "a path goes with --ring");
	if (run->args.count > 0 && !*run->args.words[0])
		return command_say(run, EXIT_USAGE, NULL, "the path is empty; / is the root of the first drive");
	struct survey s = {.run = run, .gateways = json_array(), .services = json_array(), .mounts = json_array()};
	r = gateways_new(GATEWAYS_MAX, &s.known);
	for (size_t i = 0; r == 0 && i < run->credentials.url_count; i++) {
		r = gateways_add(s.known, span_str(run->credentials.urls[i]));
		r = r == -EEXIST ? 0 : r;
	}
	if (r == 0)
		r = http_client_new(&options, &s.client);
	while (r == 0 && json_array_size(s.gateways) < gateways_count(s.known))
		r = survey_round(&s);
	survey_mounts(&s);
	find_owner(&s);
	print_survey(&s);
	gateways_free(s.known);
	json_decref(s.gateways);
	json_decref(s.services);
	json_decref(s.mounts);
	json_decref(s.owner);
	http_client_free(s.client);
	if (r < 0)
		return command_fail(run, r, NULL);
	if (!s.any_ready)
		return command_say(run, EXIT_UNREACHABLE, NULL, "no gateway is ready");
	return s.owner_code;
}

static const struct args_flag status_flags[] = {
	COMMAND_FLAG("ring", 0, NULL, ring, "what each gateway knows of the ring: epoch, members, shares, its lease"),
	COMMAND_FLAG_JSON, COMMAND_FLAG_CREDENTIALS, COMMAND_FLAGS_END};

const struct command command_status = {
	.name = "status",
	.arguments = "[--ring [PATH]] [--json]",
	.summary = "show the store's gateways and services, and the mounts of this machine",
	.details =
		"With a PATH, which begins at the root of the first drive: shows the gateway that answers for it, the gateway that would take\n"
		"over, and whether the answer is in memory there. Only this needs a key.\n"
		"Exits with 3 when no gateway is ready.\n",
	.flags = status_flags,
	.words_max = 1,
	.needs = COMMAND_NEEDS_URL,
	.run = status_run,
};
