#include "backend/docs/fsck.h"

#include "backend/docs/rows/pg/fsck_pg.h"
#include "common/base/clock.h"
#include "common/base/cond.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/sha256.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * The phases of a drive are ordered so that a later phase sees the mends of an earlier one: names before what
 * folders count, documents before the sums of the drive. Before all of them come the types of documents, because every
 * phase asks what is a folder. If a type cannot be derived, the document may still be a folder: then nothing that lies
 * in it, and no count, is mended as if it were none.
 *
 * The statement of a page judges its rows, in one snapshot. Bytes of blocks are not part of any snapshot: the
 * row of a bad block is looked up again, and if it is gone meanwhile, there is no finding.
 *
 * A failure that says nothing about the store's contents (no connection, a block store that does not answer)
 * ends the step, and the run goes on from the progress that was written down.
 */

struct fsck {
	struct docs *docs;
	struct pg *pg;
	struct fsck_job job;
	unsigned failures; /* consecutive failures of the same step */
	pthread_t thread;
	bool running;
	uint8_t *buffer;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t wake;
	bool look, stopping;
};

/* The findings of a step that could not be mended, and the results that their names point into. */
struct findings {
	struct fsck_found *list;
	size_t count, room;
	struct pg_result **results;
	size_t result_count, result_room;
};

static void *grown(void *list, size_t count, size_t *room, size_t size)
{
	void *larger;

	if (count < *room)
		return list;
	larger = realloc(list, (*room ? *room * 2 : 64) * size);
	if (larger)
		*room = *room ? *room * 2 : 64;
	return larger;
}

static int findings_add(struct findings *f, const struct fsck_found *found)
{
	struct fsck_found *list = grown(f->list, f->count, &f->room, sizeof(*list));

	if (!list)
		return -ENOMEM;
	f->list = list;
	list[f->count++] = *found;
	return 0;
}

/* Takes over the result. */
static int findings_keep(struct findings *f, struct pg_result *result)
{
	struct pg_result **results = grown(f->results, f->result_count, &f->result_room, sizeof(struct pg_result *));

	if (!results) {
		pg_result_free(result);
		return -ENOMEM;
	}
	f->results = results;
	results[f->result_count++] = result;
	return 0;
}

static void findings_fini(struct findings *f)
{
	for (size_t i = 0; i < f->result_count; i++)
		pg_result_free(f->results[i]);
	free(f->results);
	free(f->list);
}

/* ---- the place where the next step begins ---- */

static void begin_phase(struct fsck_place *to, int phase)
{
	fsck_pg_begin(to, phase);
	if (phase == FSCK_PHASE_BLOCKS)
		to->page = FSCK_BLOCKS_MAX;
	else if (to->page == 0)
		to->page = 1;
}

/* Adapts the number of rows so that a page takes about FSCK_STEP_MS. */
static void fit_page(struct fsck_place *to, int64_t took_ns)
{
	if (took_ns > FSCK_STEP_MS * NS_PER_MS)
		to->page = to->page > 1 ? to->page / 2 : 1;
	else if (took_ns < FSCK_STEP_MS * NS_PER_MS / 4)
		to->page = to->page * 2 < FSCK_ROWS_MAX ? to->page * 2 : FSCK_ROWS_MAX;
}

/* ---- the bytes of a block ---- */

/* The memory of the store would answer for bytes that are lost by now. */
static int read_fresh(struct fsck *f, const struct block_name *name, struct span *ret)
{
	struct block_store *blocks = f->docs->blocks;
	uint32_t size = 0;
	const int r = blocks->ops->fresh ? blocks->ops->fresh(blocks, name, f->buffer, FSCK_READ_BYTES, &size)
					 : blocks->ops->get(blocks, name, 0, f->buffer, FSCK_READ_BYTES, &size);

	if (r == 0)
		*ret = span_of(f->buffer, size);
	return r;
}

/* ret->kind 0: nothing is wrong. A failure says nothing about the block. */
static int judge_block(struct fsck *f, const struct block_name *name, uint32_t size, struct fsck_found *ret)
{
	uint8_t digest[SHA256_BYTES];
	struct span bytes = span_of(NULL, 0);
	int r = read_fresh(f, name, &bytes);

	*ret = (struct fsck_found){.drive = name->drive, .should = name->generation};
	if (r == 0 && bytes.size != size) {
		ret->kind = FSCK_BLOCK_SIZE;
		ret->is = (int64_t)bytes.size;
		ret->should = size;
		return 0;
	}
	if (r == 0)
		r = sha256_of(bytes, digest);
	if (r == 0)
		ret->kind = memcmp(digest, name->sha256, sizeof(digest)) == 0 ? 0 : FSCK_BLOCK_DIGEST;
	else if (r == -EBADMSG)
		ret->kind = FSCK_BLOCK_DIGEST;
	else if (r == -ENOENT)
		ret->kind = FSCK_BLOCK_LOST;
	else if (r == -EIO)
		ret->kind = FSCK_BLOCK_UNREADABLE;
	else
		return r;
	ret->is = r < 0 ? -r : 0;
	return 0;
}

static int move(struct fsck *f, const struct findings *found, const struct fsck_place *to, struct fsck_counts counts)
{
	const struct fsck_step step = {.found = found->list, .count = found->count, .to = *to, .counts = counts};

	return fsck_pg_move(f->pg, &f->job, &step);
}

/* Adds a finding for each document that has content in the bad block. */
static int add_users(struct fsck *f, const struct block_name *name, struct fsck_found found, struct findings *to)
{
	struct pg_result *users = NULL;
	int r = fsck_pg_block_users(f->pg, name, FSCK_USERS_MAX, &users);

	if (r < 0)
		return r;
	for (int row = 0; r == 0 && row < pg_rows(users); row++) {
		found.id = pg_number(users, row, FSCK_USER_ID);
		found.parent = pg_number(users, row, FSCK_USER_PARENT);
		found.name = pg_bytes(users, row, FSCK_USER_NAME);
		r = findings_add(to, &found);
	}
	if (r == 0 && pg_rows(users) == 0)
		r = findings_add(to, &found);
	if (r < 0) {
		pg_result_free(users);
		return r;
	}
	return findings_keep(to, users);
}

/* ---- mending ---- */

static void shown(struct fsck *f, const struct fsck_found *found)
{
	log_info(NULL, "op=fsck run=%" PRId64 " drive=%" PRIu32 " id=%" PRId64 " kind=%s outcome=\"mended\"",
		f->job.run, found->drive, found->id, fsck_kind_name(found->kind));
	docs_tell(f->docs, found->drive);
}

/* Checks the bytes of an extent's block. 1: they are right, and the block's row can be made again. */
static int find_bytes(struct fsck *f, const struct fsck_found *found, struct block_name *name, struct fsck_mend *how)
{
	struct fsck_found bad = {0};
	uint32_t size = 0;
	int r = fsck_pg_extent_block(f->pg, found->id, found->is, name, &size);

	if (r == -ENOENT) /* the extent is gone meanwhile */
		return 0;
	if (r == 0)
		r = judge_block(f, name, size, &bad);
	if (r < 0)
		return r;
	*how = (struct fsck_mend){name->generation, size, span_of(name->sha256, sizeof(name->sha256))};
	return bad.kind == 0;
}

static int mend(struct fsck *f, const struct fsck_found *found, bool *ret)
{
	struct fsck_mend how = {found->id, found->parent, found->name};
	struct block_name name;
	int r = 1;

	*ret = false;
	if (!f->job.repair || !fsck_pg_mendable(found))
		return 0;
	if (found->kind == FSCK_BLOCK_MISSING)
		r = find_bytes(f, found, &name, &how);
	else if (found->kind == FSCK_JOURNAL_GAP || found->kind == FSCK_JOURNAL_NUMBER)
		how.number = found->should;
	if (r <= 0)
		return r;
	r = fsck_pg_mend(f->pg, &f->job, found, &how, ret);
	if (r == 0 && *ret)
		shown(f, found);
	return r;
}

static int mend_leaked(struct fsck *f, const struct block_name *name, struct findings *to)
{
	const struct fsck_found found = {.kind = FSCK_BLOCK_LEAKED, .drive = name->drive, .should = name->generation};
	const struct fsck_mend how = {.number = name->generation, .bytes = span_of(name->sha256, sizeof(name->sha256))};
	bool mended = false;
	int r = f->job.repair ? fsck_pg_mend(f->pg, &f->job, &found, &how, &mended) : 0;

	return r == 0 && !mended ? findings_add(to, &found) : r;
}

/* ---- steps ---- */

static int check_block(
	struct fsck *f, const struct pg_result *page, int row, struct findings *found, struct fsck_counts *counts)
{
	struct block_name name = {.drive = f->job.at.drive, .generation = pg_number(page, row, FSCK_GENERATION)};
	const uint32_t size = (uint32_t)pg_number(page, row, FSCK_SIZE);
	struct fsck_found bad;
	int r;

	counts->blocks++;
	if (pg_bytes(page, row, FSCK_SHA256).size != sizeof(name.sha256)) {
		/* Bytes are stored under the whole hash, so there are none of this row. */
		bad = (struct fsck_found){.kind = FSCK_BLOCK_LOST, .drive = name.drive, .should = name.generation};
		return findings_add(found, &bad);
	}
	memcpy(name.sha256, pg_bytes(page, row, FSCK_SHA256).data, sizeof(name.sha256));
	r = judge_block(f, &name, size, &bad);
	if (r == 0 && bad.kind != 0) {
		r = fsck_pg_block_is(f->pg, &name);
		r = r > 0 ? add_users(f, &name, bad, found) : r;
	}
	if (r == 0 && pg_number(page, row, FSCK_LEAKED) != 0)
		r = mend_leaked(f, &name, found);
	counts->bytes += size;
	return r;
}

static int step_blocks(struct fsck *f)
{
	const int64_t until = clock_mono_ns() + FSCK_STEP_MS * NS_PER_MS;
	struct fsck_place to = f->job.at;
	struct fsck_counts counts = {0};
	struct findings found = {0};
	struct pg_result *page = NULL;
	int row = 0, r = fsck_pg_blocks(f->pg, &to, &page);

	while (r == 0 && row < pg_rows(page) && (row == 0 || clock_mono_ns() < until))
		r = check_block(f, page, row++, &found, &counts);
	/* A page with fewer rows than were asked for is the last one. After a failure one row is asked for. */
	if (r == 0 && row == pg_rows(page) && (uint32_t)row < f->job.at.page) {
		begin_phase(&to, FSCK_PHASE_JOURNAL);
	} else if (r == 0) {
		fsck_pg_go_on(&to, 0, pg_bytes(page, row - 1, FSCK_SHA256));
		to.page = FSCK_BLOCKS_MAX;
	}
	if (r == 0)
		r = move(f, &found, &to, counts);
	findings_fini(&found);
	pg_result_free(page);
	return r;
}

static int judge_rows(struct fsck *f, uint32_t drive, const struct pg_result *page, struct findings *found)
{
	int r = 0;

	for (int row = 0; r == 0 && row < pg_rows(page) && !pg_is_null(page, row, FSCK_KIND); row++) {
		const struct fsck_found one = {.kind = (int)pg_number(page, row, FSCK_KIND),
			.drive = f->job.at.phase == FSCK_PHASE_STRAYS ? (uint32_t)pg_number(page, row, FSCK_IS) : drive,
			.id = pg_number(page, row, FSCK_ID),
			.parent = pg_is_null(page, row, FSCK_PARENT) ? 0 : pg_number(page, row, FSCK_PARENT),
			.name = pg_is_null(page, row, FSCK_NAME) ? span_of(NULL, 0) : pg_bytes(page, row, FSCK_NAME),
			.is = pg_number(page, row, FSCK_IS),
			.should = pg_number(page, row, FSCK_SHOULD)};
		bool mended = false;

		if (one.kind <= 0 || one.kind >= FSCK_KINDS)
			return -EIO;
		r = mend(f, &one, &mended);
		if (r == 0 && !mended)
			r = findings_add(found, &one);
	}
	return r;
}

static int step_rows(struct fsck *f)
{
	const int64_t began = clock_mono_ns();
	struct fsck_place to = f->job.at;
	struct findings found = {0};
	struct fsck_counts counts = {0};
	struct pg_result *page = NULL;
	int r = fsck_pg_page(f->pg, &to, &page);

	if (r < 0)
		return r;
	fit_page(&to, clock_mono_ns() - began);
	counts.rows = pg_number(page, 0, FSCK_ROWS);
	r = judge_rows(f, f->job.at.drive, page, &found);
	if (r == 0 && pg_is_null(page, 0, FSCK_LAST)) {
		begin_phase(&to, to.phase + 1 <= FSCK_PHASE_SUMS ? to.phase + 1 : FSCK_PHASE_DRIVE);
		counts.drives = f->job.at.phase == FSCK_PHASE_SUMS;
		if (f->job.at.phase == FSCK_PHASE_STRAYS)
			to.phase = FSCK_PHASES;
	} else if (r == 0) {
		fsck_pg_go_on(&to, pg_number(page, 0, FSCK_LAST), pg_bytes(page, 0, FSCK_LAST_BYTES));
	}
	if (r == 0)
		r = move(f, &found, &to, counts);
	findings_fini(&found);
	pg_result_free(page);
	return r;
}

/* Gives documents of the next drive the types back that they have lost. What cannot be mended is left to the phase of
 * the documents, which reports it. */
static int step_types(struct fsck *f, uint32_t drive)
{
	const struct findings nothing = {0};
	const int64_t began = clock_mono_ns();
	struct fsck_place to = f->job.at;
	struct findings found = {0};
	struct fsck_counts counts = {0};
	struct pg_result *page = NULL;
	int r = fsck_pg_types(f->pg, &to, drive, &page);

	if (r < 0)
		return r;
	fit_page(&to, clock_mono_ns() - began);
	counts.rows = pg_number(page, 0, FSCK_ROWS);
	r = judge_rows(f, drive, page, &found);
	if (pg_is_null(page, 0, FSCK_LAST)) {
		to.drive = drive;
		begin_phase(&to, FSCK_PHASE_ENTRIES);
	} else {
		to.number = pg_number(page, 0, FSCK_LAST);
	}
	if (r == 0)
		r = move(f, &nothing, &to, counts);
	findings_fini(&found);
	pg_result_free(page);
	return r;
}

static int step_drive(struct fsck *f)
{
	const struct findings nothing = {0};
	struct fsck_place to = f->job.at;
	int r = fsck_pg_next_drive(f->pg, to.drive, &to.drive);

	if (r == 0 && f->job.repair)
		return step_types(f, to.drive);
	if (r == 0) {
		begin_phase(&to, FSCK_PHASE_ENTRIES);
	} else if (r == -ENOENT) {
		begin_phase(&to, FSCK_PHASE_STRAYS);
		r = 0;
	}
	return r < 0 ? r : move(f, &nothing, &to, (struct fsck_counts){0});
}

static int step(struct fsck *f)
{
	switch (f->job.at.phase) {
	case FSCK_PHASE_DRIVE:
		return step_drive(f);
	case FSCK_PHASE_BLOCKS:
		return step_blocks(f);
	case FSCK_PHASES:
		log_info(NULL, "op=fsck run=%" PRId64 " outcome=\"the whole store was looked at\"", f->job.run);
		return fsck_pg_end(f->pg, &f->job, DOCS_FSCK_OVER);
	default:
		return step_rows(f);
	}
}

/* ---- the thread ---- */

static bool rest(struct fsck *f, int64_t ns)
{
	const int64_t until = clock_mono_ns() + ns;
	bool stopping;

	pthread_mutex_lock(&f->lock);
	while (!f->stopping && !f->look && cond_wait_until(&f->wake, &f->lock, until))
		;
	f->look = false;
	stopping = f->stopping;
	pthread_mutex_unlock(&f->lock);
	return !stopping;
}

/* The database would refuse the same step again: then the run must end, or it would try forever. */
static void failed(struct fsck *f, int r)
{
	if (r == -ESTALE) /* the run was stopped, or another instance has it */
		return;
	log_warning(NULL,
		"op=fsck run=%" PRId64 " phase=%d drive=%" PRIu32 " error=%d text=\"%s\" outcome=\"tried again\"",
		f->job.run, f->job.at.phase, f->job.at.drive, r, pg_error(f->pg));
	f->failures += r == -EIO;
	if (f->failures < FSCK_TRIES_MAX)
		return;
	log_error(NULL, "op=fsck run=%" PRId64 " outcome=\"given up\"", f->job.run);
	if (fsck_pg_end(f->pg, &f->job, DOCS_FSCK_FAILED) == 0)
		f->failures = 0;
}

static void *fsck_main(void *cookie)
{
	int64_t pause = FSCK_LOOK_MS * NS_PER_MS;
	struct fsck *f = cookie;

	while (rest(f, pause)) {
		const int64_t began = clock_mono_ns();
		int r = fsck_pg_take(f->pg, &f->job);

		pause = FSCK_LOOK_MS * NS_PER_MS;
		if (r <= 0)
			continue;
		if (f->failures > 0)
			f->job.at.page = 1;
		r = step(f);
		if (r < 0) {
			failed(f, r);
			continue;
		}
		f->failures = 0;
		pause = clock_mono_ns() - began;
	}
	return NULL;
}

int fsck_new(struct docs *docs, const char *conninfo, struct fsck **ret)
{
	struct fsck *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	f->docs = docs;
	(void)snprintf(f->job.holder, sizeof(f->job.holder), "%08" PRIx32 "%08" PRIx32, arc4random(), arc4random());
	pthread_mutex_init(&f->lock, NULL);
	cond_init(&f->wake);
	f->buffer = malloc(FSCK_READ_BYTES);
	r = f->buffer ? pg_new(conninfo, &f->pg) : -ENOMEM;
	if (r == 0)
		r = -pthread_create(&f->thread, NULL, fsck_main, f);
	f->running = r == 0;
	if (r < 0) {
		fsck_free(f);
		return r;
	}
	*ret = f;
	return 0;
}

void fsck_wake(struct fsck *f)
{
	pthread_mutex_lock(&f->lock);
	f->look = true;
	pthread_cond_broadcast(&f->wake);
	pthread_mutex_unlock(&f->lock);
}

void fsck_free(struct fsck *f)
{
	if (!f)
		return;
	pthread_mutex_lock(&f->lock);
	f->stopping = true;
	pthread_cond_broadcast(&f->wake);
	pthread_mutex_unlock(&f->lock);
	if (f->running)
		pthread_join(f->thread, NULL);
	pg_free(f->pg);
	free(f->buffer);
	pthread_cond_destroy(&f->wake);
	pthread_mutex_destroy(&f->lock);
	free(f);
}
