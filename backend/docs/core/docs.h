/*
 * docs: what the handlers of the docs service share. docs_service makes it at the start; afterwards it is
 * read-only (the objects that it points to have their own locks): any thread.
 */
#ifndef NEPHOS_DOCS_DOCS_H
#define NEPHOS_DOCS_DOCS_H

#include "backend/docs/blocks/block_store.h"
#include "backend/docs/rules/commit.h"
#include "backend/docs/core/failpoint.h"
#include "backend/docs/core/rows_disk.h"
#include "common/base/metrics.h"
#include "common/proto/cap.h"
#include "common/trust/cluster.h"

#include <pthread.h>

#define DOCS_STORES_MAX 512 /* one for each worker of both pools: twice WORKERS_MAX */

struct docs_metrics {
	struct metric *block_bytes_in, *block_bytes_out;
	struct metric *inline_bytes_in, *inline_bytes_out;
	struct metric *ops[OP_KINDS];
	struct metric *batches, *transactions;
	struct metric *polls;			  /* waiting now */
	struct metric *lock_waits;		  /* waiting for file locks now */
	struct metric *uploads, *uploads_waiting; /* running now, and waiting now */
	struct metric *blocks_collected;
};

struct pg;
struct service;
struct standbys;
struct docs_worker { /* the store on the connection of a worker */
	struct pg *pg;
	struct docs_store *store;
};

struct docs {
	struct service *service;
	struct commit *commit;
	struct drive_cache *drive_cache;
	struct pg *database;	   /* only tells the timeline; never connects */
	struct standbys *standbys; /* NULL: the primary answers all reads */
	struct block_store *blocks;
	struct timer *timer;
	struct feed *feed;
	struct feed *lock_feed; /* waiters for file locks, by drive */
	struct lock_turns *lock_turns;
	struct notifier *notifier;
	struct users *users;
	struct uploads *uploads;
	struct id_ranges *id_ranges;
	struct upkeep *upkeep;
	struct fsck *fsck;
	struct workers *slow;			   /* workers for jobs that hash or wait for disks */
	pthread_mutex_t cap_lock;		   /* guards the next two; held only for a copy */
	struct cap_key cap_keys[CLUSTER_KEYS_MAX]; /* the first one signs; all of them are accepted */
	size_t cap_key_count;
	struct docs_metrics metrics;
	struct failpoint failpoint;
	int64_t default_quota;	     /* of a user's first drive; 0: none */
	unsigned file_grace_s;	     /* how long the file of a block may lie without a row */
	int64_t blocks_reserve;	     /* bytes of the disk that blocks leave free */
	struct rows_disk *rows_disk; /* the disk of the database; NULL: not checked */
	/* a block without references stays at least so long, however short of room its owner is */
	unsigned block_young_s;
	unsigned lock_lease_s; /* how long a mount that holds file locks may be silent */
	pthread_mutex_t lock;  /* guards workers */
	struct docs_worker workers[DOCS_STORES_MAX];
};

/* Runs job on a worker, with that worker's store. party: for whom (workers_submit). -EAGAIN: too many jobs wait.
 * `docs` is a struct docs; its type lets this function serve as commit_options.run_on_worker, too. */
int docs_run(void (*job)(struct docs_store *store, void *cookie), void *cookie, void *docs, int64_t party);
/* The same on the workers for blocks, so that jobs which hash or wait for disks never make a look-up wait. */
int docs_run_slow(void (*job)(struct docs_store *store, void *cookie), void *cookie, struct docs *docs, int64_t party);

/* Makes everybody who waits for changes of the drive look, here and at the other instances; for changes without
 * a journal entry. */
void docs_tell(struct docs *docs, uint32_t drive);

/* Makes a capability to read a block (cap.h), signed with the store's present key. */
void docs_cap_sign(struct docs *docs, uint32_t drive, const struct extent *block, int64_t now_s, char *ret);
int docs_cap_check(
	struct docs *docs, uint32_t drive, const uint8_t sha256[32], const char *cap, int64_t *ret_generation);

/* The store's keys have changed: derives the keys for capabilities anew. For service_options.keys_changed. */
void docs_keys_changed(void *docs);

#endif
