#include "gateway/ring/homes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define DRIVE 7u
#define LIFE 3
#define OWNER 8
#define MAX 3u

static struct homes *h;

static int set_up(void **state)
{
	(void)state;
	return homes_new(MAX, &h);
}

static int tear_down(void **state)
{
	(void)state;
	homes_free(h);
	return 0;
}

/* ---- what is done and seen ---- */

static uint64_t claim(void)
{
	uint32_t forgotten = 99;
	const uint64_t number = homes_claim(h, DRIVE, 5, OWNER, &forgotten);

	assert_int_equal(forgotten, 0);
	return number;
}

static bool claimed(uint32_t drive, uint64_t number, int64_t life, int64_t seq)
{
	enum home_duty duty = HOME_DROP;
	const bool had = homes_claimed(
		h, drive, number, &(struct home_claim){.owner = OWNER, .incarnation = life, .seq = seq}, &duty);

	assert_int_equal(duty, HOME_NOTHING);
	return had;
}

/* Claims the drive, which is then held and followed up to seq. */
static void hold(int64_t seq)
{
	assert_true(claimed(DRIVE, claim(), LIFE, seq));
}

static enum home_duty touch(int64_t first, int64_t last)
{
	return homes_touched(h, DRIVE, &(struct home_stretch){LIFE, first, last});
}

static enum home_duty tell(uint64_t number, int64_t first, int64_t last)
{
	return homes_told(h, DRIVE, number, &(struct home_stretch){LIFE, first, last});
}

static uint64_t ask(int64_t wanted_since)
{
	int64_t since = -1;
	const uint64_t number = homes_ask(h, DRIVE, &since);

	assert_int_not_equal(number, 0);
	assert_int_equal(since, wanted_since);
	return number;
}

static bool may_ask(void)
{
	int64_t since = -1;
	const uint64_t number = homes_ask(h, DRIVE, &since);

	assert_true(number != 0 || since == -1);
	return number != 0;
}

static void assert_is(enum home_state state, int64_t followed, int64_t known)
{
	const struct home_view view = homes_view(h, DRIVE);

	assert_string_equal(home_state_name(view.state), home_state_name(state));
	assert_int_equal(view.followed, followed);
	assert_int_equal(view.known, known);
}

static void assert_is_none(void)
{
	assert_int_equal(homes_view(h, DRIVE).state, HOME_NONE);
}

/* ---- claims ---- */

static void calls_about_a_drive_that_was_never_claimed_change_nothing(void **state)
{
	int64_t since = -1;

	(void)state;
	assert_is_none();
	assert_int_equal(homes_ask(h, DRIVE, &since), 0);
	assert_int_equal(touch(1, 1), HOME_NOTHING);
	assert_int_equal(homes_saw(h, DRIVE, LIFE, 1), HOME_NOTHING);
	assert_int_equal(tell(1, 1, 1), HOME_NOTHING);
	assert_false(claimed(DRIVE, 1, LIFE, 1));
	homes_doubt(h, DRIVE);
	homes_refused(h, DRIVE, 1);
	homes_forget(h, DRIVE);
	assert_is_none();
}

static void a_claimed_drive_is_held_at_the_position_of_its_row(void **state)
{
	(void)state;
	const uint64_t number = claim();
	assert_int_not_equal(number, 0);
	assert_int_equal(homes_view(h, DRIVE).state, HOME_CLAIMING);
	assert_int_equal(homes_view(h, DRIVE).epoch, 5);
	assert_false(may_ask());
	assert_true(claimed(DRIVE, number, LIFE, 40));
	assert_is(HOME_HELD, 40, 40);
	assert_int_equal(homes_view(h, DRIVE).epoch, 5);
	assert_int_equal(homes_view(h, DRIVE).incarnation, LIFE);
	assert_false(may_ask());
}

static void a_drive_that_is_claimed_held_or_behind_is_not_claimed_again(void **state)
{
	(void)state;
	const uint64_t number = claim();
	assert_int_equal(claim(), 0);
	assert_true(claimed(DRIVE, number, LIFE, 40));
	assert_int_equal(claim(), 0);
	(void)touch(42, 42);
	assert_int_equal(claim(), 0); /* the drive is behind */
}

static void a_refused_claim_may_be_made_again(void **state)
{
	(void)state;
	homes_refused(h, DRIVE, claim());
	assert_is_none();
	hold(40);
	assert_is(HOME_HELD, 40, 40);
}

static void a_late_answer_to_a_forgotten_claim_does_not_affect_the_next_claim(void **state)
{
	(void)state;
	const uint64_t first = claim();
	homes_forget(h, DRIVE);
	const uint64_t second = claim();
	assert_true(second != first);
	assert_false(claimed(DRIVE, first, LIFE, 39));
	homes_refused(h, DRIVE, first);
	assert_int_equal(homes_view(h, DRIVE).state, HOME_CLAIMING);
	assert_true(claimed(DRIVE, second, LIFE, 40));
	assert_false(claimed(DRIVE, second, LIFE, 50));
	homes_refused(h, DRIVE, second);
	assert_false(claimed(DRIVE, first, LIFE, 50));
	assert_is(HOME_HELD, 40, 40);
}

static void a_change_during_a_claim_is_dropped_and_the_journal_is_asked_afterwards(void **state)
{
	(void)state;
	const uint64_t number = claim();
	assert_int_equal(touch(41, 42), HOME_DROP);
	assert_int_equal(homes_view(h, DRIVE).state, HOME_CLAIMING);
	assert_true(claimed(DRIVE, number, LIFE, 40));
	assert_is(HOME_BEHIND, 40, 42);
	assert_int_equal(tell(ask(40), 41, 42), HOME_DROP);
	assert_is(HOME_HELD, 42, 42);
}

static void a_position_seen_during_a_claim_puts_the_home_behind_if_the_row_is_older(void **state)
{
	(void)state;
	const uint64_t number = claim();
	assert_int_equal(homes_saw(h, DRIVE, LIFE, 41), HOME_NOTHING);
	assert_true(claimed(DRIVE, number, LIFE, 40));
	assert_is(HOME_BEHIND, 40, 41);
	homes_forget(h, DRIVE);
	const uint64_t again = claim();
	(void)homes_saw(h, DRIVE, LIFE, 41);
	assert_true(claimed(DRIVE, again, LIFE, 41));
	assert_is(HOME_HELD, 41, 41);
}

static void a_doubt_during_a_claim_makes_the_home_ask_the_journal_afterwards(void **state)
{
	(void)state;
	const uint64_t number = claim();
	homes_doubt(h, DRIVE);
	assert_true(claimed(DRIVE, number, LIFE, 40));
	assert_is(HOME_BEHIND, 40, 40);
	assert_int_equal(tell(ask(40), 41, 40), HOME_DROP);
	assert_is(HOME_HELD, 40, 40);
}

static void a_claim_that_finds_another_owner_or_none_is_discarded(void **state)
{
	enum home_duty duty;

	(void)state;
	const uint64_t number = claim();
	assert_int_equal(homes_view(h, DRIVE).owner, 0); /* no owner is known before the answer to the claim */
	assert_false(homes_claimed(
		h, DRIVE, number, &(struct home_claim){.owner = OWNER + 1, .incarnation = LIFE, .seq = 40}, &duty));
	assert_is_none();
	assert_false(homes_claimed(h, DRIVE, claim(), &(struct home_claim){.incarnation = LIFE, .seq = 40}, &duty));
	assert_is_none();
	hold(40);
	assert_int_equal(homes_view(h, DRIVE).owner, OWNER);
}

static void a_claim_for_a_permitted_change_takes_the_owner_that_it_finds(void **state)
{
	uint32_t forgotten;
	enum home_duty duty;

	(void)state;
	const uint64_t number = homes_claim(h, DRIVE, 5, 0, &forgotten);
	assert_true(homes_claimed(
		h, DRIVE, number, &(struct home_claim){.owner = OWNER + 1, .incarnation = LIFE, .seq = 40}, &duty));
	assert_is(HOME_HELD, 40, 40);
	assert_int_equal(homes_view(h, DRIVE).owner, OWNER + 1);
}

/* ---- following ---- */

static void changes_in_order_move_the_position_of_the_home_forward(void **state)
{
	(void)state;
	hold(40);
	assert_int_equal(touch(41, 41), HOME_DROP);
	assert_is(HOME_HELD, 41, 41);
	assert_int_equal(touch(42, 45), HOME_DROP);
	assert_is(HOME_HELD, 45, 45);
	/* A stretch that was followed already, and one that begins before the position. */
	assert_int_equal(touch(41, 43), HOME_DROP);
	assert_is(HOME_HELD, 45, 45);
	assert_int_equal(touch(44, 46), HOME_DROP);
	assert_is(HOME_HELD, 46, 46);
	assert_int_equal(touch(47, 46), HOME_DROP); /* an empty stretch */
	assert_is(HOME_HELD, 46, 46);
}

static void a_gap_is_closed_when_the_missing_changes_arrive_late(void **state)
{
	(void)state;
	hold(40);
	assert_int_equal(touch(43, 44), HOME_DROP);
	assert_is(HOME_BEHIND, 40, 44);
	assert_int_equal(touch(41, 42), HOME_DROP);
	assert_is(HOME_HELD, 44, 44);
	assert_false(may_ask());
}

static void stretches_out_of_order_are_followed_when_the_last_gap_is_closed(void **state)
{
	(void)state;
	hold(0);
	(void)touch(9, 10);
	(void)touch(3, 4);
	(void)touch(7, 8);
	(void)touch(2, 2);
	assert_is(HOME_BEHIND, 0, 10);
	(void)touch(1, 1);
	assert_is(HOME_BEHIND, 4, 10);
	(void)touch(5, 6);
	assert_is(HOME_HELD, 10, 10);
}

static void a_home_remembers_as_many_stretches_beyond_a_gap_as_it_has_places(void **state)
{
	(void)state;
	hold(0);
	for (int64_t i = HOMES_STRETCHES_MAX; i >= 1; i--)
		assert_int_equal(touch(1 + i, 1 + i), HOME_DROP);
	assert_is(HOME_BEHIND, 0, 1 + HOMES_STRETCHES_MAX);
	(void)touch(1, 1);
	assert_is(HOME_HELD, 1 + HOMES_STRETCHES_MAX, 1 + HOMES_STRETCHES_MAX);
	/* All places are free again. */
	(void)touch(11, 12);
	(void)touch(10, 10);
	assert_is(HOME_HELD, 12, 12);
}

static void a_stretch_that_finds_no_place_is_dropped_and_asked_of_the_journal(void **state)
{
	const int64_t last = HOMES_STRETCHES_MAX + 2;

	(void)state;
	hold(0);
	for (int64_t i = 2; i <= last; i++)
		assert_int_equal(touch(i, i), HOME_DROP);
	(void)touch(1, 1);
	assert_is(HOME_BEHIND, last - 1, last); /* there was no place for the last one */
	assert_int_equal(tell(ask(last - 1), last, last), HOME_DROP);
	assert_is(HOME_HELD, last, last);
}

static void a_later_position_in_an_answer_puts_the_home_behind_until_it_is_reached(void **state)
{
	(void)state;
	hold(40);
	assert_int_equal(homes_saw(h, DRIVE, LIFE, 40), HOME_NOTHING);
	assert_int_equal(homes_saw(h, DRIVE, LIFE, 12), HOME_NOTHING);
	assert_is(HOME_HELD, 40, 40);
	assert_int_equal(homes_saw(h, DRIVE, LIFE, 42), HOME_NOTHING);
	assert_is(HOME_BEHIND, 40, 42);
	(void)touch(41, 41);
	assert_is(HOME_BEHIND, 41, 42);
	(void)touch(42, 42);
	assert_is(HOME_HELD, 42, 42);
}

/* ---- the journal ---- */

static void an_answer_of_the_journal_closes_a_gap(void **state)
{
	(void)state;
	hold(40);
	(void)touch(43, 44);
	const uint64_t number = ask(40);
	assert_false(may_ask()); /* only one question at a time */
	assert_int_equal(tell(number, 41, 44), HOME_DROP);
	assert_is(HOME_HELD, 44, 44);
	assert_int_equal(tell(number, 45, 60), HOME_NOTHING);
	assert_is(HOME_HELD, 44, 44);
}

static void a_position_seen_during_a_journal_query_needs_another_query(void **state)
{
	(void)state;
	hold(40);
	(void)homes_saw(h, DRIVE, LIFE, 43);
	const uint64_t first = ask(40);
	(void)homes_saw(h, DRIVE, LIFE, 45);
	assert_int_equal(tell(first, 41, 43), HOME_DROP);
	assert_is(HOME_BEHIND, 43, 45);
	const uint64_t second = ask(43);
	assert_true(second != first);
	assert_int_equal(tell(second, 44, 46), HOME_DROP);
	assert_is(HOME_HELD, 46, 46);
}

static void a_drive_whose_journal_ends_before_a_known_position_is_forgotten(void **state)
{
	(void)state;
	hold(40);
	(void)homes_saw(h, DRIVE, LIFE, 45);
	assert_int_equal(tell(ask(40), 41, 44), HOME_FORGET);
	assert_is_none();
}

static void a_failed_journal_query_leaves_the_home_behind_and_is_repeated(void **state)
{
	(void)state;
	hold(40);
	(void)homes_saw(h, DRIVE, LIFE, 41);
	assert_int_equal(homes_told(h, DRIVE, ask(40), NULL), HOME_NOTHING);
	assert_is(HOME_BEHIND, 40, 41);
	assert_int_equal(tell(ask(40), 41, 41), HOME_DROP);
	assert_is(HOME_HELD, 41, 41);
}

static void a_journal_answer_overtaken_by_changes_does_not_set_the_home_back(void **state)
{
	(void)state;
	hold(40);
	(void)touch(42, 42);
	const uint64_t number = ask(40);
	(void)touch(41, 41);
	(void)touch(43, 44);
	assert_is(HOME_HELD, 44, 44);
	assert_int_equal(tell(number, 41, 42), HOME_DROP);
	assert_is(HOME_HELD, 44, 44);
}

static void a_doubt_ends_only_when_the_journal_has_answered(void **state)
{
	(void)state;
	hold(40);
	homes_doubt(h, DRIVE);
	assert_is(HOME_BEHIND, 40, 40);
	(void)touch(41, 41);
	assert_is(HOME_BEHIND, 41, 41); /* the answer to a change does not say what was missed */
	assert_int_equal(homes_told(h, DRIVE, ask(41), NULL), HOME_NOTHING);
	assert_is(HOME_BEHIND, 41, 41);
	assert_int_equal(tell(ask(41), 42, 43), HOME_DROP);
	assert_is(HOME_HELD, 43, 43);
}

static void a_doubt_during_a_journal_query_needs_another_query(void **state)
{
	(void)state;
	hold(40);
	homes_doubt(h, DRIVE);
	const uint64_t first = ask(40);
	homes_doubt(h, DRIVE);
	assert_false(may_ask());
	assert_int_equal(tell(first, 41, 41), HOME_DROP);
	assert_is(HOME_BEHIND, 41, 41);
	const uint64_t second = ask(41);
	assert_int_equal(tell(first, 42, 42), HOME_NOTHING);
	assert_is(HOME_BEHIND, 41, 41);
	assert_int_equal(tell(second, 42, 42), HOME_DROP);
	assert_is(HOME_HELD, 42, 42);
}

static void a_doubt_remains_after_a_failed_journal_query(void **state)
{
	(void)state;
	hold(40);
	homes_doubt(h, DRIVE);
	const uint64_t number = ask(40);
	homes_doubt(h, DRIVE);
	assert_int_equal(homes_told(h, DRIVE, number, NULL), HOME_NOTHING);
	assert_is(HOME_BEHIND, 40, 40);
	assert_int_equal(tell(ask(40), 41, 40), HOME_DROP);
	assert_is(HOME_HELD, 40, 40);
}

static void a_journal_answer_for_a_former_claim_is_ignored(void **state)
{
	(void)state;
	hold(40);
	homes_doubt(h, DRIVE);
	const uint64_t number = ask(40);
	homes_forget(h, DRIVE);
	hold(50);
	homes_doubt(h, DRIVE);
	assert_int_equal(tell(number, 41, 60), HOME_NOTHING);
	(void)ask(50);
	assert_int_equal(tell(number, 41, 60), HOME_NOTHING);
	assert_is(HOME_BEHIND, 50, 50);
}

/* ---- other lives ---- */

static void a_drive_is_forgotten_when_any_message_has_another_incarnation(void **state)
{
	(void)state;
	for (int64_t life = LIFE - 1; life <= LIFE + 1; life += 2) {
		hold(40);
		assert_int_equal(homes_saw(h, DRIVE, life, 40), HOME_FORGET);
		assert_is_none();
		hold(40);
		assert_int_equal(homes_touched(h, DRIVE, &(struct home_stretch){life, 41, 41}), HOME_FORGET);
		assert_is_none();
		hold(40);
		homes_doubt(h, DRIVE);
		assert_int_equal(homes_told(h, DRIVE, ask(40), &(struct home_stretch){life, 41, 41}), HOME_FORGET);
		assert_is_none();
	}
}

static void a_claim_that_finds_an_earlier_incarnation_than_seen_is_discarded(void **state)
{
	(void)state;
	const uint64_t number = claim();
	assert_int_equal(homes_saw(h, DRIVE, LIFE + 1, 2), HOME_NOTHING);
	assert_int_equal(touch(41, 41), HOME_NOTHING); /* of the earlier life: means nothing for this one */
	assert_int_equal(homes_view(h, DRIVE).state, HOME_CLAIMING);
	assert_false(claimed(DRIVE, number, LIFE, 41));
	assert_is_none();
}

static void a_claim_that_finds_a_later_incarnation_begins_at_its_position(void **state)
{
	(void)state;
	const uint64_t number = claim();
	assert_int_equal(touch(40, 41), HOME_DROP);
	assert_true(claimed(DRIVE, number, LIFE + 1, 7));
	assert_is(HOME_HELD, 7, 7);
	assert_int_equal(homes_view(h, DRIVE).incarnation, LIFE + 1);
}

static void positions_of_an_earlier_incarnation_do_not_count_in_a_later_one(void **state)
{
	(void)state;
	const uint64_t number = claim();
	(void)homes_saw(h, DRIVE, LIFE, 41);
	(void)homes_saw(h, DRIVE, LIFE + 1, 9);
	assert_true(claimed(DRIVE, number, LIFE + 1, 7));
	assert_is(HOME_BEHIND, 7, 9);
}

/* ---- giving up ---- */

static bool is_odd(void *cookie, uint32_t drive)
{
	(void)cookie;
	return drive % 2 != 0;
}

static void take(uint32_t drive, uint32_t wanted_forgotten)
{
	uint32_t forgotten = 99;
	const uint64_t number = homes_claim(h, drive, 5, OWNER, &forgotten);

	assert_int_not_equal(number, 0);
	assert_int_equal(forgotten, wanted_forgotten);
	assert_true(claimed(drive, number, LIFE, 1));
}

static void a_full_table_forgets_the_drive_that_was_used_least_recently(void **state)
{
	struct homes_counters counters;

	(void)state;
	take(1, 0);
	take(2, 0);
	take(3, 0);
	(void)homes_view(h, 1);
	take(4, 2);
	take(5, 3);
	assert_int_equal(homes_view(h, 1).state, HOME_HELD);
	assert_int_equal(homes_view(h, 2).state, HOME_NONE);
	homes_count(h, &counters);
	assert_int_equal(counters.held, MAX);
}

static void the_states_of_drives_are_counted(void **state)
{
	struct homes_counters counters;
	uint32_t forgotten;

	(void)state;
	take(1, 0);
	take(2, 0);
	homes_doubt(h, 2);
	(void)homes_claim(h, 3, 5, OWNER, &forgotten);
	homes_count(h, &counters);
	assert_int_equal(counters.held, 1);
	assert_int_equal(counters.behind, 1);
	assert_int_equal(counters.claiming, 1);
}

static void a_drive_evicted_during_its_claim_ignores_the_answer_to_the_claim(void **state)
{
	uint32_t forgotten = 0;

	(void)state;
	const uint64_t number = homes_claim(h, 1, 5, OWNER, &forgotten);
	take(2, 0);
	take(3, 0);
	take(4, 1);
	assert_false(claimed(1, number, LIFE, 1));
	assert_int_equal(homes_view(h, 1).state, HOME_NONE);
}

static void homes_give_up_if_gives_up_only_the_drives_that_match(void **state)
{
	uint32_t forgotten;

	(void)state;
	take(1, 0);
	take(2, 0);
	const uint64_t number = homes_claim(h, 5, 5, OWNER, &forgotten);
	homes_give_up_if(h, is_odd, NULL);
	assert_int_equal(homes_view(h, 1).state, HOME_REPLICA);
	assert_int_equal(homes_view(h, 2).state, HOME_HELD);
	assert_int_equal(homes_view(h, 5).state, HOME_NONE); /* it had no content yet */
	assert_false(claimed(5, number, LIFE, 1));
	homes_give_up_if(h, is_odd, NULL);
	assert_int_equal(homes_view(h, 1).state, HOME_REPLICA);
}

static void homes_give_up_all_leaves_only_replicas(void **state)
{
	struct homes_counters counters;

	(void)state;
	take(1, 0);
	take(2, 0);
	(void)claim();
	homes_give_up_all(h);
	homes_count(h, &counters);
	assert_int_equal(counters.held + counters.behind + counters.claiming, 0);
	assert_int_equal(counters.replicas, 2);
}

#define test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(calls_about_a_drive_that_was_never_claimed_change_nothing),
		test(a_claimed_drive_is_held_at_the_position_of_its_row),
		test(a_drive_that_is_claimed_held_or_behind_is_not_claimed_again),
		test(a_refused_claim_may_be_made_again),
		test(a_late_answer_to_a_forgotten_claim_does_not_affect_the_next_claim),
		test(a_change_during_a_claim_is_dropped_and_the_journal_is_asked_afterwards),
		test(a_position_seen_during_a_claim_puts_the_home_behind_if_the_row_is_older),
		test(a_doubt_during_a_claim_makes_the_home_ask_the_journal_afterwards),
		test(a_claim_that_finds_another_owner_or_none_is_discarded),
		test(a_claim_for_a_permitted_change_takes_the_owner_that_it_finds),
		test(changes_in_order_move_the_position_of_the_home_forward),
		test(a_gap_is_closed_when_the_missing_changes_arrive_late),
		test(stretches_out_of_order_are_followed_when_the_last_gap_is_closed),
		test(a_home_remembers_as_many_stretches_beyond_a_gap_as_it_has_places),
		test(a_stretch_that_finds_no_place_is_dropped_and_asked_of_the_journal),
		test(a_later_position_in_an_answer_puts_the_home_behind_until_it_is_reached),
		test(an_answer_of_the_journal_closes_a_gap),
		test(a_position_seen_during_a_journal_query_needs_another_query),
		test(a_drive_whose_journal_ends_before_a_known_position_is_forgotten),
		test(a_failed_journal_query_leaves_the_home_behind_and_is_repeated),
		test(a_journal_answer_overtaken_by_changes_does_not_set_the_home_back),
		test(a_doubt_ends_only_when_the_journal_has_answered),
		test(a_doubt_during_a_journal_query_needs_another_query),
		test(a_doubt_remains_after_a_failed_journal_query),
		test(a_journal_answer_for_a_former_claim_is_ignored),
		test(a_drive_is_forgotten_when_any_message_has_another_incarnation),
		test(a_claim_that_finds_an_earlier_incarnation_than_seen_is_discarded),
		test(a_claim_that_finds_a_later_incarnation_begins_at_its_position),
		test(positions_of_an_earlier_incarnation_do_not_count_in_a_later_one),
		test(a_full_table_forgets_the_drive_that_was_used_least_recently),
		test(the_states_of_drives_are_counted),
		test(a_drive_evicted_during_its_claim_ignores_the_answer_to_the_claim),
		test(homes_give_up_if_gives_up_only_the_drives_that_match),
		test(homes_give_up_all_leaves_only_replicas),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
