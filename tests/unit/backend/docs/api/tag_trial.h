/*
 * tag_trial: whether tags tell the truth. A drive changes at random, and all the while the handlers are asked at
 * random for what may be kept. An answer with tags is kept until a journal entry touches one of them; as long as it is
 * kept, it is what the handler answers, byte for byte.
 *
 * But for the position: it is the drive's and changes with every entry; a cache says the one up to which it knows that
 * the answer is true. It stands in Nephos-Seq and in the head of a compact form.
 *
 * The drive in memory is always there, since what is done and asked goes by what there is; the store that is asked may
 * be another one that has the same done to it. A rule by which an entry touches something can be taken out: then a kept
 * answer has to be wrong before long, or the rule is for nothing. One thread.
 */
#ifndef NEPHOS_TESTS_DOCS_TAG_TRIAL_H
#define NEPHOS_TESTS_DOCS_TAG_TRIAL_H

#include "backend/docs/blocks/block_mem.h"
#include "tests/unit/backend/docs/api/fake_request.h"
#include "tests/unit/backend/docs/rules/random_op.h"

#include "common/proto/tag.h"

/* Which document of an entry a tag is about. */
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
	int64_t seq; /* up to where the journal has been read */
	struct tag_trial_kept *kept;
	size_t kept_count;
	const struct tag_trial_rule *without; /* NULL: all rules hold */
	bool stale;			      /* a kept answer was wrong; without a rule that is no failure */
	/* How much was tried. */
	unsigned tagged, untagged, compared, dropped;
	unsigned entries[OP_KINDS];
	unsigned by_kind[TAG_KINDS];
};

/* Blocks that random ops name are stored on both sides; other: all zeros, or a side with a drive that nothing was done
 * to. */
void tag_trial_init(struct tag_trial *t, uint64_t seed, const struct tag_trial_side *other);
void tag_trial_fini(struct tag_trial *t);
/* So many times: questions, a transaction, comparing. Fails the test when a kept answer is wrong, or ends. */
void tag_trial_run(struct tag_trial *t, unsigned rounds);

#endif
