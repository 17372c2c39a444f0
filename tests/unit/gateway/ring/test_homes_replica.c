/* What a gateway keeps of drives of which it is not the home: up to which position it is true, and when it may be
 * used. */
#include "gateway/ring/homes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define DRIVE 7u
#define LIFE 3
#define OWNER 8
#define EPOCH 5
#define MAX 2u

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

static uint64_t claim_in(int64_t epoch)
{
	uint32_t forgotten = 99;
	const uint64_t number = homes_claim(h, DRIVE, epoch, OWNER, &forgotten);

	assert_int_not_equal(number, 0);
	assert_int_equal(forgotten, 0);
	return number;
}

static enum home_duty claimed(uint64_t number, int64_t life, int64_t seq)
{
	enum home_duty duty = HOME_DROP;

	assert_true(homes_claimed(
		h, DRIVE, number, &(struct home_claim){.owner = OWNER, .incarnation = life, .seq = seq}, &duty));
	return duty;
}

static bool offered_in(int64_t epoch, int64_t life, int64_t followed, enum home_duty wanted)
{
	const struct home_stand stand = {.epoch = epoch, .incarnation = life, .followed = followed};
	enum home_duty duty = HOME_DROP;
	const bool taken = homes_offered(h, DRIVE, &stand, &duty);

	assert_int_equal(duty, wanted);
	return taken;
}

static bool offered(int64_t followed)
{
	return offered_in(EPOCH, LIFE, followed, HOME_NOTHING);
}

static enum home_duty touch(int64_t first, int64_t last)
{
	return homes_touched(h, DRIVE, &(struct home_stretch){LIFE, first, last});
}

static void assert_is(enum home_state state, int64_t followed, int64_t known)
{
	const struct home_view view = homes_view(h, DRIVE);

	assert_string_equal(home_state_name(view.state), home_state_name(state));
	assert_int_equal(view.followed, followed);
	assert_int_equal(view.known, known);
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
	int64_t since;

	return homes_ask(h, DRIVE, &since) != 0;
}

static enum home_duty tell(uint64_t number, int64_t first, int64_t last)
{
	return homes_told(h, DRIVE, number, &(struct home_stretch){LIFE, first, last});
}

/* ---- a claim that was given up ---- */

static void hold_and_give_up(int64_t seq)
{
	assert_int_equal(claimed(claim_in(EPOCH), LIFE, seq), HOME_NOTHING);
	homes_give_up(h, DRIVE);
	assert_is(HOME_REPLICA, seq, seq);
}

static void a_replica_that_is_claimed_again_is_behind_until_the_journal_answers(void **state)
{
	(void)state;
	hold_and_give_up(40);
	assert_false(may_ask());
	const uint64_t number = claim_in(EPOCH + 2);
	assert_is(HOME_CLAIMING, 0, 0);
	assert_int_equal(claimed(number, LIFE, 40), HOME_NOTHING);
	assert_is(HOME_BEHIND, 40, 40);
	assert_int_equal(tell(ask(40), 41, 40), HOME_DROP);
	assert_is(HOME_HELD, 40, 40);
}

static void a_claimed_replica_asks_the_journal_from_its_own_position(void **state)
{
	(void)state;
	hold_and_give_up(40);
	assert_int_equal(claimed(claim_in(EPOCH), LIFE, 47), HOME_NOTHING);
	assert_is(HOME_BEHIND, 40, 47);
	assert_int_equal(tell(ask(40), 41, 47), HOME_DROP);
	assert_is(HOME_HELD, 47, 47);
}

static void a_gap_of_a_given_up_drive_is_still_open_after_the_next_claim(void **state)
{
	(void)state;
	assert_int_equal(claimed(claim_in(EPOCH), LIFE, 40), HOME_NOTHING);
	(void)touch(43, 44);
	homes_give_up(h, DRIVE);
	assert_is(HOME_REPLICA, 40, 44);
	assert_int_equal(claimed(claim_in(EPOCH), LIFE, 44), HOME_NOTHING);
	assert_is(HOME_BEHIND, 40, 44);
}

static void a_replica_of_another_incarnation_is_forgotten_by_the_claim(void **state)
{
	(void)state;
	hold_and_give_up(40);
	assert_int_equal(claimed(claim_in(EPOCH), LIFE + 1, 41), HOME_FORGET);
	assert_is(HOME_HELD, 41, 41);
}

static void a_replica_beyond_the_position_of_the_claimed_row_is_forgotten(void **state)
{
	(void)state;
	hold_and_give_up(40);
	assert_int_equal(claimed(claim_in(EPOCH), LIFE, 39), HOME_FORGET);
	assert_is(HOME_HELD, 39, 39);
}

static void a_replica_of_a_later_epoch_than_that_of_the_claim_is_forgotten(void **state)
{
	(void)state;
	hold_and_give_up(40);
	assert_int_equal(claimed(claim_in(EPOCH - 1), LIFE, 41), HOME_FORGET);
	assert_is(HOME_HELD, 41, 41);
}

static void a_refused_or_abandoned_claim_leaves_the_replica_at_its_position(void **state)
{
	enum home_duty duty;

	(void)state;
	hold_and_give_up(40);
	homes_refused(h, DRIVE, claim_in(EPOCH + 1));
	assert_is(HOME_REPLICA, 40, 40);
	/* A drop during the claim is remembered: no copy of an older state is taken afterwards. */
	const uint64_t number = claim_in(EPOCH + 1);
	assert_int_equal(touch(42, 43), HOME_DROP);
	homes_refused(h, DRIVE, number);
	assert_is(HOME_REPLICA, 40, 43);
	/* A claim that finds another owner leaves the replica, too. */
	assert_false(homes_claimed(h, DRIVE, claim_in(EPOCH + 1),
		&(struct home_claim){.owner = OWNER + 1, .incarnation = LIFE, .seq = 44}, &duty));
	assert_int_equal(duty, HOME_NOTHING);
	assert_is(HOME_REPLICA, 40, 43);
	homes_give_up(h, DRIVE);
	(void)claim_in(EPOCH + 1);
	homes_give_up(h, DRIVE);
	assert_is(HOME_REPLICA, 40, 43);
}

static void a_late_journal_answer_does_not_move_a_replica(void **state)
{
	(void)state;
	assert_int_equal(claimed(claim_in(EPOCH), LIFE, 40), HOME_NOTHING);
	(void)homes_saw(h, DRIVE, LIFE, 44);
	const uint64_t number = ask(40);
	homes_give_up(h, DRIVE);
	assert_int_equal(tell(number, 41, 44), HOME_NOTHING);
	assert_is(HOME_REPLICA, 40, 44);
}

static void a_doubt_does_not_change_a_replica(void **state)
{
	(void)state;
	hold_and_give_up(40);
	homes_doubt(h, DRIVE);
	assert_is(HOME_REPLICA, 40, 40);
	assert_false(may_ask());
}

/* ---- what a home copies here ---- */

static void the_first_offer_sets_the_position_of_the_replica(void **state)
{
	struct homes_counters counters;

	(void)state;
	assert_true(offered(40));
	assert_is(HOME_REPLICA, 40, 40);
	assert_true(homes_is_of(h, DRIVE, LIFE));
	assert_false(homes_is_of(h, DRIVE, LIFE + 1));
	homes_count(h, &counters);
	assert_int_equal(counters.replicas, 1);
	assert_int_equal(counters.lagging, 0);
}

static void a_replica_follows_the_changes_that_its_home_reports(void **state)
{
	(void)state;
	assert_true(offered(40));
	assert_true(offered(42));
	assert_is(HOME_REPLICA, 40, 42);
	assert_int_equal(touch(41, 42), HOME_DROP);
	assert_is(HOME_REPLICA, 42, 42);
	assert_false(may_ask());
}

static void a_gap_in_a_replica_is_closed_by_the_journal(void **state)
{
	struct homes_counters counters;

	(void)state;
	assert_true(offered(40));
	assert_true(offered(45));
	assert_int_equal(touch(45, 45), HOME_DROP);
	assert_is(HOME_REPLICA, 40, 45);
	homes_count(h, &counters);
	assert_int_equal(counters.lagging, 1);
	assert_int_equal(tell(ask(40), 41, 45), HOME_DROP);
	assert_is(HOME_REPLICA, 45, 45);
}

static void an_offer_older_than_the_replica_or_a_drop_here_is_refused(void **state)
{
	(void)state;
	assert_true(offered(40));
	assert_false(offered(39));
	assert_int_equal(touch(43, 44), HOME_DROP); /* behind a gap, but dropped all the same */
	assert_false(offered(43));
	assert_true(offered(44));
	assert_is(HOME_REPLICA, 40, 44);
}

static void a_home_refuses_copies_of_its_own_drive(void **state)
{
	(void)state;
	const uint64_t number = claim_in(EPOCH);
	assert_false(offered(50));
	assert_int_equal(claimed(number, LIFE, 40), HOME_NOTHING);
	assert_false(offered(50));
	assert_is(HOME_HELD, 40, 40);
	(void)homes_saw(h, DRIVE, LIFE, 41);
	assert_false(offered(50));
	assert_is(HOME_BEHIND, 40, 41);
}

static void an_offer_of_a_later_incarnation_replaces_a_replica_and_not_the_reverse(void **state)
{
	(void)state;
	assert_true(offered(40));
	assert_true(offered_in(EPOCH, LIFE + 1, 2, HOME_FORGET));
	assert_is(HOME_REPLICA, 2, 2);
	assert_false(offered(41));
	assert_is(HOME_REPLICA, 2, 2);
}

static void an_offer_evicts_no_other_drive_but_a_claim_evicts_a_replica(void **state)
{
	const struct home_stand stand = {.epoch = EPOCH, .incarnation = LIFE, .followed = 1};
	enum home_duty duty;
	uint32_t forgotten = 0;

	(void)state;
	assert_true(homes_offered(h, 1, &stand, &duty));
	assert_true(homes_offered(h, 2, &stand, &duty));
	assert_false(homes_offered(h, 3, &stand, &duty));
	assert_int_equal(homes_view(h, 1).state, HOME_REPLICA);
	/* A claim takes the place of a replica, because a user has asked for the drive. */
	assert_int_not_equal(homes_claim(h, 3, EPOCH, OWNER, &forgotten), 0);
	assert_int_equal(forgotten, 2);
}

static void homes_stand_reports_the_followed_position_of_a_home_but_of_no_replica(void **state)
{
	struct home_stand stand = {0};

	(void)state;
	assert_false(homes_stand(h, DRIVE, &stand));
	assert_true(offered(40));
	assert_false(homes_stand(h, DRIVE, &stand));
	const uint64_t number = claim_in(EPOCH + 1);
	assert_false(homes_stand(h, DRIVE, &stand));
	assert_int_equal(claimed(number, LIFE, 44), HOME_NOTHING);
	assert_true(homes_stand(h, DRIVE, &stand));
	assert_int_equal(stand.followed, 40);
	assert_int_equal(stand.incarnation, LIFE);
	assert_int_equal(stand.epoch, EPOCH + 1);
}

#define test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(a_replica_that_is_claimed_again_is_behind_until_the_journal_answers),
		test(a_claimed_replica_asks_the_journal_from_its_own_position),
		test(a_gap_of_a_given_up_drive_is_still_open_after_the_next_claim),
		test(a_replica_of_another_incarnation_is_forgotten_by_the_claim),
		test(a_replica_beyond_the_position_of_the_claimed_row_is_forgotten),
		test(a_replica_of_a_later_epoch_than_that_of_the_claim_is_forgotten),
		test(a_refused_or_abandoned_claim_leaves_the_replica_at_its_position),
		test(a_late_journal_answer_does_not_move_a_replica),
		test(a_doubt_does_not_change_a_replica),
		test(the_first_offer_sets_the_position_of_the_replica),
		test(a_replica_follows_the_changes_that_its_home_reports),
		test(a_gap_in_a_replica_is_closed_by_the_journal),
		test(an_offer_older_than_the_replica_or_a_drop_here_is_refused),
		test(a_home_refuses_copies_of_its_own_drive),
		test(an_offer_of_a_later_incarnation_replaces_a_replica_and_not_the_reverse),
		test(an_offer_evicts_no_other_drive_but_a_claim_evicts_a_replica),
		test(homes_stand_reports_the_followed_position_of_a_home_but_of_no_replica),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
