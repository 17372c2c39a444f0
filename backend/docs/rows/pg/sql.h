/*
 * sql: all SQL of the docs service. Each statement says its parameters in the order of $1…; those of the
 * transaction are packed, see sql_commit.c. Only for the files of this folder.
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
/* Where a transaction loads one, behind them: of those that have ACLs. */
enum { NODE_ACCESS_ACL = NODE_COLUMNS, NODE_DEFAULT_ACL, NODE_NAMELESS_AT, NODE_HOLDERS };

#define SQL_MODE_XATTRS 65536	 /* the bit of a mode that says: it has xattrs */
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
	DRIVE_QUOTA, /* with what the account leaves */
	DRIVE_USED,
	DRIVE_NAME,
	DRIVE_QUOTA_OWN,
	DRIVE_DOCUMENTS,
	DRIVE_DOCUMENTS_MAX, /* with what the account leaves */
	DRIVE_COLUMNS
};
enum { DRIVE_BARE = DRIVE_COLUMNS, DRIVE_TRASHED_AT }; /* behind them, where people ask */

/* Every read begins with these two columns: where the drive stood in its snapshot. No row: no such drive, or
 * another's. */
enum { READ_INCARNATION, READ_SEQ, READ_COLUMNS };

extern const struct pg_statement
	/* owner: quota or NULL, used, bytes of blocks, the default's quota or NULL, documents, how many may be */
	SQL_ACCOUNT_GET;
extern const struct pg_statement SQL_ACCOUNT_SET;   /* owner, quota, documents or NULL */
extern const struct pg_statement SQL_ACCOUNT_UNSET; /* owner */
/* Drives. Where a drive is meant, $1 is its id and $2 its owner (0: whoever). */
extern const struct pg_statement SQL_DRIVE_HOME; /* owner */
extern const struct pg_statement SQL_DRIVE_MAKE; /* owner, name, quota, whether only a first drive will do */
extern const struct pg_statement SQL_DRIVE_GET;
extern const struct pg_statement SQL_DRIVE_LIST;   /* owner */
extern const struct pg_statement SQL_DRIVE_CHANGE; /* …, name or NULL, quota or NULL */
extern const struct pg_statement SQL_DRIVE_TRASH;  /* …, name or NULL: whether it went, whether it was in the trash */
extern const struct pg_statement SQL_DRIVE_TRASHED, SQL_DRIVE_RESTORE;
extern const struct pg_statement SQL_DRIVE_TRASH_LIST;		     /* owner */
extern const struct pg_statement SQL_TRASH_USER;		     /* owner */
extern const struct pg_statement SQL_PROGRESS_GET, SQL_PROGRESS_SET; /* name; name, since */
extern const struct pg_statement SQL_IDS_RESERVE;		     /* …, count */

/* Reads. */
extern const struct pg_statement SQL_ITEM_GET;	  /* …, id, session */
extern const struct pg_statement SQL_ITEM_LOOKUP; /* …, parent, name */
extern const struct pg_statement SQL_ITEM_PATH;	  /* …, names, count: depth, parent, then the document */
extern const struct pg_statement
	SQL_CHILDREN; /* …, folder, after, limit: mode of the folder, name of the entry, then the document */
extern const struct pg_statement SQL_CHILDREN_INLINE; /* …, and at most so many bytes: also the data */
extern const struct pg_statement SQL_EXTENTS; /* …, id, session, from, to, limit: the document, then an extent */
extern const struct pg_statement SQL_XATTRS;  /* …, id, session: id, name, value */
extern const struct pg_statement SQL_CHANGES; /* …, since, limit */

/* Sessions. */
extern const struct pg_statement SQL_SNAPSHOT_BEGIN, SQL_SNAPSHOT_END;
extern const struct pg_statement SQL_SESSION_CREATE;  /* …, name */
extern const struct pg_statement SQL_SESSION_LOCK;    /* …, session */
extern const struct pg_statement SQL_SESSION_REPLACE; /* …, name, session that ends */
extern const struct pg_statement SQL_SESSION_END;     /* …, session */
extern const struct pg_statement
	SQL_SESSION_LOOK; /* …, session, held: whether it is there, whether something is to be written */
extern const struct pg_statement SQL_SESSION_RENEW; /* session, held */

/* File locks: sql_lock.c. In this order in one transaction: ENTER, SESSION, a BREAK, then PUT or LOOK. */
extern const struct pg_statement SQL_FILE_LOCK_ENTER;	/* id */
extern const struct pg_statement SQL_FILE_LOCK_SESSION; /* session */
extern const struct pg_statement SQL_FILE_LOCK_BREAK; /* …, id, session, kind, froms, tos, exclusive, lease, doubt */
extern const struct pg_statement SQL_FILE_LOCK_BREAK_ONE; /* …, id, session, kind, from, to, exclusive, lease, doubt */
extern const struct pg_statement SQL_FILE_LOCK_PUT;  /* …, id, session, kind, froms, tos, exclusive, number, refuse */
extern const struct pg_statement SQL_FILE_LOCK_KEPT; /* …, session: whether it has locks */
extern const struct pg_statement SQL_FILE_LOCK_TEST; /* …, id, session, kind, from, to, exclusive, lease, doubt */
extern const struct pg_statement SQL_FILE_LOCK_LOOK; /* the same */

/* The transaction: what it begins with. */
extern const struct pg_statement SQL_LOCK_DRIVE;   /* drive */
extern const struct pg_statement SQL_LOCK_BOTH;	   /* drive, session, number */
extern const struct pg_statement SQL_SESSION_KEYS; /* drive, sessions, numbers */
extern const struct pg_statement SQL_USER_KEYS;	   /* users, keys */
extern const struct pg_statement SQL_LOAD_ONE;	   /* the same for one id and one name, or none: elements 1 */
extern const struct pg_statement SQL_LOAD; /* ids, parents, names: parent and name of the entry or NULL, the document */
extern const struct pg_statement SQL_LOAD_EXTENTS;	 /* nodes, froms, tos */
extern const struct pg_statement SQL_LOAD_EXTENTS_MIXED; /* the same, where a from is TREE_TAIL */
extern const struct pg_statement SQL_LOAD_EXTENTS_WIDE;	 /* nodes, froms (TREE_TAIL too), tos */
extern const struct pg_statement SQL_LOAD_EXTENTS_TAIL;	 /* node */
extern const struct pg_statement SQL_LOAD_EXTENTS_ONE;	 /* node, from, to */
extern const struct pg_statement SQL_LOAD_ANCESTORS;	 /* folders: folder, parent */
extern const struct pg_statement
	/* nodes in their order, names: node, name, value or NULL; with the first of each node bytes of all names, of
	 * names and values */
	SQL_LOAD_XATTRS;
extern const struct pg_statement SQL_LOAD_BLOCKS; /* drive, hashes */

/* And what it ends with: sql_commit.c. */
enum docs_sql_parts { /* what a commit writes beside drive, journal and changed documents */
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
	COMMIT_PARAMS
};
#define SQL_JOURNAL_STRIDE 9
#define SQL_NODE_STRIDE 18
#define SQL_ENTRY_STRIDE 3
#define SQL_SESSION_STRIDE 3
#define SQL_EXTENT_STRIDE 7
#define SQL_KNOWN_COUNT \
	10 /* owner, incarnation, seq, epoch, lease_epoch, lease_session, next_number, quota, used, documents */
extern const struct pg_statement SQL_COMMIT[SQL_PARTS]; /* by the set of parts; all take all parameters */

/* The same of one op that changes one document, or two: where the parameters of each part begin; those up to the last
 * one that a variant uses are given. */
enum docs_sql_one {
	ONE_DRIVE = 0,	  /* id, seq, next_number, used, documents */
	ONE_JOURNAL = 5,  /* seq, op, what, id, parent, old_parent, replaced, from, len, name, old_name, key */
	ONE_SESSION = 17, /* id, number, status, fingerprint, headers, body */
	ONE_KNOWN = 23,	  /* the drive as it must be, as bigint[]; not used by SQL_COMMIT_ONE */
	ONE_CHANGED =
		/* id, parent, size, allocated, charged, mode, uid, gid, nlink, atime, mtime, ctime, seq, content_seq,
		 * orphan, children, name */
	24,
	ONE_REMOVED = 41, /* parent, name */
	ONE_ADDED = 43,	  /* parent, child, linked, name */
	ONE_CREATED =
		/* id, parent, size, allocated, charged, mode, uid, gid, nlink, atime, mtime, ctime, btime, seq,
		 * content_seq, children, rdev, name, target */
	47,
	ONE_CHANGED_2 = 66,
	ONE_PARAMS = 83
};
extern const struct pg_statement SQL_COMMIT_ONE[2][SQL_PARTS]; /* by how many are changed, less one */
/* The same without a transaction around it, provided that drive and session are as they were: see
 * sql_commit_known.c. Only sets with a session's answer are there. */
extern const struct pg_statement SQL_COMMIT_KNOWN[2][SQL_PARTS];
extern const struct pg_statement
	SQL_CLAIM; /* for what is not one op, before anything else: drive, as it must be, session, its new number */
extern const struct pg_statement SQL_REMOVE_NODES;    /* nodes that go, nodes whose extents go */
extern const struct pg_statement SQL_REMOVE_EXTENTS;  /* nodes, ats */
extern const struct pg_statement SQL_ADD_EXTENTS;     /* packed, hashes, datas */
extern const struct pg_statement SQL_ADD_EXTENT;      /* the numbers of one, hash, data */
extern const struct pg_statement SQL_REMOVE_XATTRS;   /* nodes, names */
extern const struct pg_statement SQL_SET_XATTRS;      /* nodes, names, values */
extern const struct pg_statement SQL_NAME_AGAIN;      /* nodes of which the link that their row named went */
extern const struct pg_statement SQL_SESSION_ANSWERS; /* packed, fingerprints, headers, bodies */
extern const struct pg_statement
	SQL_USER_ANSWERS; /* drive, packed (user, status), keys, fingerprints, headers, bodies */
extern const struct pg_statement SQL_USER_FORGET;     /* users, keys */
extern const struct pg_statement SQL_SESSION_REPEATS; /* sessions */
extern const struct pg_statement SQL_USER_REPEATS;    /* users, keys */

/* Blocks. */
extern const struct pg_statement SQL_BLOCK_FIND;    /* …, hash */
extern const struct pg_statement SQL_BLOCK_DROP;    /* drive, hashes, touched */
extern const struct pg_statement SQL_BLOCK_REFUSED; /* drive, hashes */
extern const struct pg_statement SQL_BLOCK_STRAYS;  /* drives, sha256s, generations */
extern const struct pg_statement SQL_BLOCK_GENERATION;
extern const struct pg_statement SQL_BLOCK_STORED;     /* …, hash, generation, size, uploader, latest or 0 */
extern const struct pg_statement SQL_BLOCK_REFERENCED; /* …, hash */

/* Upkeep. */
extern const struct pg_statement SQL_LOCK_ANY;	     /* drive, in the trash too */
extern const struct pg_statement SQL_DOUBTFUL;	     /* grace, limit: drive, hash */
extern const struct pg_statement SQL_DOUBTFUL_SHORT; /* drive, grace, limit, bytes: drive, hash */
extern const struct pg_statement SQL_DOUBTFUL_LOCK,
	SQL_DOUBTFUL_SETTLE;			     /* drive, hashes, grace, also what was let go */
extern const struct pg_statement SQL_ORPHANS;	     /* grace, limit */
extern const struct pg_statement SQL_ORPHAN_EXTENTS; /* nodes, grace, limit */
extern const struct pg_statement SQL_ORPHAN_NODES;   /* nodes, grace */
extern const struct pg_statement SQL_EXPIRED_SESSIONS, SQL_EXPIRED_KEYS; /* limit */
extern const struct pg_statement SQL_EXPIRED_DRIVE;			 /* limit */
extern const struct pg_statement SQL_ORPHANS_HELD;			 /* grace, limit */
extern const struct pg_statement SQL_ORPHANS_CHARGE;			 /* nodes, grace */
extern const struct pg_statement SQL_SWEEP_NEXT;			 /* drive, limit */
extern const struct pg_statement SQL_SWEEP_JOURNAL, SQL_SWEEP_ANSWERS;	 /* drive, drive, limit */
#define SQL_PURGES 10
extern const struct pg_statement SQL_PURGE[SQL_PURGES]; /* drive, limit; the last one ends the drive */

extern const struct pg_statement SQL_NOTIFY; /* payloads */

#endif
