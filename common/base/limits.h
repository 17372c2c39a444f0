/*
 * limits: every limit that more than one module uses, with its unit and its reason. A limit that only one module
 * uses stands in that module's header. Relations between limits are static assertions. "Bare, for SQL" marks a
 * plain number without a suffix, because SQL statements contain it, too.
 */
#ifndef NEPHOS_BASE_LIMITS_H
#define NEPHOS_BASE_LIMITS_H

#include <assert.h>

#define NAME_BYTES_MAX 255u		 /* a document's name: what Linux file systems allow */
#define PATH_BYTES_MAX 4096u		 /* PATH_MAX; also bounds the symlink target */
#define XATTR_NAME_BYTES_MAX 255u	 /* XATTR_NAME_MAX */
#define XATTR_VALUE_BYTES_MAX 65536u	 /* XATTR_SIZE_MAX */
#define XATTRS_PER_ITEM_BYTES_MAX 65536u /* XATTR_LIST_MAX: all names of one document together */
#define XATTRS_PER_ITEM_TOTAL_MAX \
	(1024u * 1024) /* names and values of one document together: a mount keeps all or none */
#define XATTRS_PAGE_BYTES_MAX \
	(256u * 1024)	 /* of one page of them: four of the largest; usual documents need one page */
#define LINKS_MAX 65000u /* hard links of one document: ext4's limit */

#define BLOCK_BYTES_MAX (4u * 1024 * 1024) /* one block, and a worker's buffer; SHA-256 takes 4 ms, a hop 2 ms */
#define BLOCK_PART_BYTES_MAX \
	(1024u * 1024) /* part of a block sent with a digest: all of it must be in memory before the head is sent */
#define INLINE_BYTES_MAX (32u * 1024) /* content in the database: below this size a block costs more than a row */
#define FILE_BYTES_MAX (1ull << 50)   /* 1 PiB: sums of sizes stay far from 2^63 */

#define OPS_PER_BATCH_MAX 4096u /* ops in one batch: bounds the time that the batch keeps its drive locked */
/* rows of one batch: extents that it reads, extents that it makes, and ancestors of the folders that it moves to.
 * They take 32 MiB and a second. Bare, for SQL */
#define BATCH_ROWS_MAX 65536
#define BATCH_LOADED_BYTES_MAX \
	134217728 /* inline content read by a batch: a mount may change at once 4096 pieces of 32 KiB */
#define BATCH_CLONED_BYTES_MAX 33554432		/* inline content copied by a batch's clones; blocks are not copied */
#define JSON_BYTES_MAX (1024u * 1024)		/* JSON body of any request */
#define JSON_DEPTH_MAX 32u			/* nesting; none of our messages has more than 6 */
#define BATCH_BYTES_MAX (8u * 1024 * 1024)	/* a batch with data (vnd.nephos.ops) */
#define BATCH_HEAD_BYTES_MAX (2u * 1024 * 1024) /* its JSON head: 4096 ops of 512 bytes */
#define BATCH_DATA_BYTES_MAX (4u * 1024 * 1024) /* its data: inline content of the files of one batch */
#define CONTENT_BYTES_MAX (64ull << 30)		/* one PUT of content: a request that runs for hours is of no use */

#define PAGE_ITEMS_DEFAULT 100u	      /* items of a page when the caller gives no number */
#define PAGE_ITEMS_MAX 1000u	      /* the most that a caller may ask for */
#define COMPACT_PAGE_ITEMS_MAX 10000u /* the compact form is for mounts: 10,000 items are about 1.5 MiB */
#define CHANGES_PAGE_MAX 1000u	      /* journal entries in one answer */
#define POLL_WAIT_S_MAX 60u	      /* long poll: shorter than the idle timeouts of common proxies */

#define HEADER_BYTES_MAX (16u * 1024) /* request line and header fields; a longer head is answered with 431 */
#define IDEMPOTENCY_KEY_BYTES_MAX 255u
#define IDEMPOTENCY_HOURS 24u /* how long a key is remembered */
/* A mount that does not poll for this long has ended: ten times the outage that mounts wait out. */
#define SESSION_TIMEOUT_S 600u
/* A mount that holds file locks and is silent for this long may lose them to a mount that waits. A mount waits out an
 * outage of the same length, so it may find its locks gone after one; handles that were locked then fail. */
#define LOCK_LEASE_S 60u
#define LOCK_RANGES_MAX \
	4096u /* locked ranges of a mount in one document: bounds a request, and what it is compared with */
/* bytes of the rows that store the locks of a drive: enough for 100,000 locks of one range. Bare, for SQL */
#define LOCKS_BYTES_PER_DRIVE_MAX 16777216
#define LOCK_WAIT_S 20u /* one request waits this long for a lock at most; then the mount asks again */
/* A mount that sent something within this time counts as present for other mounts. It covers the longest poll, and
 * the intervals at which the time of the last message is written to the database. */
#define SESSION_PRESENT_S 100u
/* Drives in use, in the trash, or not yet removed. Each has a journal and sessions, and takes room in addition to
 * the quota. Bare, for SQL */
#define DRIVES_PER_USER_MAX 32
#define DOCUMENTS_BASE 4096 /* documents for every user with a quota, however small it is. Bare, for SQL */
/* Bytes of quota for each further document, in the way that ext4 makes inodes. The rows of a document take a tenth
 * of that, with a long name a quarter. Bare, for SQL */
#define DOCUMENT_QUOTA_BYTES 4096
/* Extents that every user with a quota may have beyond the first one of each document, however small the quota:
 * some 5 MB of rows for files that are written in pieces smaller than a page. Bare, for SQL */
#define EXTENTS_BASE 16384
/* Bytes of quota for each further extent: a program that writes whole pages reaches the quota first. Bare, for SQL */
#define EXTENT_QUOTA_BYTES 4096
/* Extents of one document: 4 GiB of pages that were written one by one. When the content is replaced, one statement
 * deletes them all, and must end long before the statement's deadline. */
#define EXTENTS_PER_DOCUMENT_MAX 1048576
/* Journal rows kept for each drive. A reader that is further behind is answered with 410, and reads the documents
 * instead. Bare, for SQL */
#define JOURNAL_ROWS_KEPT 100000
#define JOURNAL_HOURS_KEPT \
	1 /* younger rows are kept, too: a mount that lost an answer looks up its batch. Bare, for SQL */
#define JOURNAL_ROWS_MAX 1000000 /* but never more rows than this: 162 bytes each, as measured. Bare, for SQL */
/* Bytes of the answers that are kept under keys for a drive. Beyond that the oldest go before their day is over …
 * Bare, for SQL */
#define KEPT_ANSWERS_BYTES_MAX 67108864
#define KEPT_ANSWERS_MINUTES 10 /* … but not within this time, in which a repeat may be in flight. Bare, for SQL */
/* Bytes of blocks allowed beyond twice a quota: blocks that are being uploaded, or were released a moment ago.
 * Bare, for SQL */
#define BLOCKS_SLACK_BYTES 16777216
/* The least that a block counts there: its file takes a page of the disk, however short it is. Bare, for SQL */
#define BLOCK_COUNTED_MIN 4096
/* A new block that nothing refers to yet is kept at least this long, even if its owner is short of room: a batch
 * may be about to name it. */
#define BLOCKS_YOUNG_S 120
#define SESSIONS_PER_DRIVE_MAX 256 /* each keeps its last answer. Bare, for SQL */
#define SESSION_HOLDS_MAX 32768	   /* documents without a name that a mount has open: as many as fit into one poll */
#define TRASH_DAYS \
	30u /* time that a drive stays in the trash, charged to its owner's account, before it is removed for good */
/* A document that lost its last name is kept at least this long, for mounts that have it open and have not reported
 * that yet. Their polls take at most half of this time. Bare, for SQL */
#define ORPHAN_GRACE_S 120
#define IDS_PER_RESERVATION_MAX 65536u /* document numbers reserved at once; 2^32 a drive */
#define TOKEN_CACHE_S 5u	       /* how long a gateway caches the meaning of a token at most */
#define TRACE_BYTES_MAX 64u

/* How long a gateway caches a user's `home` as a service told it, counted from before the gateway asked, on a clock
 * that goes on while the machine sleeps. A restore that changes the home is answered only when all such caches have
 * expired. The time is long enough that few requests ask, and short enough to wait for. */
#define RING_HOME_BELIEVED_MS 2000

/* Calls that one gateway may have in flight at services at once, including some connections that it keeps open. The
 * sum of its shares is below this (gateway/access/share_policy.c). */
#define GATEWAY_CALLS_MAX 9216u
#define SERVICE_CONNECTIONS_SPARE 512u /* connections of a service for other services and for monitoring */

static_assert(BATCH_HEAD_BYTES_MAX + BATCH_DATA_BYTES_MAX + 4 <= BATCH_BYTES_MAX, "a legal batch fits its body limit");
static_assert(BLOCK_PART_BYTES_MAX <= BLOCK_BYTES_MAX, "a part of a block is no more than a block");
static_assert(2 * POLL_WAIT_S_MAX <= ORPHAN_GRACE_S, "a mount says in time what it has open");
static_assert(XATTR_NAME_BYTES_MAX + XATTR_VALUE_BYTES_MAX <= XATTRS_PAGE_BYTES_MAX, "each page has one at least");
static_assert(XATTR_NAME_BYTES_MAX <= NAME_BYTES_MAX, "the cursor of a page has room for the name of an xattr");
static_assert(INLINE_BYTES_MAX <= BLOCK_BYTES_MAX, "what is not inline fits a block");

#endif
