#include "backend/docs/request/idempotent.h"

#include "backend/docs/core/failpoint.h"
#include "common/base/clock.h"
#include "common/base/error.h"

#include <errno.h>

#define IDEMPOTENT_TRIES 2 /* of a transaction whose connection was lost before its COMMIT was sent */

static struct docs_answer answer_of(const struct idempotent *o, int status)
{
	return (struct docs_answer){.status = status, .headers = buf_span(&o->m.headers), .body = buf_span(&o->m.body)};
}

static int make(struct idempotent *o, struct docs_store *store)
{
	buf_reset(&o->m.headers);
	buf_reset(&o->m.body);
	if (o->grows && rows_disk_is_short(o->m.call->docs->rows_disk))
		return -ENOSPC;
	return o->change(o, store);
}

/* Copies the kept answer, as the store's memory is valid only until the transaction ends. Returns the status. */
static int take_kept(struct idempotent *o, const struct docs_answer *kept)
{
	int r;

	buf_reset(&o->m.headers);
	buf_reset(&o->m.body);
	r = buf_append(&o->m.headers, kept->headers.data, kept->headers.size);
	if (r == 0)
		r = buf_append(&o->m.body, kept->body.data, kept->body.size);
	return r < 0 ? r : kept->status;
}

/* The journal has no entry for the change. So unless the change is hidden, the home must drop every answer of the
 * drive. */
static void tell_home(struct idempotent *o, const struct tree_drive *drive)
{
	if (o->beside || o->m.request.epoch < 0)
		return;
	touched_init(&o->touched, drive->id, drive->incarnation, drive->seq);
	if (!o->hidden)
		touched_all(&o->touched, drive->seq);
	o->m.request.touched = &o->touched;
}

/* The transaction holds the drive's lock. Returns the status of the new or the kept answer, or a failure. */
static int find_or_make(
	struct idempotent *o, struct docs_store *store, const struct tree_drive *drive, const struct docs_seen *seen)
{
	int r = o->beside ? 0 : commit_check_home(&o->m.request, drive);
	if (r < 0)
		return r;
	tell_home(o, drive);
	if (seen->state == DOCS_REPEAT)
		return take_kept(o, &seen->answer);
	r = docs_seen_error(seen);
	if (r == 0)
		r = commit_check_lease(&o->m.request, drive);
	return r < 0 ? r : make(o, store);
}

static int transact(struct idempotent *o, struct docs_store *store, bool *ret_repeat)
{
	const struct docs_key *key = &o->m.request.key;
	const uint32_t drive = o->m.call->scope.drive;
	const struct tree_drive *row;
	const struct docs_seen *seen = NULL;
	struct tree_wants *wants = NULL;
	struct docs_answer answer;
	struct tree *tree = NULL;
	int status = -EIO;
	int r = tree_wants_new(NULL, 0, drive, &wants);

	if (r == 0)
		r = store->ops->txn_begin(store, drive, key, 1, wants, clock_real_ns(), &tree, &seen);
	if (r == 0) {
		row = tree_peek_drive(tree);
		o->at = (struct docs_position){.incarnation = row->incarnation, .seq = row->seq};
		status = find_or_make(o, store, row, seen);
		*ret_repeat = seen->state == DOCS_REPEAT;
	}
	if (status > 0) {
		answer = answer_of(o, status);
		r = store->ops->txn_commit(store, NULL, &answer);
	}
	status = r < 0 ? r : status;
	if (status < 0)
		store->ops->txn_abort(store);
	tree_free(tree);
	tree_wants_free(wants);
	return status;
}

/* The drive is gone, perhaps because an earlier try of this request removed it. */
static int find_kept(struct idempotent *o, struct docs_store *store, int gone)
{
	struct docs_seen seen = {.state = DOCS_NEW};
	int r = store->ops->answer_find(store, &o->m.request.key, &seen);

	if (r == 0 && seen.state == DOCS_REUSED)
		r = -ERR_KEY_REUSED;
	else if (r == 0)
		r = seen.state == DOCS_REPEAT ? take_kept(o, &seen.answer) : gone;
	store->ops->txn_abort(store);
	return r;
}

static int run_locked(struct idempotent *o, struct docs_store *store, bool *ret_repeat)
{
	int status = -ENOTCONN;

	for (unsigned try = 0; try < IDEMPOTENT_TRIES && status == -ENOTCONN; try++)
		status = transact(o, store, ret_repeat);
	if (status != -ERR_NOT_FOUND && status != -ERR_DRIVE_TRASHED)
		return status;
	*ret_repeat = true;
	return find_kept(o, store, status);
}

static void respond(struct idempotent *o, int status, bool repeat)
{
	const struct docs_answer answer = answer_of(o, status);

	mutate_respond(&o->m, &answer, repeat, NULL);
}

static void respond_too_early(struct idempotent *o)
{
	call_fail(o->m.call, -ERR_UNAVAILABLE,
		"this service ends: what was asked for is done, but not all know of it yet");
}

static void late_fire(struct timer_entry *entry)
{
	const struct idempotent_late *late = (const struct idempotent_late *)entry;

	/* A closed timer fires at once. */
	if (clock_mono_ns() < late->due_ns)
		respond_too_early(late->o);
	else
		respond(late->o, late->status, late->repeat);
}

/* The delay counts from now, as the change has taken effect already. */
static void respond_late(struct idempotent *o, int status, bool repeat)
{
	const int64_t due_ns = clock_mono_ns() + o->late_ns;

	o->late = (struct idempotent_late){
		.entry = {.fire = late_fire}, .o = o, .due_ns = due_ns, .status = status, .repeat = repeat};
	if (!timer_set(o->m.call->docs->timer, &o->late.entry, due_ns))
		respond_too_early(o);
}

void idempotent_run(struct idempotent *o, struct docs_store *store)
{
	struct call *call = o->m.call;
	bool repeat = false;
	/* Batch numbers of a session are valid for batches only. */
	int status = o->m.request.key.kind == DOCS_KEY_SESSION ? -ERR_BAD_REQUEST : 0;

	if (status == 0)
		status = o->beside ? call_drive_beside(call, store) : call_drive(call, store);
	if (status == 0)
		status = mutate_has_key(&o->m) || o->ordered ? run_locked(o, store, &repeat) : make(o, store);
	if (status < 0) {
		call_fail(call, status, o->hint && status == o->hint_of ? o->hint : o->detail);
		return;
	}
	if (!repeat)
		failpoint_after_change(&call->docs->failpoint, o->change_name);
	if (o->changed)
		o->changed(o);
	if (o->late_ns > 0)
		respond_late(o, status, repeat);
	else
		respond(o, status, repeat);
}
