/*
 * trial: a drive in memory for tests of the rules. Each apply is a transaction as commit would make it
 * (wants, load, apply, delta, write), after which the whole drive is checked. What a result points to is
 * valid until the next apply.
 */
#ifndef NEPHOS_TESTS_DOCS_TRIAL_H
#define NEPHOS_TESTS_DOCS_TRIAL_H

#include "backend/docs/rows/docs_mem.h"

#define TRIAL_NOW_NS 1700000000000000000ll
#define TRIAL_BATCHES_MAX 8

struct trial {
	struct docs_mem *mem;
	struct docs_store *store;
	struct tree *tree;
	uint32_t drive;
	int64_t root;
	int64_t now; /* raised by 1 s at each apply */
	int index;   /* of the op that failed */
	/* Cut without loading what can be cut so (tree_wants_sweep_new). */
	bool sweeps;
	bool swept;		   /* the last apply did so */
	struct tree_writer writer; /* of the batches: a session that was there from the start */
};

void trial_init(struct trial *t);
void trial_fini(struct trial *t);
/* For cmocka: each test has a trial of its own in *state. */
int trial_setup(void **state);
int trial_teardown(void **state);
#define TRIAL_CASE(name) cmocka_unit_test_setup_teardown(name, trial_setup, trial_teardown)

/* Applies one batch. results (may be NULL) are those of its ops. */
int trial_apply(struct trial *t, const struct op *ops, size_t count, const struct op_result **ret_results);
/* Applies several batches in one transaction. error and results are those of each batch. */
struct trial_batch {
	const struct op *ops;
	size_t count;
	int error;
	const struct op_result *results;
};
void trial_apply_all(struct trial *t, struct trial_batch *batches, size_t count);

/* Applies one op, which must succeed; returns its result. */
const struct op_result *trial_do(struct trial *t, const struct op *op);
int trial_error(struct trial *t, const struct op *op);

/* Make a document in passing; return its id. */
int64_t trial_file(struct trial *t, int64_t parent, const char *name);
int64_t trial_folder(struct trial *t, int64_t parent, const char *name);
int64_t trial_reserve(struct trial *t, uint32_t count);		/* returns the first id */
void trial_block(struct trial *t, uint8_t mark, uint32_t size); /* a stored block whose hash is mark and zeros */
void trial_write(struct trial *t, int64_t id, int64_t at, const char *text);

struct item trial_item(struct trial *t, int64_t id); /* it must exist; spans are the store's */
bool trial_is_gone(struct trial *t, int64_t id);
int64_t trial_lookup(struct trial *t, int64_t parent, const char *name); /* 0: no such name */
int64_t trial_used(struct trial *t);
int64_t trial_seq(struct trial *t);
void trial_quota(struct trial *t, int64_t bytes);
size_t trial_extents(struct trial *t, int64_t id);
/* Returns the last journal entry; spans are the store's. */
struct tree_change trial_change(struct trial *t);

/* Make an op in one line. */
struct op op_create_file(int64_t parent, const char *name);
struct op op_create_folder(int64_t parent, const char *name);
struct op op_unlink_of(int64_t parent, const char *name);
struct op op_rmdir_of(int64_t parent, const char *name);
struct op op_rename_of(int64_t parent, const char *name, int64_t new_parent, const char *new_name);
struct op op_link_of(int64_t id, int64_t parent, const char *name);

#endif
