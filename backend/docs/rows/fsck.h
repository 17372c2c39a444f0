/*
 * fsck: what the check of a whole store says of itself: a run, how far it has come, and what it found. The kinds are
 * numbers that stand in statements, too ({{NAME}} in a .sql file), and in rows: they are never given another meaning.
 */
#ifndef NEPHOS_DOCS_ROWS_FSCK_H
#define NEPHOS_DOCS_ROWS_FSCK_H

#include "common/base/span.h"

#include <stdbool.h>
#include <stdint.h>

#define FSCK_FINDINGS_MAX 10000 /* kept of one run; more are counted. Bare, for SQL */
/* of the way to a document: what lies deeper is shown without its first folders. Bare, for SQL */
#define FSCK_PATH_NAMES_MAX 128
#define FSCK_LEASE_S 60 /* a service that works on a run and is silent so long has lost it to another. Bare, for SQL */
#define FSCK_PAGE_MAX 1000 /* findings of one answer */

/* What is wrong. `is` and `should` are what is counted, or as said. */
#define FSCK_ENTRY_WITHOUT_CHILD 1  /* a name leads to no document */
#define FSCK_ENTRY_WITHOUT_PARENT 2 /* a name lies in no folder */
#define FSCK_ENTRY_UNMARKED 3	    /* a further name that is not marked as one, or a folder's second */
#define FSCK_NAME_LOST 4	    /* the name that a document says it has leads elsewhere, or is not there */
#define FSCK_UNREACHABLE 5	    /* a folder that is not below the root */
#define FSCK_LINKS 6
#define FSCK_CHILDREN 7
#define FSCK_ALLOCATED 8
#define FSCK_EXTENTS 9
#define FSCK_CHARGED 10
#define FSCK_XATTRS 11 /* whether it says that it has some */
#define FSCK_EXTENT_BAD 12
#define FSCK_EXTENTS_OVERLAP 13
#define FSCK_AHEAD 14		    /* it was changed at a position that its drive has not come to */
#define FSCK_NUMBER 15		    /* its number is to be given to another one */
#define FSCK_EXTENT_WITHOUT_NODE 16 /* is: where it lies */
#define FSCK_XATTR_WITHOUT_NODE 17
#define FSCK_BLOCK_MISSING 18 /* content without a row of its block. is: where it lies; should: the generation */
#define FSCK_BLOCK_LOST 19    /* the block's bytes are not there. should: the generation, of the next ones, too */
#define FSCK_BLOCK_SIZE 20
#define FSCK_BLOCK_DIGEST 21
#define FSCK_BLOCK_UNREADABLE 22 /* is: the errno */
#define FSCK_BLOCK_LEAKED 23	 /* nothing refers to it, and nobody would look */
#define FSCK_JOURNAL_GAP 24	 /* entries from `is` on are missing, up to what is before `should` */
#define FSCK_JOURNAL_END 25	 /* the last entry is not the drive's position */
#define FSCK_DRIVE_USED 26
#define FSCK_DRIVE_DOCUMENTS 27
#define FSCK_DRIVE_EXTENTS 28
#define FSCK_DRIVE_BLOCKS 29 /* bytes of the blocks that lie there */
#define FSCK_ROOT 30
#define FSCK_STRAY 31 /* rows of a drive that is not there */
#define FSCK_KINDS 32

/* FAILED: a step could not be done, however often it was tried. Numbers of rows. */
enum docs_fsck_state { DOCS_FSCK_NEVER, DOCS_FSCK_RUNS, DOCS_FSCK_OVER, DOCS_FSCK_STOPPED, DOCS_FSCK_FAILED };

struct docs_fsck { /* the run that is, or the last one */
	int64_t run;
	enum docs_fsck_state state;
	bool repair;
	int64_t drives, rows, blocks, bytes; /* looked at so far */
	int64_t bytes_total;		     /* of blocks, when it began */
	int64_t found, mended;
	int64_t started_at, ended_at; /* unix seconds; 0: not yet */
};

struct docs_fsck_finding {
	int64_t number; /* 1, 2, … in its run */
	uint32_t drive;
	int kind;
	bool mended;
	int64_t id; /* of the document; 0: of none */
	int64_t is, should;
	struct span drive_name, path; /* path empty: none is known */
};

/* A word for programs, and a sentence for people without its subject. */
const char *fsck_kind_name(int kind);
const char *fsck_kind_text(int kind);

#endif
