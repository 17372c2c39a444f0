/*
 * sql: all SQL of the docs service. The statements lie in backend/sql/docs/statements, one in a file. The first
 * line of a file says what $1 and the following are. The build compiles them into C (cmake/SqlStatements.cmake):
 * SQL_NAME is NAME.sql. This header has what C and SQL must agree about. Only for the files of this folder.
 *
 * Three kinds of things are agreed on. Columns: a statement that reads documents, extents or drives has these
 * columns in this order, and C reads them by these names. Parameters of the statements that write a whole
 * transaction, which has rows of several kinds: they are arrays of numbers with a fixed stride for each row,
 * with texts in arrays beside them. And variants: where a statement exists with and without some of its parts, a
 * set of bits selects one.
 *
 * docs_pg_internal.h has the functions that read rows by these columns.
 */
#ifndef NEPHOS_DOCS_DOCS_SQL_H
#define NEPHOS_DOCS_DOCS_SQL_H

#include "backend/pg/pg.h"

extern const struct pg_migration docs_migrations[];
extern const size_t docs_migration_count;

/* Columns of a document, wherever one is read. */
enum docs_sql_node_column {
	NODE_ID,
	NODE_PARENT,
	NODE_NAME,
	NODE_SIZE,
	NODE_ALLOCATED,
	NODE_CHARGED,
	NODE_MODE,
	NODE_UID,
	NODE_GID,
	NODE_NLINK,
	NODE_ATIME,
	NODE_MTIME,
	NODE_CTIME,
	NODE_BTIME,
	NODE_SEQ,
	NODE_CONTENT_SEQ,
	NODE_RDEV,
	NODE_TARGET,
	NODE_ORPHAN,
	NODE_CHILDREN,
	NODE_COLUMNS
};
/* Further columns behind them, where a transaction loads a document; the ACLs are those of documents that have
 * some. */
enum { NODE_ACCESS_ACL = NODE_COLUMNS, NODE_DEFAULT_ACL, NODE_NAMELESS_AT, NODE_HOLDERS, NODE_EXTENTS };

#define SQL_MODE_XATTRS 65536	 /* the bit of a mode that says that the document has xattrs */
#define SQL_MODE_LINKABLE 262144 /* ITEM_LINKABLE */

/* Columns of an extent. */
enum docs_sql_extent_column {
	EXTENT_NODE,
	EXTENT_AT,
	EXTENT_LEN,
	EXTENT_KIND,
	EXTENT_SHA256,
	EXTENT_GENERATION,
	EXTENT_FROM,
	EXTENT_BLOCK_SIZE,
	EXTENT_DATA,
	EXTENT_COLUMNS
};

/* Columns of a drive. */
enum docs_sql_drive_column {
	DRIVE_ID,
	DRIVE_OWNER,
	DRIVE_INCARNATION,
	DRIVE_SEQ,
	DRIVE_EPOCH,
	DRIVE_LEASE_EPOCH,
	DRIVE_LEASE_SESSION,
	DRIVE_NEXT_NUMBER,
	DRIVE_QUOTA, /* together with what the account still allows */
	DRIVE_USED,
	DRIVE_NAME,
	DRIVE_QUOTA_OWN,
	DRIVE_DOCUMENTS,
	DRIVE_DOCUMENTS_MAX, /* together with what the account still allows */
	DRIVE_EXTENTS,
	DRIVE_EXTENTS_MAX, /* together with what the account still allows */
	DRIVE_COLUMNS
};
enum { DRIVE_BARE = DRIVE_COLUMNS, DRIVE_TRASHED_AT }; /* further columns, where users ask for drives */

/* Every read begins with these two columns: the drive's position in the snapshot. No row: no such drive, or
 * another user's. */
enum { READ_INCARNATION, READ_SEQ, READ_COLUMNS };

extern const struct pg_statement SQL_ACCOUNT_GET, SQL_ACCOUNT_SET, SQL_ACCOUNT_UNSET;
/* Drives. In statements about one drive, $1 is its id and $2 its owner (0: any owner). */
extern const struct pg_statement SQL_DRIVE_HOME, SQL_DRIVE_MAKE, SQL_DRIVE_GET, SQL_DRIVE_LIST, SQL_DRIVE_CHANGE,
	SQL_DRIVE_TRASH, SQL_DRIVE_TRASHED, SQL_DRIVE_PURGE, SQL_DRIVE_RESTORE, SQL_DRIVE_TRASH_LIST, SQL_TRASH_USER,
	SQL_PROGRESS_GET, SQL_PROGRESS_SET, SQL_IDS_RESERVE;

/* Reads. */
extern const struct pg_statement SQL_ITEM_GET, SQL_ITEM_LOOKUP, SQL_ITEM_PATH, SQL_ITEM_PATH_STEPS, SQL_CHILDREN,
	SQL_CHILDREN_INLINE, SQL_EXTENTS, SQL_XATTRS, SQL_CHANGES;

/* Digests of contents. */
extern const struct pg_statement SQL_DIGEST_KEEP, SQL_DIGEST_GET;

/* Sessions. */
extern const struct pg_statement SQL_SNAPSHOT_BEGIN, SQL_SNAPSHOT_END, SQL_SESSION_CREATE, SQL_SESSION_LOCK,
	SQL_SESSION_REPLACE, SQL_SESSION_END, SQL_SESSION_LOOK, SQL_SESSION_RENEW;

/* File locks. In one transaction, in this order: ENTER, SESSION, a BREAK, then PUT or LOOK. */
extern const struct pg_statement SQL_FILE_LOCK_ENTER, SQL_FILE_LOCK_SESSION, SQL_FILE_LOCK_BREAK,
	SQL_FILE_LOCK_BREAK_ONE, SQL_FILE_LOCK_PUT, SQL_FILE_LOCK_KEPT, SQL_FILE_LOCK_TEST, SQL_FILE_LOCK_LOOK;

/* The begin of a transaction. */
extern const struct pg_statement SQL_LOCK_DRIVE, SQL_LOCK_BOTH, SQL_SESSION_KEYS, SQL_USER_KEYS, SQL_LOAD_ONE, SQL_LOAD,
	SQL_LOAD_EXTENTS, SQL_LOAD_EXTENTS_MIXED, SQL_LOAD_EXTENTS_WIDE, SQL_LOAD_EXTENTS_TAIL, SQL_LOAD_EXTENTS_ONE,
	SQL_LOAD_ANCESTORS, SQL_LOAD_XATTRS, SQL_LOAD_BLOCKS, SQL_LOAD_SWEEP;

/* The end of a transaction. */
enum docs_sql_parts { /* the parts that a commit writes beside drive, journal and changed documents */
	SQL_PART_CREATED = 1,
	SQL_PART_ENTRIES_ADDED = 2,
	SQL_PART_ENTRIES_REMOVED = 4,
	SQL_PART_SESSION = 8,
	SQL_PARTS = 16
};
enum docs_sql_commit_param {
	COMMIT_DRIVE,
	COMMIT_SEQ,
	COMMIT_NEXT_NUMBER,
	COMMIT_USED,
	COMMIT_JOURNAL, /* packed, SQL_JOURNAL_STRIDE each */
	COMMIT_JOURNAL_NAMES,
	COMMIT_JOURNAL_OLD_NAMES,
	COMMIT_JOURNAL_KEYS,
	COMMIT_CHANGED, /* packed, SQL_NODE_STRIDE each */
	COMMIT_CHANGED_NAMES,
	COMMIT_CREATED,
	COMMIT_CREATED_NAMES,
	COMMIT_CREATED_TARGETS,
	COMMIT_ADDED, /* packed, SQL_ENTRY_STRIDE each */
	COMMIT_ADDED_NAMES,
	COMMIT_REMOVED, /* parents */
	COMMIT_REMOVED_NAMES,
	COMMIT_SESSIONS, /* packed, SQL_SESSION_STRIDE each */
	COMMIT_FINGERPRINTS,
	COMMIT_HEADERS,
	COMMIT_BODIES,
	COMMIT_DOCUMENTS,
	COMMIT_EXTENTS,
	COMMIT_PARAMS
};
#define SQL_JOURNAL_STRIDE 9
#define SQL_NODE_STRIDE 19
#define SQL_ENTRY_STRIDE 3
#define SQL_SESSION_STRIDE 3
#define SQL_EXTENT_STRIDE 7
/* the values: owner, incarnation, seq, epoch, lease_epoch, lease_session, next_number, quota, used, documents,
 * extents */
#define SQL_GUESS_COUNT 11
extern const struct pg_statement SQL_COMMIT[SQL_PARTS];

/* The same for one op that changes one document, or two: the index at which the parameters of each part begin. A
 * variant gets the parameters up to the last one that it uses. */
enum docs_sql_one {
	ONE_DRIVE = 0,	  /* id, seq, next_number, used, documents, extents */
	ONE_JOURNAL = 6,  /* seq, op, what, id, parent, old_parent, replaced, from, len, name, old_name, key */
	ONE_SESSION = 18, /* id, number, status, fingerprint, headers, body */
	ONE_GUESS = 24,	  /* the drive's row as it must still be, as bigint[]; not used by SQL_COMMIT_ONE */
	ONE_CHANGED =
		/* id, parent, size, allocated, charged, mode, uid, gid, nlink, atime, mtime, ctime, seq, content_seq,
		 * orphan, children, extents, name */
	25,
	ONE_REMOVED = 43, /* parent, name */
	ONE_ADDED = 45,	  /* parent, child, linked, name */
	ONE_CREATED =
		/* id, parent, size, allocated, charged, mode, uid, gid, nlink, atime, mtime, ctime, btime, seq,
		 * content_seq, children, extents, rdev, name, target */
	49,
	ONE_CHANGED_2 = 69,
	ONE_PARAMS = 87
};
/* Indexed by the set of parts, for one changed document and for two. */
extern const struct pg_statement SQL_COMMIT_ONE[SQL_PARTS], SQL_COMMIT_TWO[SQL_PARTS];
/* The same without a transaction around it, on condition that drive and session are unchanged: see
 * commit_guess_one.sql. Only sets with a session's answer are used. */
extern const struct pg_statement SQL_COMMIT_GUESS_ONE[SQL_PARTS], SQL_COMMIT_GUESS_TWO[SQL_PARTS], SQL_CLAIM,
	SQL_REMOVE_NODES, SQL_REMOVE_EXTENTS, SQL_SWEEP_EXTENTS, SQL_ADD_EXTENTS, SQL_ADD_EXTENT, SQL_REMOVE_XATTRS,
	SQL_SET_XATTRS, SQL_NAME_AGAIN, SQL_SESSION_ANSWERS, SQL_USER_ANSWERS, SQL_USER_FORGET, SQL_SESSION_REPEATS,
	SQL_USER_REPEATS;

/* Blocks. */
extern const struct pg_statement SQL_BLOCK_FIND, SQL_BLOCK_DROP, SQL_BLOCK_REFUSED, SQL_BLOCK_STRAYS,
	SQL_BLOCK_GENERATION, SQL_BLOCK_STORED, SQL_BLOCK_REFERENCED;

/* The bytes of blocks that are stored as rows. $1 to $3 are hash, generation and drive. */
enum { BLOCK_DATA_SIZE, BLOCK_DATA_PIECE, BLOCK_DATA_BYTES };
enum { BLOCK_DATA_SHA256, BLOCK_DATA_GENERATION, BLOCK_DATA_DRIVE, BLOCK_DATA_IS_OLD };
extern const struct pg_statement SQL_BLOCK_DATA_ADD, SQL_BLOCK_DATA_ADD_PIECE, SQL_BLOCK_DATA_READ, SQL_BLOCK_DATA_SIZE,
	SQL_BLOCK_DATA_REMOVE, SQL_BLOCK_DATA_PAGE;

/* Where blocks lie. */
extern const struct pg_statement SQL_BLOCK_PLACE_READ, SQL_BLOCK_PLACE_FIRST, SQL_BLOCK_PLACE_BEGIN,
	SQL_BLOCK_PLACE_PROGRESS, SQL_BLOCK_PLACE_SWITCH, SQL_BLOCK_PLACE_PAGE, SQL_BLOCK_PLACE_LOCK,
	SQL_BLOCK_PLACE_LOST, SQL_BLOCK_PLACE_TURN, SQL_BLOCK_PLACE_EMPTIED;

/* Upkeep. */
extern const struct pg_statement SQL_LOCK_ANY, SQL_DOUBTFUL, SQL_DOUBTFUL_SHORT, SQL_DOUBTFUL_LOCK, SQL_DOUBTFUL_SETTLE,
	SQL_ORPHANS, SQL_ORPHAN_EXTENTS, SQL_ORPHAN_NODES, SQL_EXPIRED_SESSIONS, SQL_EXPIRED_KEYS, SQL_EXPIRED_DRIVE,
	SQL_ORPHANS_HELD, SQL_ORPHANS_CHARGE, SQL_SWEEP_NEXT, SQL_SWEEP_JOURNAL, SQL_SWEEP_ANSWERS, SQL_SWEEP_SESSIONS;
/* The parts of a drive that is removed, in this order; the last one removes its row. */
extern const struct pg_statement SQL_PURGE_EXTENT, SQL_PURGE_XATTR, SQL_PURGE_ENTRY, SQL_PURGE_NODE, SQL_PURGE_JOURNAL,
	SQL_PURGE_SESSION, SQL_PURGE_IDEMPOTENCY, SQL_PURGE_BLOCK, SQL_PURGE_SUM, SQL_PURGE_DRIVE;

/* The ring of gateways. LOCK and GATEWAYS, then WRITE, PUT and REMOVE, in one transaction; or LOOK and GATEWAYS,
 * in one snapshot. */
enum { RING_EPOCH, RING_CALLS, RING_PREPARING };
enum docs_sql_ring_column {
	RING_NAME,
	RING_BOOT,
	RING_URL,
	RING_HOP_URL,
	RING_WEIGHT,
	RING_RENEWED_AT,
	RING_UNSAID,
	RING_SAID,
	RING_CALLED_AT,
	RING_MEMBER,
	RING_NEXT,
	RING_LEAVING
};
enum { CLAIM_IN_EPOCH, CLAIM_HAS_DRIVE, CLAIM_INCARNATION, CLAIM_SEQ, CLAIM_OWNER };
/* Bits in the last array of SQL_RING_PUT. */
enum { RING_FLAG_MEMBER = 1, RING_FLAG_NEXT = 2, RING_FLAG_LEAVING = 4 };
extern const struct pg_statement SQL_RING_LOCK, SQL_RING_LOOK, SQL_RING_GATEWAYS, SQL_RING_WRITE, SQL_RING_PUT,
	SQL_RING_REMOVE, SQL_RING_CLAIM;

/* The check of the whole store: the run; pages by phase, with the columns of fsck_pg.h; blocks; and the
 * statements that mend, whose parameters are the drive, two numbers and a name or hash. */
extern const struct pg_statement SQL_FSCK_START, SQL_FSCK_GET, SQL_FSCK_STOP, SQL_FSCK_END, SQL_FSCK_TAKE,
	SQL_FSCK_MOVE, SQL_FSCK_FOUND, SQL_FSCK_FINDINGS, SQL_FSCK_NEXT_DRIVE, SQL_FSCK_TYPES;
extern const struct pg_statement SQL_FSCK_ENTRIES, SQL_FSCK_NAMES, SQL_FSCK_NODES, SQL_FSCK_EXTENTS, SQL_FSCK_XATTRS,
	SQL_FSCK_JOURNAL, SQL_FSCK_SUMS, SQL_FSCK_STRAYS;
extern const struct pg_statement SQL_FSCK_BLOCKS, SQL_FSCK_BLOCK_IS, SQL_FSCK_BLOCK_USERS, SQL_FSCK_EXTENT_BLOCK;
extern const struct pg_statement SQL_FSCK_MEND_ENTRY, SQL_FSCK_MEND_MARK, SQL_FSCK_MEND_NAME, SQL_FSCK_MEND_NODE,
	SQL_FSCK_MEND_ROWS, SQL_FSCK_MEND_SUMS, SQL_FSCK_MEND_BLOCKS, SQL_FSCK_MEND_DOUBT, SQL_FSCK_MEND_BLOCK,
	SQL_FSCK_MEND_JOURNAL, SQL_FSCK_MEND_JOURNAL_END, SQL_FSCK_MEND_ORPHAN, SQL_FSCK_MEND_BAD_NAME,
	SQL_FSCK_MEND_DIGEST, SQL_FSCK_MEND_TYPE, SQL_FSCK_LIFE;

extern const struct pg_statement SQL_NOTIFY, SQL_LISTEN;

/* The timeline of the primary that the rows come from. */
enum { TIMELINE_NUMBER, TIMELINE_FOLLOWS };
extern const struct pg_statement SQL_TIMELINE_MARK, SQL_TIMELINE_SEEN;

#endif
