/*
 * One thread at a time works on an upload: the server's or a worker's while it reads (upload_take), a worker's
 * while a block is stored. An upload that has a buffer and waits for bytes is `idle`. The thread that sets idle
 * to false, under uploads.lock, then works on the upload: the server's, when bytes came, or that of the sweep,
 * when the sender takes too long for its turn while others wait. A thread that has set idle to true must not
 * touch the upload any more: the upload may have been finished, and freed, by then.
 */
#include "backend/docs/request/upload.h"

#include "backend/docs/request/blocks.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/sha256.h"
#include "common/base/timer.h"
#include "common/proto/headers.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <utlist.h>

struct upload {
	struct upload_turn turn; /* first; guarded by uploads.lock */
	struct call *call;
	struct upload_options options;
	char *buffer;
	size_t capacity, used;
	bool ended;
	bool give_up; /* ends its turn with what is in the buffer */
	int64_t size; /* bytes that were stored or are in `rest` */
	int64_t room; /* bytes that the drive can take; -1: not looked up yet */
	struct sha256 whole;
	bool has_whole;
	uint8_t digest[SHA256_BYTES];
	struct op_extent *extents;
	size_t count, extent_room;
	struct docs_block *fresh; /* blocks that this upload made; fresh_count is 0 after upload_keep */
	size_t fresh_count, fresh_room;
	char *rest; /* inline content */
	/* Guarded by uploads.lock. */
	bool idle;		 /* has a buffer and waits for bytes */
	bool pending;		 /* bytes came before idle was set */
	bool patient;		 /* the sender accepts 102 while the upload waits */
	int64_t told_ns;	 /* time of the last notification */
	struct upload *starting; /* next in the list of uploads that are to be started */
};

struct uploads {
	struct timer_entry tick; /* timer of the sweep; set while uploads wait */
	struct docs *docs;
	pthread_mutex_t lock; /* guards all below */
	struct upload_turns turns;
	bool ticking;
};

static void upload_take(struct upload *u);
static void upload_job(struct docs_store *store, void *cookie);
static void finish(struct upload *u, int error, struct docs_store *store);

/* ---- the sweep ---- */

static void tick_start(struct uploads *all);

/* The sender's time is over: stores what came, and passes the turn on. */
static void take_turn_away(struct upload *u)
{
	u->give_up = true;
	if (docs_run_slow(upload_job, u, u->call->docs, call_party(u->call)) < 0)
		finish(u, -ERR_UNAVAILABLE, NULL);
}

static struct upload *find_slow(struct uploads *all, int64_t now_ns)
{
	struct upload *slow = NULL;
	struct upload_turn *turn;

	pthread_mutex_lock(&all->lock);
	DL_FOREACH(all->turns.running, turn) {
		struct upload *u = (struct upload *)turn;

		assert(turn->state == TURN_RUNNING);
		if (u->idle && upload_turns_is_slow(turn, u->used, now_ns)) {
			slow = u;
			slow->idle = false;
			break;
		}
	}
	pthread_mutex_unlock(&all->lock);
	return slow;
}

/* A waiting upload stays alive while it is in the list. */
static void tell_waiting(struct uploads *all, int64_t now_ns)
{
	struct upload_turn *turn;

	pthread_mutex_lock(&all->lock);
	DL_FOREACH(all->turns.waiting, turn) {
		struct upload *u = (struct upload *)turn;
		int64_t since_ns = u->told_ns > turn->since_ns ? u->told_ns : turn->since_ns;

		if (!u->patient || now_ns - since_ns < UPLOAD_TELL_MS * NS_PER_MS)
			continue;
		u->told_ns = now_ns;
		http_request_tell_waiting(u->call->req);
	}
	pthread_mutex_unlock(&all->lock);
}

static void on_tick(struct timer_entry *entry)
{
	struct uploads *all = (struct uploads *)entry;
	int64_t now_ns = clock_mono_ns();
	struct upload *slow;

	while ((slow = find_slow(all, now_ns)))
		take_turn_away(slow);
	tell_waiting(all, now_ns);
	pthread_mutex_lock(&all->lock);
	all->ticking = false;
	pthread_mutex_unlock(&all->lock);
	tick_start(all);
}

/* While any upload waits for a turn, a timer checks the uploads that have one, until the process is asked to end. */
static void tick_start(struct uploads *all)
{
	pthread_mutex_lock(&all->lock);
	if (all->turns.waiting && !all->ticking)
		all->ticking = timer_set(all->docs->timer, &all->tick, clock_mono_ns() + UPLOAD_TICK_MS * NS_PER_MS);
	pthread_mutex_unlock(&all->lock);
}

int uploads_new(struct docs *docs, struct uploads **ret)
{
	struct uploads *all = calloc(1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	all->docs = docs;
	all->tick.fire = on_tick;
	pthread_mutex_init(&all->lock, NULL);
	*ret = all;
	return 0;
}

void uploads_free(struct uploads *all)
{
	if (!all)
		return;
	/* The timer is closed, and has fired before. */
	assert(!all->ticking);
	assert(!all->turns.running && !all->turns.waiting);
	pthread_mutex_destroy(&all->lock);
	free(all);
}

/* ---- turns ---- */

/* The caller holds all->lock. */
static void count_turns(struct uploads *all, const struct upload_turns *before)
{
	struct docs_metrics *m = &all->docs->metrics;

	metric_add(m->uploads, (int64_t)all->turns.running_count - before->running_count);
	metric_add(m->uploads_waiting, (int64_t)all->turns.waiting_count - before->waiting_count);
}

/* 1: has a turn; 0: waits for one; -ERR_TOO_MANY. */
static int turn_ask(struct upload *u)
{
	struct uploads *all = u->call->docs->uploads;
	int r;

	pthread_mutex_lock(&all->lock);
	const struct upload_turns before = all->turns;
	r = upload_turns_ask(&all->turns, &u->turn, clock_mono_ns());
	count_turns(all, &before);
	pthread_mutex_unlock(&all->lock);
	if (r == 0)
		tick_start(all);
	return r;
}

/* Gives up the upload's turn, if it has one, to the uploads that are next. Returns these, for the caller to
 * start. */
static struct upload *turn_give(struct upload *u)
{
	struct uploads *all = u->call->docs->uploads;
	struct upload *starting = NULL;
	struct upload_turn *next;

	pthread_mutex_lock(&all->lock);
	const struct upload_turns before = all->turns;
	const bool ran = u->turn.state == TURN_RUNNING;
	upload_turns_leave(&all->turns, &u->turn);
	while (ran && (next = upload_turns_next(&all->turns, clock_mono_ns()))) {
		((struct upload *)next)->starting = starting;
		starting = (struct upload *)next;
	}
	count_turns(all, &before);
	pthread_mutex_unlock(&all->lock);
	return starting;
}

/* Whether other uploads wait. The turn's time begins anew. */
static bool others_wait(struct upload *u)
{
	struct uploads *all = u->call->docs->uploads;
	bool wait;

	pthread_mutex_lock(&all->lock);
	wait = all->turns.waiting != NULL;
	u->turn.since_ns = clock_mono_ns();
	pthread_mutex_unlock(&all->lock);
	return wait;
}

/* The memory of a block's buffer returns to the system at once, whatever the allocator's size thresholds are: so
 * memory use stays flat. */
static int buffer_make(struct upload *u, size_t capacity)
{
	void *p;

	assert(!u->buffer);
	if (capacity <= UPLOAD_SMALL_MAX + 1) {
		p = malloc(capacity);
	} else {
		p = mmap(NULL, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		p = p == MAP_FAILED ? NULL : p;
	}
	if (!p)
		return -ENOMEM;
	u->buffer = p;
	u->capacity = capacity;
	return 0;
}

static void buffer_drop(struct upload *u)
{
	if (u->buffer && u->capacity <= UPLOAD_SMALL_MAX + 1)
		free(u->buffer);
	else if (u->buffer)
		munmap(u->buffer, u->capacity);
	u->buffer = NULL;
	u->used = 0;
}

void upload_release(struct upload *u)
{
	struct upload *next, *starting;

	buffer_drop(u);
	for (starting = turn_give(u); starting; starting = next) {
		next = starting->starting; /* read before the upload may be freed */
		upload_take(starting);
	}
}

static void upload_free(void *p)
{
	struct upload *u = p;

	upload_release(u);
	if (u->fresh_count > 0)
		blocks_drop_take(u->call->docs, u->call->scope.drive, u->fresh, u->fresh_count);
	else
		free(u->fresh);
	if (u->has_whole)
		sha256_fini(&u->whole);
	free(u->extents);
	free(u->rest);
	free(u);
}

static void finish(struct upload *u, int error, struct docs_store *store)
{
	if (error < 0)
		upload_release(u);
	u->options.done(u->options.cookie, error, store);
}

/* ---- what to do with a buffer ---- */

static int add_extent(struct upload *u, const struct op_extent *extent)
{
	if (u->count == u->extent_room) {
		size_t room = u->extent_room ? 2 * u->extent_room : 4;
		struct op_extent *grown = realloc(u->extents, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		u->extents = grown;
		u->extent_room = room;
	}
	u->extents[u->count++] = *extent;
	return 0;
}

int upload_room(struct call *call, struct docs_store *store, int64_t replaces, int64_t *ret)
{
	struct docs_drive drive;
	int r = store->ops->drive_get(store, &call->scope, &drive);

	if (r == 0)
		*ret = drive.row.quota == 0 ? INT64_MAX : drive.row.quota - drive.row.used + replaces;
	return r;
}

/* Before the first block: looks up what the drive can take at all, so that nobody fills the disk with bytes that
 * the quota will refuse. */
static int check_room(struct upload *u, struct docs_store *store)
{
	int64_t announced = http_request_length(u->call->req);
	int r;

	if (u->room < 0) {
		r = upload_room(u->call, store, u->options.replaces, &u->room);
		if (r < 0)
			return r;
		if (announced > u->room)
			return -EDQUOT;
	}
	return u->size + (int64_t)u->used > u->room ? -EDQUOT : 0;
}

/* A block that is not recorded, because memory is short, is found by the collector. */
static void note_fresh(struct upload *u, const struct docs_block *made)
{
	if (u->fresh_count == u->fresh_room) {
		const size_t room = u->fresh_room ? 2 * u->fresh_room : 4;
		struct docs_block *grown = realloc(u->fresh, room * sizeof(*grown));

		if (!grown)
			return;
		u->fresh = grown;
		u->fresh_room = room;
	}
	u->fresh[u->fresh_count++] = *made;
}

static int store_block(struct upload *u, struct docs_store *store)
{
	struct op_extent extent = {.at = u->size, .len = (int64_t)u->used, .kind = OP_EXTENT_BLOCK};
	struct blocks_piece piece = {.bytes = span_of(u->buffer, u->used)};
	struct docs_block made = {.size = 0};
	int r = check_room(u, store);

	if (r == 0)
		r = sha256_of(piece.bytes, piece.sha256);
	if (r == 0)
		r = blocks_keep(u->call->docs, store, &u->call->scope, &piece, &made);
	if (r == 0 && made.size > 0)
		note_fresh(u, &made);
	memcpy(extent.sha256, piece.sha256, sizeof(extent.sha256));
	if (r == 0)
		r = add_extent(u, &extent);
	if (r == 0) {
		u->size += (int64_t)u->used;
		u->used = 0;
	}
	return r;
}

static int keep_rest(struct upload *u)
{
	struct op_extent extent = {.at = u->size, .len = (int64_t)u->used, .kind = OP_EXTENT_DATA};

	if (u->used == 0)
		return 0;
	u->rest = malloc(u->used);
	if (!u->rest)
		return -ENOMEM;
	memcpy(u->rest, u->buffer, u->used);
	extent.data = span_of(u->rest, u->used);
	u->size += (int64_t)u->used;
	metric_add(u->call->docs->metrics.inline_bytes_in, (int64_t)u->used);
	return add_extent(u, &extent);
}

static int check_digest(struct upload *u)
{
	int r = u->has_whole ? sha256_final(&u->whole, u->digest) : 0;

	if (r == 0 && u->options.digest.present && memcmp(u->digest, u->options.digest.sha256, SHA256_BYTES) != 0)
		r = -ERR_BAD_DIGEST;
	return r;
}

/* The buffer is full, or the body or the turn has ended. */
static int take_buffer(struct upload *u, struct docs_store *store)
{
	int r = u->has_whole && u->used > 0 ? sha256_update(&u->whole, u->buffer, u->used) : 0;

	if (r < 0)
		return r;
	if (u->options.look_only)
		u->used = 0;
	else if (u->options.what != UPLOAD_CONTENT)
		/* Bytes needed as a whole cannot be taken in parts: a sender that is too slow while others wait
		 * must send them again. */
		r = u->ended ? 0 : u->give_up ? -ERR_UNAVAILABLE : -ERR_TOO_LARGE;
	else if (!u->ended || u->used > INLINE_BYTES_MAX)
		r = u->used > 0 ? store_block(u, store) : 0;
	else
		r = keep_rest(u);
	return r == 0 && u->ended ? check_digest(u) : r;
}

/* The server's small buffer is full, or the body is complete: now a buffer of our own is worth its memory. */
static void on_filled(struct http_request *req, void *cookie)
{
	struct upload *u = cookie;
	int r = turn_ask(u);

	(void)req;
	if (r > 0)
		upload_take(u);
	else if (r < 0)
		finish(u, r, NULL);
}

/* Goes on with the body: with the same buffer, or, when others wait, after the upload has got a turn again. */
static void go_on(struct upload *u)
{
	u->give_up = false;
	if (others_wait(u)) {
		upload_release(u);
		http_request_on_filled(u->call->req, on_filled, u);
	} else {
		upload_take(u);
	}
}

static void upload_job(struct docs_store *store, void *cookie)
{
	struct upload *u = cookie;
	int r = take_buffer(u, store);

	if (r == 0 && !u->ended) {
		go_on(u);
		return;
	}
	if (r == 0 && u->options.what == UPLOAD_CONTENT)
		upload_release(u);
	finish(u, r, store);
}

/* ---- reading ---- */

static void on_readable(struct http_request *req, void *cookie)
{
	struct upload *u = cookie;
	struct uploads *all = u->call->docs->uploads;
	bool mine;

	(void)req;
	pthread_mutex_lock(&all->lock);
	mine = u->idle;
	u->idle = false;
	u->pending = !mine;
	pthread_mutex_unlock(&all->lock);
	if (mine)
		upload_take(u);
}

/* true: the upload is idle and belongs to the thread that ends that. false: bytes are there already. */
static bool wait_for_bytes(struct upload *u)
{
	struct uploads *all = u->call->docs->uploads;
	bool waits;

	pthread_mutex_lock(&all->lock);
	assert(!u->idle);
	u->pending = false;
	pthread_mutex_unlock(&all->lock);
	http_request_on_readable(u->call->req, on_readable, u);
	pthread_mutex_lock(&all->lock);
	waits = !u->pending;
	u->idle = waits;
	pthread_mutex_unlock(&all->lock);
	return waits;
}

/* 1: the buffer must be processed; 0: more is to be read, later; or a failure. */
static int read_some(struct upload *u)
{
	while (u->used < u->capacity) {
		size_t got = 0;
		int r = http_request_read(u->call->req, u->buffer + u->used, u->capacity - u->used, &got);

		if (r == -EAGAIN)
			return 0;
		if (r < 0)
			return r;
		u->ended = got == 0;
		if (u->ended)
			return 1;
		u->used += got;
	}
	return 1;
}

/* Content that goes into a row takes no worker for blocks. */
static int run_job(struct upload *u)
{
	bool light = u->ended && u->options.what == UPLOAD_CONTENT && u->used <= INLINE_BYTES_MAX;

	const int64_t party = call_party(u->call);

	return light ? docs_run(upload_job, u, u->call->docs, party)
		     : docs_run_slow(upload_job, u, u->call->docs, party);
}

static void upload_take(struct upload *u)
{
	/* For bytes needed as a whole, one byte more than they may have, so that a body that is too long fills
	 * the buffer. */
	size_t capacity = u->options.what == UPLOAD_CONTENT ? BLOCK_BYTES_MAX : u->options.max + 1;
	int r = u->buffer ? 0 : buffer_make(u, capacity);

	while (r == 0) {
		r = read_some(u);
		if (r == 0 && wait_for_bytes(u))
			return;
	}
	if (r > 0 && u->ended && u->options.what == UPLOAD_BYTES)
		finish(u, 0, NULL);
	else if (r > 0 && run_job(u) < 0)
		finish(u, -ERR_UNAVAILABLE, NULL);
	else if (r < 0)
		finish(u, r, NULL);
}

/* ---- life ---- */

static int upload_new(struct call *call, const struct upload_options *options, struct upload **ret)
{
	struct upload *u = calloc(1, sizeof(*u));
	int r = 0;

	if (!u)
		return -ENOMEM;
	u->call = call;
	u->options = *options;
	u->room = -1;
	u->turn.user = call->user;
	u->patient = http_request_header(call->req, HEADER_PATIENCE) != NULL;
	if (options->digest.present || options->hash || options->what == UPLOAD_BLOCK) {
		r = sha256_init(&u->whole);
		u->has_whole = r == 0;
	}
	if (r < 0) {
		upload_free(u);
		return r;
	}
	r = call_keep(call, u, upload_free);
	if (r == 0)
		*ret = u;
	return r;
}

void upload_start(struct call *call, const struct upload_options *options, struct upload **ret)
{
	int64_t length = http_request_length(call->req);
	int64_t small = options->what == UPLOAD_CONTENT ? INLINE_BYTES_MAX : UPLOAD_SMALL_MAX;
	int r = upload_new(call, options, ret);

	if (r == 0 && length >= 0 && length <= small) {
		r = buffer_make(*ret, (size_t)length + 1); /* one byte more, so that the end of the body is read too */
		r = r == 0 ? 1 : r;
	} else if (r == 0) {
		http_request_on_filled(call->req, on_filled, *ret);
	}
	if (r > 0)
		upload_take(*ret);
	else if (r < 0)
		options->done(options->cookie, r, NULL);
}

void upload_keep(struct upload *u)
{
	u->fresh_count = 0;
}

int64_t upload_size(const struct upload *u)
{
	return u->size;
}

struct op_extent *upload_extents(const struct upload *u, size_t *ret_count)
{
	*ret_count = u->count;
	return u->extents;
}

bool upload_has_blocks(const struct upload *u)
{
	return u->count > 0 && u->extents[0].kind == OP_EXTENT_BLOCK;
}

bool upload_is_hashed(const struct upload *u)
{
	return u->has_whole;
}

struct span upload_digest(const struct upload *u)
{
	return span_of(u->digest, sizeof(u->digest));
}

struct span upload_bytes(const struct upload *u)
{
	return span_of(u->buffer, u->used);
}
