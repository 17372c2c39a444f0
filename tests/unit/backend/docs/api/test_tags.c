/*
 * Answers say truly what they were made from: random drives, through the handlers themselves. TAGS_SEED=N
 * repeats a run, TAGS_SEEDS=N sets how many seeds are tried.
 */
#include "tests/unit/backend/docs/api/tag_trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define SEEDS 60
#define ROUNDS 40
#define RULE_SEEDS_MAX 1000 /* a missing rule has shown itself by then; the rarest took some dozens */

static const struct tag_trial_side none = {0};

static uint64_t number_from(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

static void an_answer_stays_the_same_until_a_journal_entry_touches_its_tags(void **state)
{
	const uint64_t first = number_from("TAGS_SEED", 1), seeds = number_from("TAGS_SEEDS", SEEDS);
	unsigned tagged = 0, compared = 0, dropped = 0, entries[OP_KINDS] = {0}, by_kind[TAG_KINDS] = {0};

	(void)state;
	for (uint64_t seed = first; seed < first + seeds; seed++) {
		struct tag_trial t;

		tag_trial_init(&t, seed, &none);
		tag_trial_run(&t, ROUNDS);
		tagged += t.tagged;
		compared += t.compared;
		dropped += t.dropped;
		for (size_t i = 0; i < OP_KINDS; i++)
			entries[i] += t.entries[i];
		for (size_t i = 0; i < TAG_KINDS; i++)
			by_kind[i] += t.by_kind[i];
		tag_trial_fini(&t);
	}
	print_message("%u answers kept, %u dropped, %u compared\n", tagged, dropped, compared);
	for (size_t i = 0; i < OP_KINDS; i++)
		assert_true(entries[i] > 0);
	for (size_t i = 0; i < TAG_KINDS; i++)
		assert_true(by_kind[i] > 0);
}

/*
 * tag_touched touches more tags than these, but it need not: no answer has a new document yet, a file has no
 * listing, and a folder has no content. An answer that shows what a name leads to also has that document's
 * attributes, which are touched together with the name.
 */
static const struct tag_trial_rule RULES[] = {
	{OP_CREATE, TAG_NAME, TAG_TRIAL_PARENT},
	{OP_CREATE, TAG_LISTING, TAG_TRIAL_PARENT},
	{OP_CREATE, TAG_ATTRIBUTES, TAG_TRIAL_PARENT},
	{OP_LINK, TAG_NAME, TAG_TRIAL_PARENT},
	{OP_LINK, TAG_LISTING, TAG_TRIAL_PARENT},
	{OP_LINK, TAG_ATTRIBUTES, TAG_TRIAL_PARENT},
	{OP_LINK, TAG_ATTRIBUTES, TAG_TRIAL_ID},
	{OP_LINK, TAG_LISTING, TAG_TRIAL_OLD_PARENT},
	{OP_UNLINK, TAG_LISTING, TAG_TRIAL_PARENT},
	{OP_UNLINK, TAG_ATTRIBUTES, TAG_TRIAL_PARENT},
	{OP_UNLINK, TAG_ATTRIBUTES, TAG_TRIAL_ID},
	{OP_UNLINK, TAG_CONTENT, TAG_TRIAL_ID},
	{OP_UNLINK, TAG_XATTRS, TAG_TRIAL_ID},
	{OP_RMDIR, TAG_LISTING, TAG_TRIAL_PARENT},
	{OP_RMDIR, TAG_ATTRIBUTES, TAG_TRIAL_PARENT},
	{OP_RMDIR, TAG_ATTRIBUTES, TAG_TRIAL_ID},
	{OP_RMDIR, TAG_XATTRS, TAG_TRIAL_ID},
	{OP_RMDIR, TAG_LISTING, TAG_TRIAL_ID},
	{OP_RENAME, TAG_NAME, TAG_TRIAL_OLD_PARENT},
	{OP_RENAME, TAG_NAME, TAG_TRIAL_PARENT},
	{OP_RENAME, TAG_LISTING, TAG_TRIAL_OLD_PARENT},
	{OP_RENAME, TAG_LISTING, TAG_TRIAL_PARENT},
	{OP_RENAME, TAG_ATTRIBUTES, TAG_TRIAL_OLD_PARENT},
	{OP_RENAME, TAG_ATTRIBUTES, TAG_TRIAL_PARENT},
	{OP_RENAME, TAG_ATTRIBUTES, TAG_TRIAL_ID},
	{OP_RENAME, TAG_ATTRIBUTES, TAG_TRIAL_REPLACED},
	{OP_RENAME, TAG_CONTENT, TAG_TRIAL_REPLACED},
	{OP_RENAME, TAG_XATTRS, TAG_TRIAL_REPLACED},
	{OP_RENAME, TAG_LISTING, TAG_TRIAL_REPLACED},
	{OP_WRITE, TAG_ATTRIBUTES, TAG_TRIAL_ID},
	{OP_WRITE, TAG_LISTING, TAG_TRIAL_PARENT},
	{OP_WRITE, TAG_CONTENT, TAG_TRIAL_ID},
	{OP_WRITE, TAG_XATTRS, TAG_TRIAL_ID}, /* security.capability */
	{OP_SETATTR, TAG_ATTRIBUTES, TAG_TRIAL_ID},
	{OP_SETATTR, TAG_LISTING, TAG_TRIAL_PARENT},
	{OP_SETATTR, TAG_CONTENT, TAG_TRIAL_ID},
	{OP_SETATTR, TAG_XATTRS, TAG_TRIAL_ID}, /* an ACL follows the mode */
	{OP_SETXATTR, TAG_ATTRIBUTES, TAG_TRIAL_ID},
	{OP_SETXATTR, TAG_LISTING, TAG_TRIAL_PARENT},
	{OP_SETXATTR, TAG_XATTRS, TAG_TRIAL_ID},
	{OP_REMOVEXATTR, TAG_ATTRIBUTES, TAG_TRIAL_ID},
	{OP_REMOVEXATTR, TAG_LISTING, TAG_TRIAL_PARENT},
	{OP_REMOVEXATTR, TAG_XATTRS, TAG_TRIAL_ID},
	{OP_CLONE, TAG_ATTRIBUTES, TAG_TRIAL_ID},
	{OP_CLONE, TAG_LISTING, TAG_TRIAL_PARENT},
	{OP_CLONE, TAG_CONTENT, TAG_TRIAL_ID},
};

static void removing_any_one_tag_rule_makes_some_kept_answer_stale(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(RULES) / sizeof(RULES[0]); i++) {
		bool stale = false;
		uint64_t seed;

		for (seed = 1; !stale && seed < RULE_SEEDS_MAX; seed++) {
			struct tag_trial t;

			tag_trial_init(&t, seed, &none);
			t.without = &RULES[i];
			tag_trial_run(&t, ROUNDS);
			stale = t.stale;
			tag_trial_fini(&t);
		}
		if (getenv("TAGS_SAY"))
			print_message("%s, tag %d, of %d: %d after %d drives\n", op_kind_name(RULES[i].op),
				(int)RULES[i].kind, (int)RULES[i].whose, (int)stale, (int)seed - 1);
		if (!stale)
			fail_msg("nothing is wrong without tag %d of %d in %s", (int)RULES[i].kind, (int)RULES[i].whose,
				op_kind_name(RULES[i].op));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_stays_the_same_until_a_journal_entry_touches_its_tags),
		cmocka_unit_test(removing_any_one_tag_rule_makes_some_kept_answer_stale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
