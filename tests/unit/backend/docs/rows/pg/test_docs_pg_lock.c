/* File locks between sessions, as the storage decides them. */
#include "tests/unit/backend/docs/rows/pg/pg_fixture.h"

static const struct docs_lock_terms patient = {.lease_s = 60, .doubt_s = 5}, impatient = {0, 0};

/* A document, and two mounts that want to lock it. */
struct two {
	struct worker *w;
	int64_t id, a, b;
	int64_t number; /* of the last lock request */
};

static int64_t session_of(struct worker *w)
{
	int64_t session = 0;

	assert_ok(w, w->store->ops->session_create(w->store, &w->scope, SPAN_LITERAL("m"), 0, &session));
	return session;
}

static struct two two_of(void **state)
{
	struct worker *w = *state;

	return (struct two){
		.w = w, .id = create(w, root_of(w), "f", S_IFREG | 0644), .a = session_of(w), .b = session_of(w)};
}

struct asked {
	struct docs_lock_held held;
	const struct docs_lock_terms *terms;
	int64_t session;
};

static int ask(struct two *t, const struct asked *asked, struct docs_lock_reply *ret)
{
	struct docs_scope scope = t->w->scope;
	struct docs_position at = {0};
	struct seen_item seen;

	*ret = (struct docs_lock_reply){0};
	scope.session = asked->session;
	return t->w->store->ops->lock_hold(
		t->w->store, &scope, &asked->held, asked->terms ? asked->terms : &patient, ret, keep_item, &seen, &at);
}

/* From now on the session holds only this range, or nothing (to < from). Returns whether that was granted. */
static bool holds(struct two *t, int64_t session, int64_t from, int64_t to, bool exclusive)
{
	const struct docs_lock_range range = {from, to, exclusive};
	struct docs_lock_reply reply;

	assert_ok(t->w,
		ask(t,
			&(struct asked){
				.held = {.id = t->id, .number = ++t->number, .ranges = &range, .count = to >= from},
				.session = session},
			&reply));
	return reply.granted;
}

static struct docs_lock_seen look(struct two *t, int64_t session, struct docs_lock_range range, bool waits)
{
	const struct docs_lock_wanted wanted = {.id = t->id, .range = range, .waits = waits};
	struct docs_scope scope = t->w->scope;
	struct docs_lock_seen seen = {0};
	struct docs_position at;

	scope.session = session;
	assert_ok(t->w, t->w->store->ops->lock_look(t->w->store, &scope, &wanted, &patient, &seen, &at));
	return seen;
}

static void a_range_is_locked_by_one_writer_or_several_readers(void **state)
{
	struct two t = two_of(state);

	assert_true(holds(&t, t.a, 0, 9, false));
	assert_true(holds(&t, t.b, 5, 14, false));
	assert_false(holds(&t, t.a, 0, 9, true));
	assert_true(holds(&t, t.b, 10, 14, true));
	assert_true(holds(&t, t.a, 0, 9, true));
	assert_false(holds(&t, t.b, 9, 14, false));
	/* A refused request leaves the locks as they were. */
	assert_false(holds(&t, t.a, 0, 10, false));
	assert_true(holds(&t, t.a, 0, -1, false));
	assert_true(holds(&t, t.b, 0, INT64_MAX, true));
}

static void posix_locks_and_flock_locks_do_not_conflict(void **state)
{
	struct two t = two_of(state);
	const struct docs_lock_range all = {0, INT64_MAX, true};
	const struct asked flock = {
		.held = {.id = t.id, .kind = DOCS_LOCK_FLOCK, .number = 100, .ranges = &all, .count = 1},
		.session = t.b};
	struct docs_lock_reply reply;

	assert_true(holds(&t, t.a, 0, INT64_MAX, true));
	assert_ok(t.w, ask(&t, &flock, &reply));
	assert_true(reply.granted);
}

static void lock_look_reports_the_first_conflicting_lock(void **state)
{
	struct two t = two_of(state);
	const struct docs_lock_range ranges[] = {{10, 14, true}, {1, 5, false}};
	const struct docs_lock_range all = {0, INT64_MAX, true}, shared = {0, INT64_MAX, false}, free = {6, 9, true};
	struct docs_lock_reply reply;
	struct docs_lock_seen seen;

	assert_ok(t.w,
		ask(&t,
			&(struct asked){
				.held = {.id = t.id, .number = 1, .ranges = ranges, .count = 2}, .session = t.a},
			&reply));
	seen = look(&t, t.b, all, false);
	assert_true(seen.in_the_way);
	assert_int_equal(seen.other.from, 1);
	assert_int_equal(seen.other.to, 5);
	assert_false(seen.other.exclusive);
	seen = look(&t, t.b, shared, false);
	assert_int_equal(seen.other.from, 10);
	assert_true(seen.other.exclusive);
	assert_false(look(&t, t.b, free, false).in_the_way);
	assert_false(look(&t, t.a, all, false).in_the_way);
	assert_true(seen.lease_ms > 50000 && seen.lease_ms <= 60000);
}

static void releasing_a_lock_reports_whether_a_session_waits_for_it(void **state)
{
	struct two t = two_of(state);
	const struct docs_lock_range all = {0, INT64_MAX, true};
	struct asked nothing = {.held = {.id = t.id}, .session = t.a};
	struct docs_lock_reply reply;

	assert_true(holds(&t, t.a, 0, 9, true));
	nothing.held.number = ++t.number;
	assert_ok(t.w, ask(&t, &nothing, &reply));
	assert_false(reply.waited);
	assert_true(holds(&t, t.a, 0, 9, true));
	assert_true(look(&t, t.b, all, true).in_the_way);
	nothing.held.number = ++t.number;
	assert_ok(t.w, ask(&t, &nothing, &reply));
	assert_true(reply.waited);
	assert_false(look(&t, t.b, all, true).in_the_way);
}

static void a_repeated_lock_request_is_not_applied_again(void **state)
{
	struct two t = two_of(state);
	const struct docs_lock_range all = {0, INT64_MAX, true};
	const struct asked first = {.held = {.id = t.id, .number = 5, .ranges = &all, .count = 1}, .session = t.b};
	const struct asked last = {.held = {.id = t.id, .number = 6}, .session = t.b};
	struct docs_lock_reply reply;

	assert_true(holds(&t, t.a, 0, 9, true));
	assert_ok(t.w, ask(&t, &first, &reply));
	assert_false(reply.granted);
	assert_true(holds(&t, t.a, 0, -1, true));
	/* The session got a refusal for this request: by now it wants something else, so a repeat is not granted. */
	assert_ok(t.w, ask(&t, &first, &reply));
	assert_false(reply.granted);
	assert_ok(t.w, ask(&t, &last, &reply));
	assert_true(reply.granted);
	assert_int_equal(ask(&t, &first, &reply), -ERR_OUT_OF_ORDER);
	assert_true(holds(&t, t.a, 0, 9, true));
}

static void a_lock_request_refused_out_of_turn_stays_refused_when_repeated(void **state)
{
	struct two t = two_of(state);
	const struct docs_lock_range all = {0, INT64_MAX, true};
	struct asked asked = {
		.held = {.id = t.id, .number = 1, .ranges = &all, .count = 1, .refuse = true}, .session = t.a};
	struct docs_lock_reply reply;

	assert_ok(t.w, ask(&t, &asked, &reply));
	assert_false(reply.granted);
	assert_false(reply.in_the_way);
	asked.held.refuse = false;
	assert_ok(t.w, ask(&t, &asked, &reply));
	assert_false(reply.granted);
	asked.held.number = 2;
	assert_ok(t.w, ask(&t, &asked, &reply));
	assert_true(reply.granted);
}

static void ending_a_session_releases_its_locks(void **state)
{
	struct two t = two_of(state);
	const struct docs_store_ops *ops = t.w->store->ops;
	struct docs_lock_reply reply;

	assert_true(holds(&t, t.a, 0, INT64_MAX, true));
	assert_false(holds(&t, t.b, 0, 9, false));
	assert_ok(t.w, ops->session_end(t.w->store, &t.w->scope, t.a));
	assert_true(holds(&t, t.b, 0, 9, false));
	assert_int_equal(ask(&t, &(struct asked){.held = {.id = t.id, .number = 100}, .session = t.a}, &reply),
		-ERR_SESSION_GONE);
}

static void a_session_that_replaces_another_takes_over_its_locks(void **state)
{
	struct two t = two_of(state);
	const struct docs_store_ops *ops = t.w->store->ops;
	int64_t next = 0, last = 0;
	bool kept = false;

	assert_true(holds(&t, t.a, 0, 9, true));
	assert_ok(t.w, ops->session_create(t.w->store, &t.w->scope, SPAN_LITERAL("m"), t.a, &next));
	assert_ok(t.w, ops->lock_kept(t.w->store, &t.w->scope, next, &kept));
	assert_true(kept);
	assert_false(holds(&t, t.b, 0, 9, false));
	assert_true(holds(&t, next, 0, 9, false));
	assert_true(holds(&t, t.b, 0, 9, false));
	/* Session a is gone by now, so it has no locks that a session in its place could get. */
	assert_ok(t.w, ops->session_create(t.w->store, &t.w->scope, SPAN_LITERAL("m"), t.a, &last));
	assert_ok(t.w, ops->lock_kept(t.w->store, &t.w->scope, last, &kept));
	assert_false(kept);
}

/* With terms of 0 each session counts as silent at once: the first request that wants its lock notes that,
 * and the second one ends the session. */
static void a_silent_session_is_ended_by_the_second_request_for_its_lock(void **state)
{
	struct two t = two_of(state);
	const struct docs_lock_range low = {0, 9, true}, high = {10, 19, true};
	struct asked asked = {
		.held = {.id = t.id, .number = 100, .ranges = &high, .count = 1}, .session = t.b, .terms = &impatient};
	struct docs_lock_reply reply;
	int64_t others;

	assert_true(holds(&t, t.a, low.from, low.to, true));
	assert_ok(t.w, ask(&t, &asked, &reply));
	assert_true(reply.granted); /* the lock of a is not in its way */
	asked.held.ranges = &low;
	asked.held.number++;
	assert_ok(t.w, ask(&t, &asked, &reply));
	assert_false(reply.granted);
	assert_false(reply.broke);
	/* Session a polls: it is not silent any more. */
	assert_ok(t.w,
		t.w->store->ops->session_poll(t.w->store, &t.w->scope, &(struct docs_poll){.session = t.a}, &others));
	number_of_text("UPDATE session SET locks_at = now()");
	asked.held.number++;
	assert_ok(t.w, ask(&t, &asked, &reply));
	assert_false(reply.granted);
	asked.held.number++;
	assert_ok(t.w, ask(&t, &asked, &reply));
	assert_true(reply.granted);
	assert_true(reply.broke);
	assert_int_equal(
		t.w->store->ops->session_poll(t.w->store, &t.w->scope, &(struct docs_poll){.session = t.a}, &others),
		-ERR_SESSION_GONE);
}

static void a_poll_renews_the_lease_of_a_sessions_locks(void **state)
{
	struct two t = two_of(state);
	int64_t others;

	assert_true(holds(&t, t.a, 0, 9, true));
	number_of_text("UPDATE session SET locks_at = now() - interval '55 s'");
	assert_ok(t.w,
		t.w->store->ops->session_poll(t.w->store, &t.w->scope, &(struct docs_poll){.session = t.a}, &others));
	assert_true(look(&t, t.b, (struct docs_lock_range){0, 9, false}, false).lease_ms > 50000);
}

static void another_user_and_a_session_of_another_drive_get_no_locks_of_a_drive(void **state)
{
	struct two t = two_of(state);
	const struct docs_lock_range all = {0, INT64_MAX, true};
	const struct docs_lock_held held = {.id = t.id, .number = 1, .ranges = &all, .count = 1};
	const struct docs_lock_wanted wanted = {.id = t.id, .range = all};
	struct docs_scope scope = t.w->scope, elsewhere = t.w->scope;
	struct docs_lock_reply reply;
	struct docs_lock_seen seen;
	struct docs_position at;
	struct docs_drive drive;
	struct seen_item item;
	int64_t session = 0;

	scope.user = another_user();
	scope.session = t.a;
	assert_int_equal(t.w->store->ops->lock_hold(t.w->store, &scope, &held, &patient, &reply, keep_item, &item, &at),
		-ERR_NOT_FOUND);
	assert_int_equal(t.w->store->ops->lock_look(t.w->store, &scope, &wanted, &patient, &seen, &at), -ERR_NOT_FOUND);
	/* A session of the same user's other drive is not one of this drive either. */
	assert_ok(t.w, t.w->store->ops->drive_create(t.w->store, t.w->scope.user, SPAN_LITERAL("other"), 0, &drive));
	elsewhere.drive = drive.row.id;
	assert_ok(t.w, t.w->store->ops->session_create(t.w->store, &elsewhere, SPAN_LITERAL("m"), 0, &session));
	scope = t.w->scope;
	scope.session = session;
	assert_int_equal(t.w->store->ops->lock_hold(t.w->store, &scope, &held, &patient, &reply, keep_item, &item, &at),
		-ERR_SESSION_GONE);
	assert_true(holds(&t, t.b, 0, INT64_MAX, true));
}

static void locks_beyond_the_bytes_allowed_per_drive_are_refused(void **state)
{
	struct two t = two_of(state);
	const struct docs_lock_range range = {0, 9, true};
	const struct asked more = {.held = {.id = t.id, .number = 2, .ranges = &range, .count = 1}, .session = t.b};
	struct docs_lock_reply reply;
	char sql[512];

	t.number = 2;
	assert_true(holds(&t, t.a, 20, 29, true));
	/* Rows of 64 KiB each that cannot be compressed. */
	(void)snprintf(sql, sizeof(sql),
		"INSERT INTO file_lock (session, node, number, kind, granted, froms, tos, exclusive)"
		" SELECT %" PRId64 ", %" PRId64
		" + i, 1, 0, true, r.list, r.list, '{}' FROM generate_series(1, %d) i CROSS JOIN LATERAL (SELECT"
		" ARRAY(SELECT (random() * 9e18)::bigint + i * 0 FROM generate_series(1, 4096)) AS list) r",
		t.b, t.id, LOCKS_BYTES_PER_DRIVE_MAX / 65536 + 16);
	(void)number_of_text(sql);
	assert_int_equal(ask(&t, &more, &reply), -EDQUOT);
	assert_int_equal(ask(&t, &more, &reply), -EDQUOT);
	/* A session that wants no more than it has needs no room. */
	assert_true(holds(&t, t.a, 20, 24, true));
	assert_true(holds(&t, t.a, 1, 0, false));
	(void)snprintf(sql, sizeof(sql), "DELETE FROM file_lock WHERE session = %" PRId64, t.b);
	(void)number_of_text(sql);
	assert_ok(t.w, ask(&t, &more, &reply));
	assert_true(reply.granted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_worker(a_range_is_locked_by_one_writer_or_several_readers),
		with_worker(posix_locks_and_flock_locks_do_not_conflict),
		with_worker(lock_look_reports_the_first_conflicting_lock),
		with_worker(releasing_a_lock_reports_whether_a_session_waits_for_it),
		with_worker(a_repeated_lock_request_is_not_applied_again),
		with_worker(a_lock_request_refused_out_of_turn_stays_refused_when_repeated),
		with_worker(ending_a_session_releases_its_locks),
		with_worker(a_session_that_replaces_another_takes_over_its_locks),
		with_worker(a_silent_session_is_ended_by_the_second_request_for_its_lock),
		with_worker(a_poll_renews_the_lease_of_a_sessions_locks),
		with_worker(locks_beyond_the_bytes_allowed_per_drive_are_refused),
		with_worker(another_user_and_a_session_of_another_drive_get_no_locks_of_a_drive),
	};

	return cmocka_run_group_tests(tests, server_start, server_stop);
}
