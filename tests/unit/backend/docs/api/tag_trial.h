/*
 * tag_trial: whether tags tell the truth. A drive changes at random, and the handlers are asked at random for
 * answers that may be kept. The trial keeps an answer with tags until a journal entry touches one of them. As
 * long as it is kept, the handler must give the same answer, byte for byte.
 *
 * The position is an exception: it belongs to the drive and changes with every entry. A cache fills in the
 * position up to which it knows that the answer is true. The position stands in Nephos-Seq and in the head of
 * a compact form.
 *
 * The drive in memory always exists, since it decides which ops and questions make sense. The store that is
 * asked may be another one, to which the same ops are done. One rule by which an entry touches a tag can be
 * taken out: then a kept answer has to be wrong before long, or the rule is useless. One thread.
 */
#ifndef NEPHOS_TESTS_DOCS_TAG_TRIAL_H
#define NEPHOS_TESTS_DOCS_TAG_TRIAL_H

#include "backend/docs/blocks/block_mem.h"
#include "tests/unit/backend/docs/api/fake_request.h"
#include "tests/unit/backend/docs/rules/random_op.h"

#include "common/proto/tag.h"

/* The document of a journal entry to which a tag belongs. */
enum tag_trial_whose { TAG_TRIAL_ID, TAG_TRIAL_PARENT, TAG_TRIAL_OLD_PARENT, TAG_TRIAL_REPLACED };

struct tag_trial_rule {
	enum op_kind op;
	enum tag_kind kind;
	enum tag_trial_whose whose;
};

struct tag_trial_side {
	struct docs_store *store;
	struct docs_scope scope; /* user and drive */
	struct tree *tree;	 /* of the last transaction */
};

struct tag_trial {
	struct tag_trial_side memory, other; /* other.store NULL: memory is asked */
	struct random_op random;
	struct docs docs;
	int64_t now;
	int64_t seq; /* the journal has been read up to here */
	struct tag_trial_kept *kept;
	size_t kept_count;
	const struct tag_trial_rule *without; /* NULL: all rules hold */
	bool stale;			      /* a kept answer was wrong; no failure while a rule is taken out */
	/* How much the trial did. */
	unsigned tagged, untagged, compared, dropped;
	unsigned entries[OP_KINDS];
	unsigned by_kind[TAG_KINDS];
};

/* Stores the blocks that random ops name on both sides. other: all zeros for none, or a side with a fresh drive. */
void tag_trial_init(struct tag_trial *t, uint64_t seed, const struct tag_trial_side *other);
void tag_trial_fini(struct tag_trial *t);
/* Repeats `rounds` times: questions, a transaction, comparing. Fails the test when a kept answer is wrong; if
 * a rule is taken out, ends instead. */
void tag_trial_run(struct tag_trial *t, unsigned rounds);

#endif
