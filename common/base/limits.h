/*
 * limits: every limit that more than one module knows, with its unit and its reason.
 * A limit that only one module knows stands in that module's header. Relations between limits are static assertions.
 */
#ifndef NEPHOS_BASE_LIMITS_H
#define NEPHOS_BASE_LIMITS_H

#include <assert.h>

#define NAME_BYTES_MAX 255u		 /* a document's name: what Linux file systems allow */
#define PATH_BYTES_MAX 4096u		 /* PATH_MAX; also bounds the symlink target */
#define XATTR_NAME_BYTES_MAX 255u	 /* XATTR_NAME_MAX */
#define XATTR_VALUE_BYTES_MAX 65536u	 /* XATTR_SIZE_MAX */
#define XATTRS_PER_ITEM_BYTES_MAX 65536u /* XATTR_LIST_MAX: names of one document together */
#define XATTRS_PER_ITEM_TOTAL_MAX \
	(1024u * 1024) /* names and values of one document together: a mount keeps all of them or none */
#define XATTRS_PAGE_BYTES_MAX \
	(256u * 1024)	 /* and of one page of them: four of the largest; what documents have every day is one page */
#define LINKS_MAX 65000u /* hard links of one document: ext4's limit */

#define BLOCK_BYTES_MAX (4u * 1024 * 1024) /* one block: SHA-256 of it takes 4 ms, a hop 2 ms; a worker's buffer */
#define BLOCK_PART_BYTES_MAX \
	(1024u *             \
		1024) /* part of a block whose answer carries a digest: it is made in memory before its head goes out */
#define INLINE_BYTES_MAX (32u * 1024) /* content that lies in the database: below it a block costs more than a row */
#define FILE_BYTES_MAX (1ull << 50)   /* 1 PiB: sums of sizes stay far from 2^63 */

#define OPS_PER_BATCH_MAX 4096u /* ops in one batch: bounds the time a drive is held */
/* extents that a batch reads, and that it makes; folders above those it moves into: 32 MiB, a second. Bare, as it
 * stands in SQL too */
#define BATCH_ROWS_MAX 65536
#define BATCH_LOADED_BYTES_MAX \
	134217728 /* inline content that it reads: what a mount changes at once may lie in 4096 pieces of 32 KiB */
#define BATCH_CLONED_BYTES_MAX 33554432		/* inline content that its clones copy; blocks are not copied */
#define JSON_BYTES_MAX (1024u * 1024)		/* JSON body of any request */
#define JSON_DEPTH_MAX 32u			/* nesting; nothing of ours goes beyond 6 */
#define BATCH_BYTES_MAX (8u * 1024 * 1024)	/* a batch with data (vnd.nephos.ops) */
#define BATCH_HEAD_BYTES_MAX (2u * 1024 * 1024) /* its JSON head: 4096 ops of 512 bytes */
#define BATCH_DATA_BYTES_MAX (4u * 1024 * 1024) /* its data: inline content of the files of one batch */
#define CONTENT_BYTES_MAX (64ull << 30)		/* one PUT of content: a request that runs for hours helps nobody */

#define PAGE_ITEMS_DEFAULT 100u	      /* items of a page when the caller says nothing */
#define PAGE_ITEMS_MAX 1000u	      /* and at most */
#define COMPACT_PAGE_ITEMS_MAX 10000u /* the compact form is for mounts: 10,000 items are about 1.5 MiB */
#define CHANGES_PAGE_MAX 1000u	      /* journal entries in one answer */
#define POLL_WAIT_S_MAX 60u	      /* long poll: below the idle limits of common proxies */

#define HEADER_BYTES_MAX (16u * 1024) /* request line and header fields: more is 431 */
#define IDEMPOTENCY_KEY_BYTES_MAX 255u
#define IDEMPOTENCY_HOURS 24u /* how long a key is remembered */
#define SESSION_TIMEOUT_S \
	600u /* a mount that does not poll for so long is gone: twenty times the outage that is waited out */
/* a mount that holds file locks and is silent for so long may lose them: an outage that is waited out and a poll fit */
#define LOCK_LEASE_S 60u
#define LOCK_RANGES_MAX \
	4096u /* that a mount holds of one document: bounds a request, and what others are compared with */
/* of the rows in which the locks of a drive lie: 100,000 of one range. Bare, for SQL */
#define LOCKS_BYTES_PER_DRIVE_MAX 16777216
#define LOCK_WAIT_S 20u /* of one request that waits for a lock; then it asks again */
/* a mount that was heard of within this counts as present to the others: the longest poll, and the steps in which that
 * is written down */
#define SESSION_PRESENT_S 100u
/* in use, in the trash, and not removed yet: each has a journal, sessions, and room of its own beside the quota. Bare,
 * for SQL */
#define DRIVES_PER_USER_MAX 32
#define DOCUMENTS_BASE 4096 /* documents that a user with a quota may have, whatever it is. Bare, for SQL */
/* and one more for so much of it, as ext4 makes inodes; its rows take a tenth of that, with a long name a quarter.
 * Bare, for SQL */
#define DOCUMENT_QUOTA_BYTES 4096
/* extents beyond the first of each document that a user with a quota may have, whatever it is: some 5 MB of rows for
 * what is written in pieces below a page. Bare, for SQL */
#define EXTENTS_BASE 16384
/* and one more for so much of it: who writes whole pages never meets the limit before the quota. Bare, for SQL */
#define EXTENT_QUOTA_BYTES 4096
/* of one document: 4 GiB of pages that were written one by one. All of them go by one statement when its content is
 * replaced, which must be over long before the statement's time is */
#define EXTENTS_PER_DOCUMENT_MAX 1048576
/* of a drive: who is further behind is told so (410), and looks at the documents instead. Bare, for SQL */
#define JOURNAL_ROWS_KEPT 100000
#define JOURNAL_HOURS_KEPT \
	1 /* and what is younger: a mount that has lost an answer reads what became of its batch. Bare, for SQL */
#define JOURNAL_ROWS_MAX 1000000 /* but never more: 162 bytes each, as measured. Bare, for SQL */
/* of the answers kept under keys with a drive: the oldest go before their day is over … Bare, for SQL */
#define KEPT_ANSWERS_BYTES_MAX 67108864
#define KEPT_ANSWERS_MINUTES 10 /* … but not within this, in which a repeat may be under way. Bare, for SQL */
/* of blocks beside twice a quota: what is on its way, and what was let go a moment ago. Bare, for SQL */
#define BLOCKS_SLACK_BYTES 16777216
/* least that a block counts there: its file takes a page of the disk, however short it is. Bare, for SQL */
#define BLOCK_COUNTED_MIN 4096
/* a block that came and that nothing has referred to yet stays at least so long, however short of room its owner is: a
 * batch may be about to name it */
#define BLOCKS_YOUNG_S 120
#define SESSIONS_PER_DRIVE_MAX 256 /* each keeps its last answer. Bare, for SQL */
#define SESSION_HOLDS_MAX 32768	   /* documents without a name that a mount has open: what fits one poll */
#define TRASH_DAYS \
	30u /* that a drive stays in the trash, charged to its owner's account, before it is removed for good */
/* a document that lost its last name stays at least so long, for mounts that have it open and have not said so yet:
 * their polls take at most half of it. Bare, for SQL */
#define ORPHAN_GRACE_S 120
#define IDS_PER_RESERVATION_MAX 65536u /* document numbers reserved at once; 2^32 a drive */
#define TOKEN_CACHE_S 5u	       /* a gateway keeps what a token means at most so long */
#define TRACE_BYTES_MAX 64u

/* A gateway believes so long what a service says is a user's `home`, counted from before it asked, on a clock that goes
 * on while the machine sleeps. A restore that makes it another drive is answered when nobody believes so any more: long
 * enough that few requests ask, short enough to wait for. */
#define RING_HOME_BELIEVED_MS 2000

/* That one gateway has under way at services at once, and some that it keeps open: its shares add up to less
 * (gateway/access/share_policy.c). */
#define GATEWAY_CALLS_MAX 9216u
#define SERVICE_CONNECTIONS_SPARE 512u /* of a service, for other services, and who looks at it */

static_assert(BATCH_HEAD_BYTES_MAX + BATCH_DATA_BYTES_MAX + 4 <= BATCH_BYTES_MAX, "a legal batch fits its body limit");
static_assert(BLOCK_PART_BYTES_MAX <= BLOCK_BYTES_MAX, "a part of a block is no more than a block");
static_assert(2 * POLL_WAIT_S_MAX <= ORPHAN_GRACE_S, "a mount says in time what it has open");
static_assert(XATTR_NAME_BYTES_MAX + XATTR_VALUE_BYTES_MAX <= XATTRS_PAGE_BYTES_MAX, "each page has one at least");
static_assert(XATTR_NAME_BYTES_MAX <= NAME_BYTES_MAX, "the cursor of a page has room for the name of an xattr");
static_assert(INLINE_BYTES_MAX <= BLOCK_BYTES_MAX, "what is not inline fits a block");

#endif
