#include "common/proto/fill.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define LONG 1000 /* the length of trust */

/* -- positions -- */

static void a_view_is_trusted_only_as_long_as_a_journal_answer_proves(void **state)
{
	struct fill_view v;

	(void)state;
	fill_view_init(&v, 0, 0);
	assert_false(fill_trusted(&v, 1));
	fill_view_follow(&v, 10, 1, 5 + LONG);
	assert_true(fill_trusted(&v, 4 + LONG));
	assert_int_equal(fill_trust_left_ns(&v, 4 + LONG), 1);
	assert_false(fill_trusted(&v, 5 + LONG));
	assert_int_equal(fill_trust_left_ns(&v, 6 + LONG), 0);
	/* An answer that a later one has overtaken takes nothing away. */
	fill_view_follow(&v, 10, 1, 3 + LONG);
	assert_true(fill_trusted(&v, 4 + LONG));
	fill_view_follow(&v, 11, 1, 0); /* an answer that proves nothing gives nothing */
	assert_false(fill_trusted(&v, 5 + LONG));
}

static void older_kept_answers_are_barred_until_the_journal_reaches_a_seen_position(void **state)
{
	struct fill_view v;

	(void)state;
	fill_view_init(&v, 0, 0);
	fill_view_follow(&v, 10, 1, LONG);
	fill_view_saw(&v, 1, 10, 1);
	assert_int_equal(fill_needed(&v, 1), 0);
	fill_view_saw(&v, 1, 13, 1);
	assert_int_equal(fill_needed(&v, 1), 13);
	fill_view_follow(&v, 12, 1, LONG);
	assert_int_equal(fill_needed(&v, 1), 13);
	fill_view_follow(&v, 13, 1, LONG);
	assert_int_equal(fill_needed(&v, 1), 0);
	fill_view_saw(&v, 1, 5, 1);
	fill_view_saw(&v, 0, 0, 1);
	assert_int_equal(fill_needed(&v, 1), 0);
}

static void kept_answers_stay_usable_for_a_grace_while_the_journal_is_behind(void **state)
{
	struct fill_view v;

	(void)state;
	fill_view_init(&v, 0, 20);
	fill_view_follow(&v, 10, 100, LONG);
	fill_view_saw(&v, 1, 11, 100);
	assert_true(fill_behind(&v));
	assert_int_equal(fill_needed(&v, 119), 0);
	assert_int_equal(fill_needed(&v, 120), 11);
	fill_view_saw(&v, 1, 12, 110); /* a further position does not begin a new grace */
	assert_int_equal(fill_needed(&v, 120), 12);
	fill_view_follow(&v, 11, 121, LONG); /* the journal moved on, but is still behind: a new grace */
	assert_true(fill_behind(&v));
	assert_int_equal(fill_needed(&v, 140), 0);
	assert_int_equal(fill_needed(&v, 141), 12);
	fill_view_follow(&v, 12, 142, LONG);
	assert_false(fill_behind(&v));
	assert_int_equal(fill_needed(&v, 1000), 0);
}

static void own_changes_do_not_bar_kept_answers(void **state)
{
	struct fill_view v;

	(void)state;
	fill_view_init(&v, 0, 0);
	fill_view_follow(&v, 10, 1, LONG);
	fill_view_own(&v, 11, 13, 1);
	assert_int_equal(fill_needed(&v, 1), 0);
	fill_view_saw(&v, 1, 13, 1);
	assert_int_equal(fill_needed(&v, 1), 0);
	fill_view_follow(&v, 12, 1, LONG); /* the journal repeats them */
	assert_int_equal(fill_needed(&v, 1), 0);
	assert_int_equal(v.followed, 13);
}

static void a_gap_between_own_changes_is_taken_for_a_change_by_others(void **state)
{
	struct fill_view v;

	(void)state;
	fill_view_init(&v, 0, 0);
	fill_view_follow(&v, 10, 1, LONG);
	fill_view_own(&v, 12, 12, 1);
	fill_view_own(&v, 13, 14, 1);
	fill_view_own(&v, 16, 16, 1);
	assert_int_equal(fill_needed(&v, 1), 16);
	fill_view_follow(&v, 11, 1, LONG); /* with the own changes, up to 14 now */
	assert_int_equal(v.followed, 14);
	assert_int_equal(fill_needed(&v, 1), 16);
	fill_view_follow(&v, 15, 1, LONG);
	assert_int_equal(v.followed, 16);
	assert_int_equal(fill_needed(&v, 1), 0);
}

static void own_changes_answered_out_of_order_are_settled_by_the_journal(void **state)
{
	struct fill_view v;

	(void)state;
	fill_view_init(&v, 0, 0);
	fill_view_follow(&v, 10, 1, LONG);
	fill_view_own(&v, 12, 13, 1);
	fill_view_own(&v, 11, 11, 1); /* this answer came later */
	assert_int_equal(v.followed, 13);
	for (int64_t seq = 20; seq < 20 + 2 * (int64_t)FILL_OWN_MAX + 4; seq += 2)
		fill_view_own(&v, seq, seq, 1); /* more gaps than there is room for */
	assert_int_equal(fill_needed(&v, 1), v.newest);
	fill_view_follow(&v, v.newest, 1, LONG);
	assert_int_equal(fill_needed(&v, 1), 0);
}

static void another_incarnation_is_not_trusted_until_the_journal_restarts(void **state)
{
	struct fill_view v;

	(void)state;
	fill_view_init(&v, 0, 0);
	fill_view_saw(&v, 1, 10, 1);
	fill_view_follow(&v, 10, 1, LONG);
	fill_view_saw(&v, 2, 4, 1);
	assert_false(fill_trusted(&v, 1));
	fill_view_reset(&v, 2, 5, LONG);
	assert_true(fill_trusted(&v, 1));
	fill_view_saw(&v, 1, 11, 1); /* an answer of the former life that was long on its way */
	assert_int_equal(fill_needed(&v, 1), 0);
	fill_view_saw(&v, 2, 6, 1);
	assert_int_equal(fill_needed(&v, 1), 6);
}

/* -- all interleavings of a fill, changes by others, and readers that wait -- */

enum event { SENT, SAW, CAME, COMMIT_1, TOLD_1, COMMIT_2, TOLD_2, FIRST, SECOND, EVENTS };

/* The events that must have happened before each event. */
static const unsigned behind[EVENTS] = {
	[SAW] = 1u << SENT,
	[CAME] = 1u << SAW,
	[TOLD_1] = 1u << COMMIT_1,
	[COMMIT_2] = 1u << COMMIT_1,
	[TOLD_2] = 1u << COMMIT_2 | 1u << TOLD_1,
};

struct world {
	struct fill_view view;
	int64_t seq; /* the position of the drive */
	int64_t saw; /* the position that the answer saw */
	bool sent, came;
	bool kept;
	int64_t dropped; /* the last change of this document that was announced */
	struct fill_wish wish[2];
	bool waits[2], first[2];
	int64_t owed[2];      /* what each reader must at least see: the newest position known here when it came */
	int64_t committed[2]; /* the position of the drive when the reader came */
};

static unsigned long runs, served, asked_again, shown;

static void arrive(struct world *w, int n)
{
	w->wish[n] = fill_wish_now(&w->view, 1);
	w->owed[n] = w->view.newest;
	w->committed[n] = w->seq;
	w->waits[n] = !w->came;
	w->first[n] = !w->sent;
	if (w->came && w->kept && fill_trusted(&w->view, 1) && w->saw >= fill_needed(&w->view, 1)) {
		/* The reader is shown the kept answer: no newer change of the document is known here. */
		assert_true(w->dropped <= w->saw);
		shown++;
	}
}

static void answer(struct world *w)
{
	w->came = true;
	fill_view_saw(&w->view, 1, w->saw, 1);
	w->kept = w->dropped <= w->saw;
	for (int n = 0; n < 2; n++) {
		if (!w->waits[n])
			continue;
		if (!fill_serves(&w->wish[n], w->saw, w->first[n])) {
			asked_again++;
			continue;
		}
		served++;
		assert_true(w->saw >= w->owed[n]);
		/* A reader that came before the fill was sent, or while the view was not trusted, sees all
		 * changes that had happened when it came. */
		if (w->first[n] || !w->wish[n].trusted)
			assert_true(w->saw >= w->committed[n]);
	}
}

static void happen(struct world *w, enum event e, bool trusted)
{
	switch (e) {
	case SENT:
		w->sent = true;
		break;
	case SAW:
		w->saw = w->seq;
		break;
	case CAME:
		answer(w);
		break;
	case COMMIT_1:
	case COMMIT_2:
		w->seq++;
		break;
	case TOLD_1:
	case TOLD_2:
		w->dropped = e == TOLD_1 ? 11 : 12;
		fill_view_follow(&w->view, w->dropped, 1, trusted ? LONG : 0);
		if (w->saw < w->dropped)
			w->kept = false;
		break;
	default:
		arrive(w, e == FIRST ? 0 : 1);
	}
}

static void interleave(struct world w, unsigned done, bool trusted)
{
	if (done == (1u << EVENTS) - 1) {
		runs++;
		/* In the end every change was announced. */
		assert_int_equal(fill_needed(&w.view, 1), 0);
		assert_true(!w.kept || w.saw == 12);
		return;
	}
	for (int e = 0; e < EVENTS; e++) {
		struct world next = w;

		if ((done & (1u << e)) || (behind[e] & ~done))
			continue;
		happen(&next, (enum event)e, trusted);
		interleave(next, done | (1u << e), trusted);
	}
}

static void no_interleaving_serves_a_reader_an_answer_that_is_too_old(void **state)
{
	(void)state;
	for (int trusted = 0; trusted < 2; trusted++) {
		struct world w = {.seq = 10, .dropped = 10};

		fill_view_init(&w.view, 0, 0);
		fill_view_saw(&w.view, 1, 10, 1);
		fill_view_follow(&w.view, 10, 1, trusted ? LONG : 0);
		runs = served = asked_again = shown = 0;
		interleave(w, 0, trusted);
		assert_true(runs > 5000);
		assert_true(served > 0 && asked_again > 0);
		assert_true(trusted == (shown > 0));
	}
}

static void a_reader_that_waited_before_the_fill_is_served_despite_later_changes(void **state)
{
	struct fill_view v;
	struct fill_wish before, after;

	(void)state;
	fill_view_init(&v, 0, 0);
	fill_view_follow(&v, 10, 1, LONG);
	before = fill_wish_now(&v, 1);
	fill_view_follow(&v, 20, 1, LONG);
	after = fill_wish_now(&v, 1);
	/* The answer serves this reader although it is overtaken: otherwise the reader would wait for ever. */
	assert_true(fill_serves(&before, 15, true));
	assert_false(fill_serves(&after, 15, false));
	assert_true(fill_serves(&after, 20, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_view_is_trusted_only_as_long_as_a_journal_answer_proves),
		cmocka_unit_test(older_kept_answers_are_barred_until_the_journal_reaches_a_seen_position),
		cmocka_unit_test(kept_answers_stay_usable_for_a_grace_while_the_journal_is_behind),
		cmocka_unit_test(own_changes_do_not_bar_kept_answers),
		cmocka_unit_test(a_gap_between_own_changes_is_taken_for_a_change_by_others),
		cmocka_unit_test(own_changes_answered_out_of_order_are_settled_by_the_journal),
		cmocka_unit_test(another_incarnation_is_not_trusted_until_the_journal_restarts),
		cmocka_unit_test(no_interleaving_serves_a_reader_an_answer_that_is_too_old),
		cmocka_unit_test(a_reader_that_waited_before_the_fill_is_served_despite_later_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
