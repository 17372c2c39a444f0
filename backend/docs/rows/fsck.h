/*
 * fsck: what the check of a whole store reports: a run, its progress, and its findings. The kinds are numbers
 * that are used in statements, too ({{NAME}} in a .sql file), and stored in rows: a number never gets another
 * meaning.
 */
#ifndef NEPHOS_DOCS_ROWS_FSCK_H
#define NEPHOS_DOCS_ROWS_FSCK_H

#include "common/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define FSCK_FINDINGS_MAX 10000 /* most that are kept of one run; more are only counted. Bare, for SQL */
/* most names in the path of a document: for a deeper document the path lacks its first folders. Bare, for SQL */
#define FSCK_PATH_NAMES_MAX 128
/* A service that works on a run and is silent for so long loses it to another service. Bare, for SQL */
#define FSCK_LEASE_S 60
#define FSCK_PAGE_MAX 1000 /* most findings in one answer */

/* The kinds of damage. `is` and `should` are the counted value and the right one, or what the comment says: the table
 * in fsck.c has what is shown of them. */
#define FSCK_ENTRY_WITHOUT_CHILD 1  /* a name leads to no document */
#define FSCK_ENTRY_WITHOUT_PARENT 2 /* a name lies in no folder */
#define FSCK_ENTRY_UNMARKED 3	    /* a further name that is not marked as such, or a second name of a folder */
#define FSCK_NAME_LOST 4	    /* the name that a document's row says leads elsewhere, or does not exist */
#define FSCK_UNREACHABLE 5	    /* a folder that is not below the root */
#define FSCK_LINKS 6
#define FSCK_CHILDREN 7
#define FSCK_ALLOCATED 8
#define FSCK_EXTENTS 9
#define FSCK_CHARGED 10
#define FSCK_XATTRS 11	   /* the mark that says whether the document has xattrs is wrong */
#define FSCK_EXTENT_BAD 12 /* is: how many, as in the next one */
#define FSCK_EXTENTS_OVERLAP 13
#define FSCK_AHEAD 14		    /* the document was changed at a position that its drive has not reached */
#define FSCK_NUMBER 15		    /* the document's number is 0, or still to be given to a new document */
#define FSCK_EXTENT_WITHOUT_NODE 16 /* is: the offset of the extent */
#define FSCK_XATTR_WITHOUT_NODE 17
/* Content whose block has no row. is: the offset of the extent; should: the generation */
#define FSCK_BLOCK_MISSING 18
/* The block's bytes are missing. should: the generation, as in the other kinds up to FSCK_BLOCK_LEAKED, too */
#define FSCK_BLOCK_LOST 19
#define FSCK_BLOCK_SIZE 20 /* is and should: bytes */
#define FSCK_BLOCK_DIGEST 21
#define FSCK_BLOCK_UNREADABLE 22 /* is: the errno */
#define FSCK_BLOCK_LEAKED 23	 /* nothing refers to the block, and nothing would make upkeep look at it */
#define FSCK_JOURNAL_GAP 24	 /* entries are missing from `is` on, up to the one before `should` */
#define FSCK_JOURNAL_END 25	 /* the seq of the last entry is not the drive's position */
#define FSCK_DRIVE_USED 26
#define FSCK_DRIVE_DOCUMENTS 27
#define FSCK_DRIVE_EXTENTS 28
#define FSCK_DRIVE_BLOCKS 29 /* bytes of the stored blocks */
#define FSCK_ROOT 30
#define FSCK_STRAY 31		/* rows of a drive that does not exist. is: its number, which may be negative */
#define FSCK_ENTRY_TO_ORPHAN 32 /* a name leads to a document whose row says that it has lost its last name */
#define FSCK_NAME_BAD 33	/* no document may have this name */
#define FSCK_SIZE_BAD 34	/* a size below 0 */
#define FSCK_TYPE_BAD 35	/* a mode without a type of documents */
#define FSCK_DIGEST 36		/* the kept digest is not that of the content, which its block has shown to be right */
/* The kept digest is not that of content in rows: either of them may be wrong, and nothing else says which. */
#define FSCK_DIGEST_INLINE 37
#define FSCK_JOURNAL_NUMBER 38 /* is: the smallest number of an entry, which is below 1 */
#define FSCK_KINDS 39

/* FAILED: a step failed on every try. The numbers are stored in rows. */
enum docs_fsck_state { DOCS_FSCK_NEVER, DOCS_FSCK_RUNS, DOCS_FSCK_OVER, DOCS_FSCK_STOPPED, DOCS_FSCK_FAILED };

struct docs_fsck { /* the run that is under way, or the last one */
	int64_t run;
	enum docs_fsck_state state;
	bool repair;
	int64_t drives, rows, blocks, bytes; /* checked so far */
	int64_t bytes_total;		     /* of blocks, when the run began */
	int64_t found, mended;
	int64_t started_at, ended_at; /* unix seconds; 0: not yet */
};

struct docs_fsck_finding {
	int64_t number; /* 1, 2, … within its run */
	int64_t drive;	/* of rows that belong to no drive it may be any number */
	int kind;
	bool mended, removed; /* removed: the document has no name any more, and is about to be deleted */
	int64_t id;	      /* of the document; 0: of none */
	int64_t is, should;
	struct span drive_name, path; /* path empty: none is known */
};

/* A word for programs, and a sentence without its subject for people. */
const char *fsck_kind_name(int kind);
const char *fsck_kind_text(int kind);
/* Whether `is` and `should` are a value and the right one. */
bool fsck_kind_counts(int kind);
/* Appends what `is` and `should` say, for people; nothing where they say nothing. -ENOMEM, -E2BIG. */
int fsck_kind_detail(int kind, int64_t is, int64_t should, struct buf *to);

#endif
