/*
 * tree_internal: shared by the files of the rules. tree.c has the working set and its undo log; tree_pieces.c the
 * extents of one document; the others are the ops by subject.
 *
 * Everything in the working set is changed through tree_row_edit, tree_pieces_edit, tree_entry_set and
 * tree_xattr_set, which note the state from before the batch.
 */
#ifndef NEPHOS_DOCS_TREE_INTERNAL_H
#define NEPHOS_DOCS_TREE_INTERNAL_H

#include "common/rules/tree.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* One extent. Immutable once the batch that made it is over; until then it belongs to that batch alone and may be
 * changed in place. */
struct tree_piece {
	struct tree_extent extent;	    /* first: tree_delta returns pointers to it */
	struct tree_piece *next, *previous; /* all pieces of the tree, newest first */
	char *bytes;			    /* inline: extent.data begins here */
	size_t capacity;
	uint32_t born; /* number of the batch that made it; 0: loaded */
	bool kept;     /* for tree_delta: a document still has it */
};

struct tree_pieces { /* ordered by at; never overlapping */
	struct tree_piece **list;
	size_t count, capacity;
	bool sorted; /* false: loading appends without order */
};

struct tree_row_state {
	struct tree_node node;
	bool exists;
	bool dirty;
	bool cleared;	    /* all extents that are not in pieces are removed */
	size_t xattr_bytes; /* of names */
	size_t xattr_total; /* of names and values */
};

struct tree_row {
	int64_t id;
	struct tree_row_state now;
	struct tree_pieces pieces;
	bool loaded;
	uint32_t saved_in, pieces_saved_in; /* the batch whose undo log has their former state */
	UT_hash_handle hh;
};

struct tree_link {	       /* an entry of a folder, or its absence */
	int64_t child, loaded; /* 0: none */
	uint32_t saved_in;
	UT_hash_handle hh;
	struct span name;
	struct tree_key { /* of the hash table: parent and name together */
		int64_t parent;
		char name[];
	} key;
};

struct tree_attr {
	struct span value;
	bool exists, loaded, dirty;
	uint32_t saved_in;
	UT_hash_handle hh;
	struct span name;
	struct tree_key key; /* parent: the node */
};

struct tree_step {
	int64_t folder, parent;
	UT_hash_handle hh;
};

struct tree_block {
	uint8_t sha256[32];
	int64_t generation;
	uint32_t size;
	UT_hash_handle hh;
};

struct tree_undo {
	enum { TREE_UNDO_ROW, TREE_UNDO_PIECES, TREE_UNDO_LINK, TREE_UNDO_ATTR } kind;
	void *what;
	union {
		struct tree_row_state *row;
		struct tree_pieces pieces;
		int64_t child;
		struct {
			struct span value;
			bool exists, dirty;
		} attr;
	} was;
};

struct tree_chunk;

struct tree {
	struct tree_drive drive;
	int64_t now;
	uint32_t batch; /* counted from 1: things with another number were not made by this batch */
	struct tree_row *rows;
	struct tree_link *links;
	struct tree_attr *attrs;
	struct tree_step *steps;
	struct tree_block *blocks;
	struct tree_piece *pieces; /* all, newest first */
	struct tree_undo *undo;
	size_t undo_count, undo_capacity;
	struct tree_change *changes;
	size_t change_count, change_capacity;
	struct tree_chunk *chunks;
	struct tree_delta delta;
	bool any_protected;	   /* a document here may be protected: true may be wrong, false never is */
	struct tree_writer writer; /* see tree_by */
	bool overfull;		   /* see tree_is_overfull */
	bool no_growth;
	struct tree_sweep {
		struct tree_range range; /* node 0: none */
		int64_t extents, bytes;
		bool done; /* the running batch has done it */
	} sweep;
	size_t rows_loaded, rows_made; /* extents, of all batches; ancestors count as loaded */
	size_t bytes_cloned;
};

/* One op while it is applied. */
struct tree_call {
	struct tree *tree;
	const struct op *op;
	int64_t seq; /* of this op */
	struct op_result *result;
	struct tree_change change;
};

/* ---- tree.c ---- */
void *tree_alloc(struct tree *t, size_t size); /* valid until tree_free; zeroed; NULL: no memory */
int tree_copy(struct tree *t, struct span s, struct span *ret);
#define TREE_POINTER_BYTES sizeof(void *) /* size of an element in a list of pointers */
/* Counts one more row of a kind. -E2BIG: too many for one transaction. */
int tree_count_row(struct tree *t, size_t *rows);
/* Makes room for one more element of an array. */
int tree_grow(void **list, size_t *capacity, size_t count, size_t element);

struct tree_row *tree_row_find(struct tree *t, int64_t id); /* only if it exists */
int tree_row_new(struct tree *t, int64_t id,
	struct tree_row **ret); /* to be edited, not existing yet; -EEXIST: the id is or was in use here */
int tree_row_edit(struct tree *t, struct tree_row *row);
int tree_pieces_edit(struct tree *t, struct tree_row *row);
int64_t tree_child(struct tree *t, int64_t parent, struct span name); /* 0: no such entry */
int tree_entry_set(struct tree *t, int64_t parent, struct span name, int64_t child);
struct tree_attr *tree_xattr_find(struct tree *t, int64_t node, struct span name);	      /* only if it exists */
int tree_xattr_set(struct tree *t, int64_t node, struct span name, const struct span *value); /* NULL: removed */
int64_t tree_step_find(struct tree *t, int64_t folder); /* its parent as loaded; 0: not known */

static inline bool tree_is_folder(const struct tree_row *row)
{
	return (row->now.node.item.mode & 0170000) == 0040000;
}

static inline bool tree_is_file(const struct tree_row *row)
{
	return (row->now.node.item.mode & 0170000) == 0100000;
}

/* ---- what all ops need ---- */
/* Finds the op's document and checks if_match. -ENOENT, -ERR_PRECONDITION. */
int tree_op_document(struct tree_call *c, struct tree_row **ret);
int tree_check_match(const struct tree_call *c, const struct tree_row *row);
/* Notes that this op changes the document: prepares it for editing, sets seq and ctime. */
int tree_touch(struct tree_call *c, struct tree_row *row);
/* Notes that the children of a folder changed: also sets its mtime and content_seq. */
int tree_touch_folder(struct tree_call *c, struct tree_row *folder);
void tree_result_item(struct tree_call *c, const struct tree_row *row);
/* The same, with this one of its names. */
void tree_result_link(struct tree_call *c, const struct tree_row *row, const struct tree_row *folder, struct span name);
/* The same as tree_result_item, and the journal entry names this document, with the name in its row. */
void tree_result_document(struct tree_call *c, const struct tree_row *row);
/* Adds change to the bytes that the document is charged for. */
void tree_charge(struct tree *t, struct tree_row *row, int64_t change);
/* The same for a change of its allocated bytes. */
void tree_charge_content(struct tree *t, struct tree_row *row, int64_t allocated_change);
/* The last name is gone: nothing is charged any more. The caller has called tree_row_edit for row. */
void tree_uncharge(struct tree *t, struct tree_row *row);

/* ---- the ops ---- */
int tree_op_create(struct tree_call *c);
int tree_op_unlink(struct tree_call *c);
int tree_op_rmdir(struct tree_call *c);
int tree_op_rename(struct tree_call *c);
int tree_op_link(struct tree_call *c);
int tree_op_write(struct tree_call *c);
int tree_op_clone(struct tree_call *c);
int tree_op_setattr(struct tree_call *c);
int tree_op_setxattr(struct tree_call *c);
int tree_op_removexattr(struct tree_call *c);

/* Finds the entry (parent, name) of an unlink, rmdir or rename. -ENOENT, -ENOTDIR, -ESTALE (another id),
 * -ERR_PRECONDITION. */
int tree_entry_take(struct tree_call *c, struct tree_row **ret_folder, struct tree_row **ret_child);
/* Finds the folder for a new name. -ERR_PARENT_MISSING, -ENOTDIR, -EXDEV. */
int tree_target_folder(struct tree_call *c, int64_t id, struct tree_row **ret);
/* A document loses one name in a folder (the caller removes the entry): updates counts, makes an orphan, or ends a
 * folder. -ENOTEMPTY. */
int tree_lose_name(struct tree_call *c, struct tree_row *folder, struct tree_row *child, struct span name);

/* ---- tree_content.c ---- */
/* Sets the size of a regular file, after tree_touch, and removes what lies beyond it. Notes a change of size in
 * content_seq and in the journal entry. -EISDIR, -EINVAL: not a file. */
int tree_resize(struct tree_call *c, struct tree_row *row, int64_t size);

/* ---- tree_protect.c ---- */
/* -EPERM: the op would change something immutable or append-only. For documents that do not exist, the op itself
 * fails. */
int tree_check_protection(const struct tree_call *c);

/* ---- tree_attributes.c ---- */
/* Sets mode, owner and times as in the op, and notes that in the journal entry. */
int tree_set_attributes(struct tree_call *c, struct tree_row *row);

/* ---- tree_acl.c: after tree_touch; each keeps the xattr, the mode and the copy in the row in step ---- */
/* Sets the ACL of the op. -EOPNOTSUPP, -EACCES, -EINVAL, -E2BIG. */
int tree_acl_set(struct tree_call *c, struct tree_row *row, bool is_default);
int tree_acl_remove(struct tree_call *c, struct tree_row *row, bool is_default);
/* Adapts the access ACL after the mode was set. */
int tree_acl_chmod(struct tree_call *c, struct tree_row *row);
/* For a new document: applies its folder's default ACL, or else the umask. */
int tree_acl_inherit(struct tree_call *c, const struct tree_row *folder, struct tree_row *row);
/* Counts an xattr of this name that is added, removed or changed: the size of its value before and after, -1 for
 * none. Charges the difference. */
void tree_xattr_count(struct tree *t, struct tree_row *row, struct span name, int64_t before, int64_t after);

/* ---- tree_pieces.c: on the extents of one row, after tree_pieces_edit; ret_change is by how many allocated bytes
 * the document grows (or shrinks, negative) ---- */
int tree_pieces_cut(struct tree *t, struct tree_row *row, int64_t from, int64_t to, int64_t *ret_change);
/* Puts a copy of extent in, in place of anything that lies there, and merges it with its neighbours. */
int tree_pieces_put(struct tree *t, struct tree_row *row, const struct tree_extent *extent, int64_t *ret_change);
void tree_pieces_clear(struct tree *t, struct tree_row *row);
/* Index of the first piece that ends behind offset at. */
size_t tree_pieces_at(struct tree_row *row, int64_t at);
void tree_pieces_sort(struct tree *t, struct tree_row *row);
int tree_piece_new(struct tree *t, const struct tree_extent *extent, struct tree_piece **ret); /* copies the data */
void tree_piece_free(struct tree *t, struct tree_piece *piece);
/* For an op that needs the piece's bytes. -E2BIG: they were not loaded. */
int tree_piece_need(struct tree *t, const struct tree_piece *piece);

#endif
