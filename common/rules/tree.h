/*
 * tree: the rules of a drive: what each op does to documents, names, extents, xattrs, usage and journal, and when
 * it is refused.
 *
 * No SQL, no HTTP, no clock, no I/O. A `tree` is the working set of one transaction on one drive: the store loads
 * everything that the ops of the transaction name (tree_wants lists it), tree_apply applies batches one after the
 * other, and tree_delta lists what must be written. A batch that fails leaves no trace: each is applied on an undo
 * log, so that several batches share one transaction and each is all or nothing on its own.
 *
 * Ownership: the tree copies what it is given. One thread at a time. The caller gets these failures of tree_apply:
 * -ENOENT, -EEXIST, -ENOTDIR, -EISDIR, -ENOTEMPTY, -EINVAL, -EMLINK, -ELOOP, -ENODATA, -EDQUOT, -EFBIG, -ESTALE,
 * -EPERM, -EXDEV, -ENOSPC (the names of a document's xattrs are over their limit, or all its xattrs; without an
 * op's index: tree_no_growth), -EACCES (a default ACL on a document that is no folder), -EOPNOTSUPP (an ACL on a
 * symlink, or of another version), -E2BIG (an ACL; more rows than BATCH_ROWS_MAX, or more bytes), -ERR_EXTENTS
 * (more extents of the drive than its quota allows), -ERR_FRAGMENTED (more extents of the document than
 * EXTENTS_PER_DOCUMENT_MAX), -ERR_PARENT_MISSING, -ERR_BLOCK_MISSING, -ERR_PRECONDITION, -ERR_UNPROCESSABLE (an id
 * that is not free, a range outside its block), -ERR_UNAVAILABLE (a part of the chain above a folder that another
 * batch of this transaction made is not known: works when tried again), -ENOMEM.
 */
#ifndef NEPHOS_DOCS_TREE_H
#define NEPHOS_DOCS_TREE_H

#include "common/proto/op_answer.h"

#include <stdbool.h>
#include <stdint.h>

struct tree;

/* The drive row as the transaction found it, locked. */
struct tree_drive {
	uint32_t id;
	int64_t owner;
	int64_t incarnation, seq, epoch, lease_epoch;
	int64_t lease_session;		  /* 0: nobody */
	int64_t next_number;		  /* of documents */
	int64_t quota, used;		  /* bytes; quota 0: none */
	int64_t documents, documents_max; /* with the root; each further link counts as one more; max 0: none */
	int64_t extents, extents_max;	  /* without the first one of each document; max 0: none */
	int64_t quota_own; /* the drive's own; quota may be smaller, by the owner's limit for all drives */
};

/* A document as it is stored. */
struct tree_node {
	/* name and parent: those of one link (a folder has just one), always the same link as long as it exists. In
	 * a delta, parent is 0 and name empty when that link was removed and others are left: the store then reads
	 * another one. */
	struct item item;
	/* bytes of the document that count in drive.used: allocated, its target and xattrs (0 when its last name
	 * goes) */
	int64_t charged;
	struct span access_acl, default_acl; /* the xattrs of these names, which creating and chmod use; empty: none */
	bool orphan;			     /* no name left, kept because somebody may have it open … */
	int64_t nameless_at; /* … since this seq; 0: for longer than a session may take to report that it has it open */
	struct span holders; /* of an orphan, when loaded: the sessions that have it open (TREE_HOLDER_BYTES each) */
	int64_t extents;     /* number of all extents, with the reserved ones, loaded or not */
	/* folders: number of entries; stored with the row, so that a check for emptiness needs no look at the
	 * entries */
	int64_t children;
};

struct tree_extent {
	int64_t node, at, len;
	enum extent_kind kind;
	uint8_t sha256[32];
	int64_t generation;
	uint32_t from, block_size;
	struct span data;
};

#define TREE_HOLDER_BYTES 8 /* the id of a session, its highest byte first */

int tree_new(const struct tree_drive *drive, int64_t now_ns, struct tree **ret);
void tree_free(struct tree *t);

#define TREE_CAPABILITY "security.capability" /* the xattr that is removed together with the set-id bits */

/* What must be loaded for a set of batches; duplicates are removed. A name (parent, name) stands for the entry and
 * the node that it leads to. Spans borrow from the batches. */
#define TREE_TAIL 9223372036854775806 /* beyond every file; bare, for SQL */

struct tree_wants {
	int64_t *nodes;
	size_t node_count;
	struct tree_name {
		int64_t parent;
		struct span name;
		bool fresh; /* an op is to add it, and is most likely refused if it exists */
	} * names;
	size_t name_count;
	/* Extents that touch [from, to) of node (at < to and at + len > from). The range includes the margin of one
	 * byte on both sides that merging needs. to = INT64_MAX: to the end. Ranges of one node are disjoint; an
	 * extent that touches two of them may be loaded twice. [TREE_TAIL, INT64_MAX): from the last byte on,
	 * wherever that is: what an append may merge with, and what is reserved there. */
	struct tree_range {
		int64_t node, from, to;
	} * ranges;
	size_t range_count;
	/* Folders whose chain of ancestors up to the root is needed (rename of a folder: a folder must not go below
	 * itself). */
	int64_t *ancestors;
	size_t ancestor_count;
	/* xattr: parent is the node. Each xattr comes with the size of all names of its node together, for the
	 * limit. */
	struct tree_name *xattrs;
	size_t xattr_count;
	uint8_t (*blocks)[32];
	size_t block_count;
	/* Extents that lie entirely in this range are counted and not loaded, see tree_wants_sweep_new. node 0:
	 * none. */
	struct tree_range sweep;
	/* The ranges may have more inline content than BATCH_LOADED_BYTES_MAX: extents beyond that are loaded
	 * without their bytes. */
	bool wide;
};
int tree_wants_new(const struct op_batch *const *batches, size_t count, uint32_t drive, struct tree_wants **ret);
/* The same for a batch that was too much even alone. Extents that it cuts away entirely need not be loaded, if only
 * one of its ops reads extents, all in one range, and cuts everything in that range (a smaller size; a write
 * without a gap). -EINVAL: not such a batch. */
int tree_wants_sweep_new(const struct op_batch *batch, uint32_t drive, struct tree_wants **ret);
void tree_wants_free(struct tree_wants *w);

/*
 * Loading. A wanted thing that was not loaded does not exist. Beyond BATCH_ROWS_MAX extents or ancestors the tree
 * takes nothing more, and refuses every batch: a store that gives one more than that has given enough. An inline
 * extent whose data is missing may be dropped as a whole; an op that needs its bytes is refused.
 */
int tree_load_node(struct tree *t, const struct tree_node *node);
int tree_load_entry(struct tree *t, int64_t parent, struct span name, int64_t child);
int tree_load_extent(struct tree *t, const struct tree_extent *extent);
/* What lies in wants.sweep: the number of extents, and the sum of their lengths. */
void tree_load_sweep(struct tree *t, const struct tree_range *range, int64_t extents, int64_t bytes);
struct tree_xattr_sums { /* over all xattrs of one node */
	size_t names;	 /* bytes of the names, plus one byte each */
	size_t total;	 /* bytes of names and values */
};
/* For each wanted (node, name). If the xattr does not exist, value.data is NULL; the sums are given anyway. */
int tree_load_xattr(
	struct tree *t, int64_t node, struct span name, struct span value, const struct tree_xattr_sums *sums);
/* One step of a chain: folder lies directly in parent. For a wanted folder every step up to the root is loaded, in
 * any order: (folder, its parent), (its parent, the parent of that), …. */
int tree_load_ancestor(struct tree *t, int64_t folder, int64_t parent);
/* A wanted block that the drive has and the batch may name. A block that is not loaded gives -ERR_BLOCK_MISSING. */
int tree_load_block(struct tree *t, const uint8_t sha256[32], int64_t generation, uint32_t size);

/*
 * Sets whose batches follow. A document that lost its last name exists for the sessions that hold it, and for
 * sessions that had begun before that and may be about to report it. For all other writers it does not exist
 * (-ENOENT), and neither for a writer without a session, which has no document open: nobody could find what they
 * would change.
 */
struct tree_writer {
	int64_t session; /* 0: none */
	int64_t began;	 /* the drive's seq at which the session, or the first one of those that it replaced, began */
};
void tree_by(struct tree *t, const struct tree_writer *writer);

/* Whether more was loaded or made than one transaction may. If so, that is the reason for -E2BIG, and a batch that
 * shares the transaction with others may fit alone. */
bool tree_is_overfull(const struct tree *t);
size_t tree_rows(const struct tree *t); /* extents and ancestors that were loaded and made so far */

/* From now on a batch is refused if it leaves the drive with more bytes or documents than it found, or with more
 * extents and no fewer bytes: -ENOSPC, without an op's index. */
void tree_no_growth(struct tree *t);

/* The drive as the batches so far have left it. */
const struct tree_drive *tree_peek_drive(const struct tree *t);

/* The most that one clone op takes (its result says how much it took): its inline pieces are held in memory. */
#define TREE_CLONE_BYTES_MAX (256ll * 1024 * 1024)

/* Applies one batch. key: what the journal shows. ret_results: an array of op_batch_count results, owned by the
 * tree; the results and what they point to are valid until tree_free. On failure ret_index is the index of the op. */
int tree_apply(struct tree *t, const struct op_batch *batch, struct span key, const struct op_result **ret_results,
	int *ret_index);

/* One journal entry. */
struct tree_change {
	int64_t seq;
	enum op_kind op;
	int64_t id, parent;
	int64_t old_parent; /* rename: the folder of old_name; link: that of the name that its row has; 0: none */
	int64_t replaced;   /* rename: it lost its name; exchange: it went to (old_parent, old_name) */
	struct span name, old_name, key;
	int64_t from, len; /* of a write; -1: none */
	uint32_t what;	   /* enum tree_what */
};
enum tree_what { TREE_CONTENT = 1, TREE_SIZE = 2, TREE_ATTRIBUTES = 4, TREE_XATTRS = 8 };

/* What the transaction must write. The tree owns all arrays, which are valid until tree_free. Deletes must be
 * written before inserts: a changed entry or extent is in both lists. */
struct tree_delta {
	struct tree_drive drive; /* new values of seq, next_number, used, documents, extents */
	const struct tree_node **created, **changed;
	size_t created_count, changed_count;
	/* Rows that go now, with their xattrs: folders. Any other document without a name stays as an orphan, since
	 * somebody may have it open. */
	const int64_t *removed_nodes;
	size_t removed_node_count;
	const struct tree_entry {
		int64_t parent, child;
		struct span name;
	} * removed_entries, *added_entries;
	size_t removed_entry_count, added_entry_count;
	const struct tree_extent **removed_extents, **added_extents; /* removed: identified by (node, at) */
	size_t removed_extent_count, added_extent_count;
	/* All extents of these nodes go, loaded or not (replace, truncate to 0), before added_extents are inserted. */
	const int64_t *cleared_nodes;
	size_t cleared_node_count;
	struct tree_range swept; /* extents entirely in this range go at the same time; node 0: none */
	const struct tree_xattr {
		int64_t node;
		struct span name, value;
		bool removed;
	} * xattrs;
	size_t xattr_count;
	const struct tree_change *changes;
	size_t change_count;
};
int tree_delta(struct tree *t, const struct tree_delta **ret); /* after the last tree_apply */

#endif
