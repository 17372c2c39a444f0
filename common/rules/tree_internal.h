/*
 * tree_internal: what the files of the rules share. tree.c keeps the working set and its undo log; tree_pieces.c the
 * extents of one document; the others are the ops by noun.
 *
 * Everything in the working set is changed through tree_row_edit, tree_pieces_edit, tree_entry_set and tree_xattr_set,
 * which note what was there before the batch began.
 */
#ifndef NEPHOS_DOCS_TREE_INTERNAL_H
#define NEPHOS_DOCS_TREE_INTERNAL_H

#include "common/rules/tree.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* One extent. Immutable once the batch that made it is over; until then it belongs to that batch alone and may be
 * changed in place. */
struct tree_piece {
	struct tree_extent extent;	    /* first: tree_delta gives pointers to it */
	struct tree_piece *next, *previous; /* all of the tree, newest first */
	char *bytes;			    /* inline: extent.data begins here */
	size_t capacity;
	uint32_t born; /* batch; 0: loaded */
	bool kept;     /* tree_delta: still there */
};

struct tree_pieces { /* by at; never overlapping */
	struct tree_piece **list;
	size_t count, capacity;
	bool sorted; /* loading appends */
};

struct tree_row_state {
	struct tree_node node;
	bool exists;
	bool dirty;
	bool cleared;	    /* all extents that are not in pieces are gone */
	size_t xattr_bytes; /* of names */
	size_t xattr_total; /* of names and values */
};

struct tree_row {
	int64_t id;
	struct tree_row_state now;
	struct tree_pieces pieces;
	bool loaded;
	uint32_t saved_in, pieces_saved_in; /* the batch whose undo log has it */
	UT_hash_handle hh;
};

struct tree_link {	       /* an entry of a folder, or the lack of one */
	int64_t child, loaded; /* 0: none */
	uint32_t saved_in;
	UT_hash_handle hh;
	struct span name;
	struct tree_key { /* of the hash: parent and name together */
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
	uint32_t batch; /* counted from 1: what has another number is not this batch's own */
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
	bool any_protected;	   /* a document here may be: a guess that errs to yes */
	struct tree_writer writer; /* see tree_by */
	bool overfull;		   /* see tree_is_overfull */
	bool no_growth;
	struct tree_sweep {
		struct tree_range range; /* node 0: none */
		int64_t extents, bytes;
		bool done; /* by the batch */
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
void *tree_alloc(struct tree *t, size_t size); /* until tree_free; zeroed; NULL: no memory */
int tree_copy(struct tree *t, struct span s, struct span *ret);
#define TREE_POINTER_BYTES sizeof(void *) /* an element of a list of pointers */
/* One more row of a kind. -E2BIG: too many for one transaction. */
int tree_count_row(struct tree *t, size_t *rows);
/* Makes room for one more element of an array. */
int tree_grow(void **list, size_t *capacity, size_t count, size_t element);

struct tree_row *tree_row_find(struct tree *t, int64_t id); /* only what exists */
int tree_row_new(struct tree *t, int64_t id,
	struct tree_row **ret); /* edited, not existing yet; -EEXIST: is or was a document in this transaction */
int tree_row_edit(struct tree *t, struct tree_row *row);
int tree_pieces_edit(struct tree *t, struct tree_row *row);
int64_t tree_child(struct tree *t, int64_t parent, struct span name); /* 0: no such entry */
int tree_entry_set(struct tree *t, int64_t parent, struct span name, int64_t child);
struct tree_attr *tree_xattr_find(struct tree *t, int64_t node, struct span name);	      /* only what exists */
int tree_xattr_set(struct tree *t, int64_t node, struct span name, const struct span *value); /* NULL: removed */
int64_t tree_step_find(struct tree *t, int64_t folder); /* its parent as it was loaded, 0: not known */

static inline bool tree_is_folder(const struct tree_row *row)
{
	return (row->now.node.item.mode & 0170000) == 0040000;
}

static inline bool tree_is_file(const struct tree_row *row)
{
	return (row->now.node.item.mode & 0170000) == 0100000;
}

/* ---- what all ops need ---- */
/* The op's document, if_match checked. -ENOENT, -ERR_PRECONDITION. */
int tree_op_document(struct tree_call *c, struct tree_row **ret);
int tree_check_match(const struct tree_call *c, const struct tree_row *row);
/* Changed by this op: edited, seq and ctime set. */
int tree_touch(struct tree_call *c, struct tree_row *row);
/* A folder whose children changed: times, content_seq; and it is one of the result's dirs. */
int tree_touch_folder(struct tree_call *c, struct tree_row *folder);
void tree_result_item(struct tree_call *c, const struct tree_row *row);
/* The same, under this name of its. */
void tree_result_link(struct tree_call *c, const struct tree_row *row, const struct tree_row *folder, struct span name);
/* As tree_result_item, and the journal entry is about this document under the name that is known. */
void tree_result_document(struct tree_call *c, const struct tree_row *row);
/* What is charged for the document changed by so much. */
void tree_charge(struct tree *t, struct tree_row *row, int64_t change);
/* The same, by its allocated bytes. */
void tree_charge_content(struct tree *t, struct tree_row *row, int64_t allocated_change);
/* The last name went: nothing is charged any more. Row must be edited. */
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

/* The entry (parent, name) as unlink, rmdir and rename name it. -ENOENT, -ENOTDIR, -ESTALE (another id),
 * -ERR_PRECONDITION. */
int tree_entry_take(struct tree_call *c, struct tree_row **ret_folder, struct tree_row **ret_child);
/* The folder in which a new name is to lie. -ERR_PARENT_MISSING, -ENOTDIR, -EXDEV. */
int tree_target_folder(struct tree_call *c, int64_t id, struct tree_row **ret);
/* A document loses one name in a folder (its entry is the caller's): counts, orphan, or end of a folder. -ENOTEMPTY. */
int tree_lose_name(struct tree_call *c, struct tree_row *folder, struct tree_row *child, struct span name);

/* ---- tree_content.c ---- */
/* The size of a regular file, after tree_touch: what lies beyond goes. Notes a change of size in content_seq and in the
 * journal entry. -EISDIR, -EINVAL: not a file. */
int tree_resize(struct tree_call *c, struct tree_row *row, int64_t size);

/* ---- tree_protect.c ---- */
/* -EPERM: the op would change what is immutable or append-only. What is not there is the op's to say. */
int tree_check_protection(const struct tree_call *c);

/* ---- tree_attributes.c ---- */
/* mode, owner and times as the op gives them; notes it in the journal entry. */
int tree_set_attributes(struct tree_call *c, struct tree_row *row);

/* ---- tree_acl.c: after tree_touch; each keeps xattr, mode and what the row says of it in step ---- */
/* The op sets an ACL. -EOPNOTSUPP, -EACCES, -EINVAL, -E2BIG. */
int tree_acl_set(struct tree_call *c, struct tree_row *row, bool is_default);
int tree_acl_remove(struct tree_call *c, struct tree_row *row, bool is_default);
/* The mode was set: the access ACL follows. */
int tree_acl_chmod(struct tree_call *c, struct tree_row *row);
/* A new document: what it gets from its folder's default ACL, or else the umask. */
int tree_acl_inherit(struct tree_call *c, const struct tree_row *folder, struct tree_row *row);
/* What xattrs a row has, as one of this name comes, goes or changes: the bytes of its value before and after, -1
 * for none. They are charged. */
void tree_xattr_count(struct tree *t, struct tree_row *row, struct span name, int64_t before, int64_t after);

/* ---- tree_pieces.c: on the extents of one row, after tree_pieces_edit; each says in ret_change how many bytes are
 * allocated more (or less, negative) ---- */
int tree_pieces_cut(struct tree *t, struct tree_row *row, int64_t from, int64_t to, int64_t *ret_change);
/* Puts a copy of extent in, over whatever lies there, and merges it with its neighbours. */
int tree_pieces_put(struct tree *t, struct tree_row *row, const struct tree_extent *extent, int64_t *ret_change);
void tree_pieces_clear(struct tree *t, struct tree_row *row);
/* Index of the first piece that ends behind at. */
size_t tree_pieces_at(struct tree_row *row, int64_t at);
void tree_pieces_sort(struct tree *t, struct tree_row *row);
int tree_piece_new(struct tree *t, const struct tree_extent *extent, struct tree_piece **ret); /* copies the data */
void tree_piece_free(struct tree *t, struct tree_piece *piece);
/* Its bytes are needed. -E2BIG: they were not loaded. */
int tree_piece_need(struct tree *t, const struct tree_piece *piece);

#endif
