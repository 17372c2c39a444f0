/*
 * Answers over rows in PostgreSQL, too, say truly what they were made from. This is a short run: test_tags
 * does more, and shows that it fails when any one rule is missing.
 */
#include "tests/unit/backend/docs/api/tag_trial.h"
#include "tests/unit/backend/docs/rows/pg/pg_fixture.h"

#define ROUNDS 60

static void an_answer_stays_the_same_until_a_journal_entry_touches_its_tags(void **state)
{
	struct worker *w = *state;
	const struct tag_trial_side rows = {.store = w->store, .scope = w->scope};
	struct tag_trial t;

	tag_trial_init(&t, 1, &rows);
	tag_trial_run(&t, ROUNDS);
	print_message("%u answers kept, %u dropped, %u compared\n", t.tagged, t.dropped, t.compared);
	for (size_t i = 0; i < TAG_KINDS; i++)
		assert_true(t.by_kind[i] > 0);
	tag_trial_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_worker(an_answer_stays_the_same_until_a_journal_entry_touches_its_tags),
	};

	return cmocka_run_group_tests(tests, server_start, server_stop);
}
