#include "backend/docs/mover.h"

#include "backend/docs/block_stores.h"
#include "backend/docs/blocks/packing.h"
#include "backend/docs/core/failpoint.h"
#include "backend/docs/rows/pg/block_place.h"
#include "backend/docs/rows/pg/docs_pg.h"
#include "backend/service/service.h"
#include "common/base/config.h"
#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/sha256.h"
#include "common/base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * A move has three steps, which the row of block_place records.
 *
 * The first step writes the target into that row, under a new step number. The statement waits for all
 * transactions that write the row of a block under the old step, and no such transaction can begin afterwards.
 * So every block that has a row now and is not in the target existed before, and the list of rows, in the order
 * of their key, has it. New blocks are put into the target.
 *
 * Some blocks may have lost their rows although documents use them; fsck makes such a row again as long as the
 * bytes exist. So before the list, the mover walks through all extents and copies the blocks without a row. In
 * this order no repair that runs meanwhile can make a row behind the mover's back: a block has a row when its
 * extents are looked at, and is in the list afterwards, or it has none and is copied at once.
 *
 * The second step walks through the list a page at a time, on several threads. Blocks are copied as they are
 * stored, short or plain, and checked by their hash before and after. A block that is in the target already was
 * put there by an earlier run. A block that is missing and has no row was collected meanwhile. After each page
 * the place in the list is written down. If a block is missing, damaged or unreadable, the place is not switched:
 * the block is logged, and an administrator must decide.
 *
 * The third step is the switch, one statement. Then nothing refers to the blocks in the old store, and they are
 * removed; a service that still reads there does not find them, and looks up the place. Every step may be
 * repeated.
 *
 * The settings may name the folder or bucket of another store by mistake. So a block is removed there only if the
 * database has a row of it or the new store has it, and only until the old store was empty once. And before the
 * first step, a trial block shows that the new store takes blocks: from that step on, the services put theirs there.
 *
 * A move that has begun is taken back by the opposite one, which goes through the same steps: the row then says
 * that blocks move to where they came from, and those that lie there already need no copy.
 */

#define BAD_MAX 1000	     /* blocks that are logged: a disk that fails altogether must not fill the log */
#define TRIAL_DRIVE 1	     /* any; no block has a name with a hash of random bytes */
#define EVERYTHING_S (-3600) /* a cutoff one hour in the future: all blocks are older */

struct mover {
	struct pg *pg;
	struct docs_store *store; /* on the same connection */
	struct block_store *stores[BLOCK_KINDS];
	struct block_store *from, *to;
	enum block_kind from_kind, to_kind;
	struct failpoint failpoint;
	pthread_mutex_t lock; /* guards all below */
	struct block_name page[BLOCK_PLACE_PAGE];
	size_t count, next;
	const char *faults[BLOCK_PLACE_PAGE]; /* why the block is not complete in the new store; NULL: it is */
	bool rowless;			      /* the blocks of the page have no row, and documents use them */
	uint64_t bad, removed, unknown;	      /* unknown: blocks in the old store that are not of this database */
	int error;			      /* ends the move */
	bool refused;			      /* the log says why already, and another try would end in the same way */
};

/* ---- one block ---- */

/* Whether these are the plain bytes or the short form of the block of that name. -EBADMSG: they are neither. */
static int check_bytes(struct span stored, const struct block_name *name)
{
	uint8_t digest[SHA256_BYTES];
	size_t size;
	char *plain;
	int r = sha256_of(stored, digest);

	if (r < 0 || memcmp(digest, name->sha256, sizeof(digest)) == 0)
		return r;
	r = packing_unpack(stored, &plain, &size);
	if (r < 0)
		return r;
	r = sha256_of(span_of(plain, size), digest);
	free(plain);
	return r == 0 && memcmp(digest, name->sha256, sizeof(digest)) != 0 ? -EBADMSG : r;
}

/* room: BLOCK_BYTES_MAX + 1 bytes. */
static int read_checked(struct block_store *s, const struct block_name *name, char *room, uint32_t *ret_size)
{
	const int r = s->ops->get(s, name, 0, room, BLOCK_BYTES_MAX + 1, ret_size);

	return r == 0 ? check_bytes(span_of(room, *ret_size), name) : r;
}

static int put_checked(struct mover *m, const struct block_name *name, char *room, uint32_t size)
{
	int r = m->to->ops->put(m->to, name, span_of(room, size));

	if (r == 0)
		r = read_checked(m->to, name, room, &size);
	/* the damaged block that was there has been removed: another program writes it */
	return r == -EEXIST ? -EBADMSG : r;
}

/* Of a failure to read that says something about the block alone. NULL: it says nothing about the block. */
static const char *fault_of(int error)
{
	switch (error) {
	case -ENOENT:
	case -EBADMSG:
		return "missing or damaged; it stays where it is";
	case -EIO:
		return "it cannot be read; does its file belong to another user, or does the disk fail?";
	default:
		return NULL;
	}
}

/* 0: the block is in the target, complete, or *ret_fault says why not. A failure says nothing about the block. */
static int copy(struct mover *m, const struct block_name *name, char *room, const char **ret_fault)
{
	uint32_t size;
	int r = read_checked(m->to, name, room, &size);

	if (r == -EIO)
		*ret_fault = "it is in the target already, and cannot be read there";
	if (r == 0 || r == -EIO)
		return 0;
	const bool damaged = r == -EBADMSG;
	if (damaged || r == -ENOENT)
		r = read_checked(m->from, name, room, &size);
	*ret_fault = fault_of(r);
	if (*ret_fault)
		return 0;
	if (r == 0 && damaged)
		r = m->to->ops->remove(m->to, name);
	if (r == 0)
		r = put_checked(m, name, room, size);
	if (r == 0)
		failpoint_after_change(&m->failpoint, "move-copy");
	if (r != -ENOENT && r != -EBADMSG)
		return r;
	*ret_fault = "another program changed it in the target meanwhile";
	return 0;
}

static void log_block(const struct block_name *name, const char *outcome)
{
	char hex[SHA256_HEX_SIZE];

	text_hex(name->sha256, sizeof(name->sha256), hex);
	log_error(NULL, "op=move drive=%" PRIu32 " block=%s outcome=\"%s\"", name->drive, hex, outcome);
}

/* ---- a page ---- */

static bool next_of(struct mover *m, size_t *ret)
{
	pthread_mutex_lock(&m->lock);
	const bool more = m->error == 0 && m->next < m->count;
	if (more)
		*ret = m->next++;
	pthread_mutex_unlock(&m->lock);
	return more;
}

static void *copy_some(void *cookie)
{
	struct mover *m = cookie;
	char *room = malloc(BLOCK_BYTES_MAX + 1);
	size_t i = 0;

	while (next_of(m, &i)) {
		const char *fault = NULL;
		const int r = room ? copy(m, &m->page[i], room, &fault) : -ENOMEM;

		if (r < 0)
			log_block(&m->page[i], "it could not be copied; the move ends here");
		pthread_mutex_lock(&m->lock);
		m->faults[i] = fault;
		if (r < 0)
			m->error = r;
		pthread_mutex_unlock(&m->lock);
	}
	free(room);
	return NULL;
}

/* A block of the list that was not found, and has no row any more, was collected meanwhile. */
static int judge_faults(struct mover *m)
{
	bool stray[BLOCK_PLACE_PAGE] = {false};
	int r = m->rowless ? 0 : m->store->ops->blocks_strays(m->store, m->page, m->count, stray);

	for (size_t i = 0; r == 0 && i < m->count; i++) {
		if (!m->faults[i] || stray[i])
			continue;
		log_block(&m->page[i], m->faults[i]);
		m->bad++;
	}
	return r;
}

static int copy_page(struct mover *m)
{
	pthread_t threads[MOVER_THREADS];
	unsigned count = 0;

	m->next = 0;
	memset(m->faults, 0, sizeof(m->faults));
	while (count < MOVER_THREADS && pthread_create(&threads[count], NULL, copy_some, m) == 0)
		count++;
	if (count == 0)
		return -EAGAIN;
	for (unsigned i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	return m->error < 0 ? m->error : judge_faults(m);
}

/* ---- the steps ---- */

static int copy_rowless(struct mover *m)
{
	struct block_place_extent at = {0};
	uint64_t found = 0;
	int r = 0;

	m->rowless = true;
	while (r == 0 && m->bad < BAD_MAX) {
		r = block_place_lost(m->pg, &at, m->page, &m->count);
		if (r == 0 && m->count > 0) {
			found += m->count;
			r = copy_page(m);
		}
	}
	m->rowless = false;
	if (found > 0)
		log_warning(NULL,
			"op=move blocks=%" PRIu64
			" outcome=\"documents use these blocks, which have no row; they move, too, and nephos fsck --repair makes the rows\"",
			found);
	return r == -ENOENT ? 0 : r;
}

static int copy_all(struct mover *m, struct block_place_row *row)
{
	int r = copy_rowless(m);

	for (m->count = 1; r == 0 && m->count > 0 && m->bad < BAD_MAX;) {
		r = block_place_page(m->pg, row, m->page, &m->count);
		if (r < 0 || m->count == 0)
			break;
		r = copy_page(m);
		const struct block_name *last = &m->page[m->count - 1];
		if (r == 0 && m->bad == 0) /* else the next run must look at these blocks again */
			r = block_place_progress(m->pg, row->place.step, last, m->count);
		if (r < 0)
			break;
		row->drive = last->drive;
		memcpy(row->sha256, last->sha256, sizeof(row->sha256));
		row->begun = true;
		if (m->bad > 0)
			continue;
		row->moved += (int64_t)m->count;
		log_info(NULL, "op=move moved=%" PRId64, row->moved);
		failpoint_after_change(&m->failpoint, "move-page");
	}
	if (r == 0 && m->bad > 0) {
		log_error(NULL,
			"op=move bad=%" PRIu64 " outcome=\"nothing is switched before these are whole, or gone\"",
			m->bad);
		r = -EBADMSG;
	}
	return r;
}

/* ---- the old store ---- */

/* Whether a block of the old store is one of this database; stray: it has no row. */
static int is_known(struct mover *m, const struct block_name *name, bool stray, bool *ret)
{
	uint32_t size;
	int r = 0;

	if (stray && m->from_kind != BLOCK_KIND_PG)
		r = m->to->ops->size(m->to, name, &size);
	*ret = r == 0;
	return r == -ENOENT ? 0 : r;
}

/* Removes the blocks of the page from the old store, apart from those that are not of this database. */
static int remove_page(struct mover *m)
{
	bool stray[BLOCK_PLACE_PAGE] = {false};
	const size_t count = m->count;
	bool known;
	int r = m->store->ops->blocks_strays(m->store, m->page, count, stray);

	m->count = 0;
	for (size_t i = 0; r == 0 && i < count; i++) {
		r = is_known(m, &m->page[i], stray[i], &known);
		if (r == 0 && !known)
			m->unknown++;
		if (r < 0 || !known)
			continue;
		r = m->from->ops->remove(m->from, &m->page[i]);
		m->removed += r == 0;
		if (r == 0)
			failpoint_after_change(&m->failpoint, "move-remove");
	}
	return r;
}

static int collect_one(const struct block_name *name, void *cookie)
{
	struct mover *m = cookie;

	m->page[m->count++] = *name;
	return m->count == BLOCK_PLACE_PAGE ? remove_page(m) : 0;
}

static int remove_all(struct mover *m)
{
	uint32_t folder = 0;
	int r;

	m->count = 0;
	do {
		r = m->from->ops->each(m->from, &folder, EVERYTHING_S, collect_one, m);
		if (r == 0)
			r = remove_page(m);
	} while (r == 0 && folder != 0);
	if (r == 0 && m->unknown > 0)
		log_warning(NULL,
			"op=move from=%s blocks=%" PRIu64
			" outcome=\"these blocks stay there: this database does not know them, and they may be those of another store\"",
			block_kind_name(m->from_kind), m->unknown);
	return r;
}

/* ---- all of it ---- */

static int refuse(struct mover *m, const char *what)
{
	log_error(NULL, "op=move outcome=\"%s\"", what);
	m->refused = true;
	return -EINVAL;
}

/* Puts a block into the new store, reads it and removes it: as long as that fails, no service may be sent there. */
static int try_target(struct mover *m)
{
	char text[2 * SHA256_BYTES + 1], back[sizeof(text)];
	struct block_name name = {.drive = TRIAL_DRIVE};
	uint32_t size = 0;
	int r = text_random_hex(SHA256_BYTES, text);

	if (r == 0)
		r = sha256_of(span_of(text, sizeof(text)), name.sha256);
	if (r == 0)
		r = m->to->ops->put(m->to, &name, span_of(text, sizeof(text)));
	if (r == 0)
		r = m->to->ops->get(m->to, &name, 0, back, sizeof(back), &size);
	if (r == 0 && (size != sizeof(text) || memcmp(text, back, sizeof(text)) != 0))
		r = -EBADMSG;
	if (r == 0)
		r = m->to->ops->remove(m->to, &name);
	if (r < 0) {
		log_error(NULL,
			"op=move to=%s error=%d text=\"%s\" outcome=\"a trial block could not be stored there; the move has not begun\"",
			block_kind_name(m->to_kind), r, error_text(r));
		m->refused = true;
	}
	return r;
}

/* Begins the move, or turns round the opposite one, which has not ended. */
static int begin(struct mover *m, struct block_place_row *row)
{
	const bool turn = row->place.target != BLOCK_KINDS;
	int r = try_target(m);

	if (r == 0)
		r = turn ? block_place_turn(m->pg, row->place.step)
			 : block_place_begin(m->pg, row->place.step, m->to_kind);
	if (r == 0)
		r = block_place_read(m->pg, row);
	if (r == 0 && turn)
		log_info(NULL, "op=move outcome=\"the move from %s to %s is taken back\"", block_kind_name(m->to_kind),
			block_kind_name(m->from_kind));
	if (r == 0)
		failpoint_after_change(&m->failpoint, "move-begin");
	return r;
}

static int copy_and_switch(struct mover *m, struct block_place_row *row)
{
	int r = copy_all(m, row);

	if (r == 0)
		r = block_place_switch(m->pg, row->place.step);
	if (r == 0)
		r = block_place_read(m->pg, row);
	if (r < 0)
		return r;
	log_info(NULL, "op=move outcome=\"blocks lie in %s from now on\"", block_kind_name(m->to_kind));
	failpoint_after_change(&m->failpoint, "move-switch");
	return 0;
}

static bool is_at(const struct block_place_row *row, enum block_kind kind, enum block_kind target)
{
	return row->place.kind == kind && row->place.target == target;
}

static int move(struct mover *m)
{
	struct block_place_row row = {.moved = 0};
	int r = block_place_lock(m->pg);

	if (r == -EBUSY)
		return refuse(m, "another move is under way");
	if (r == 0)
		r = block_place_read(m->pg, &row);
	if (r == -ENOENT)
		return refuse(m, "no docs service has been started on this database yet");
	if (r == 0 && (is_at(&row, m->from_kind, BLOCK_KINDS) || is_at(&row, m->to_kind, m->from_kind)))
		r = begin(m, &row);
	if (r == 0 && is_at(&row, m->from_kind, m->to_kind))
		r = copy_and_switch(m, &row);
	if (r < 0)
		return r;
	if (!is_at(&row, m->to_kind, BLOCK_KINDS)) {
		log_error(NULL, "op=move kind=%s target=%s outcome=\"blocks lie, or move, elsewhere\"",
			block_kind_name(row.place.kind), block_kind_name(row.place.target));
		m->refused = true;
		return -EINVAL;
	}
	if (row.begun)
		r = remove_all(m);
	if (r == 0 && row.begun && m->unknown == 0)
		r = block_place_emptied(m->pg, row.place.step);
	return r;
}

/* ---- start ---- */

/* The services must be able to read what the mover puts into files, and only the user of a file can. So the mover runs
 * as the user to whom the folder belongs, which is the services' one, and never as root beside them. */
static int check_owner(struct mover *m, const char *folder)
{
	char uid[24];
	struct stat st;

	if (stat(folder, &st) < 0 || st.st_uid == geteuid())
		return 0; /* a folder that does not exist yet will be of this user */
	const struct passwd *owner = getpwuid(st.st_uid);
	(void)snprintf(uid, sizeof(uid), "%u", (unsigned)st.st_uid);
	const char *name = owner ? owner->pw_name : uid;
	log_error(NULL,
		"op=move folder=\"%s\" outcome=\"the folder belongs to the user %s, and so must the files in it, or the services cannot read them; run this as that user: runuser -u %s -- nephos-docs ...\"",
		folder, name, name);
	m->refused = true;
	return -EPERM;
}

static int parse(struct mover *m, const struct config *config, const char *text)
{
	const char *colon = strchr(text, ':');

	if (!colon || block_kind_parse(span_of(text, (size_t)(colon - text)), &m->from_kind) < 0 ||
		block_kind_parse(span_str(colon + 1), &m->to_kind) < 0 || m->from_kind == m->to_kind)
		return refuse(m, "--blocks-move is FROM:TO, two of dir, pg and s3");
#ifdef NEPHOS_FAILPOINTS
	if (failpoint_parse(config_text(config, "failpoint"), &m->failpoint) < 0)
		return refuse(m, "no such failpoint");
#endif
	int r = 0;

	if ((m->from_kind == BLOCK_KIND_DIR || m->to_kind == BLOCK_KIND_DIR) && config_has(config, "blocks-dir"))
		r = check_owner(m, config_text(config, "blocks-dir"));
	if (r == 0)
		r = block_stores_each(config, m->stores);
	if (r < 0)
		return r;
	m->from = m->stores[m->from_kind];
	m->to = m->stores[m->to_kind];
	return !m->from || !m->to ? refuse(m, "the settings must say how to reach both stores") : 0;
}

int mover_run(struct service *s, const char *text)
{
	const struct config *config = service_config(s);
	struct mover *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	pthread_mutex_init(&m->lock, NULL);
	r = parse(m, config, text);
	if (r == 0)
		r = pg_new(config_text(config, "database"), &m->pg);
	if (r == 0)
		r = service_migrate(s, m->pg);
	if (r == 0)
		r = docs_pg_new(m->pg, NULL, &m->store);
	if (r == 0)
		r = move(m);
	if (r == 0)
		log_info(NULL, "op=move from=%s to=%s removed=%" PRIu64 " outcome=\"done\"",
			block_kind_name(m->from_kind), block_kind_name(m->to_kind), m->removed);
	else if (!m->refused)
		log_error(NULL, "op=move error=%d text=\"%s\" outcome=\"not done; started again it goes on\"", r,
			error_text(r));
	if (m->store)
		m->store->ops->free(m->store);
	pg_free(m->pg);
	block_stores_close(m->stores);
	pthread_mutex_destroy(&m->lock);
	free(m);
	return r;
}
