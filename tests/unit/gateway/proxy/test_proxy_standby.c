/* The position of a drive that its home sends with a read, so that a standby may answer. The service is
 * service_drive.h. */
#include "tests/unit/gateway/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NO_BODY "Content-Length: 0\r\n"

static bool service_got(struct front *f, const char *text)
{
	return strstr(front_drive(f)->fields, text) != NULL;
}

/* The service must have received its own position of the drive, with this timeline. */
static void assert_stands(struct front *f, int64_t timeline)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "Nephos-Standby: 1.%lld/%lld\n", (long long)front_drive(f)->seq,
		(long long)timeline);
	if (!service_got(f, text))
		fail_msg("not \"%s\": %.900s", text, front_drive(f)->fields);
}

static void a_read_that_misses_memory_carries_the_position_of_the_drive(void **state)
{
	struct front *f = *state;

	FRONT_SET(f, timeline, 3);
	const unsigned drive = front_new_home(f);
	assert_false(service_got(f, "Nephos-Standby")); /* a change does not carry it */
	assert_int_equal(front_ask_drive(f, "GET", drive, "documents/2", ""), 200);
	assert_stands(f, 3);
	assert_null(strstr(front_answer(), "Nephos-Timeline"));
	assert_int_equal(front_ask_drive(f, "PUT", drive, "documents/2", NO_BODY), 200);
	assert_int_equal(front_ask_drive(f, "GET", drive, "documents/2", ""), 200);
	assert_stands(f, 3);
}

static void standby_fields_of_a_client_are_dropped(void **state)
{
	struct front *f = *state;

	FRONT_SET(f, timeline, 3);
	const unsigned drive = front_new_home(f);
	assert_int_equal(front_ask_drive(f, "GET", drive, "documents/2",
				 "Nephos-Standby: 1.1/1\r\nNephos_Standby: 1.1/1\r\nNephos-Timeline: 9\r\n"),
		200);
	assert_stands(f, 3);
	assert_false(service_got(f, "1.1/1"));
	assert_int_equal(front_ask_drive(f, "PUT", drive, "documents/2", NO_BODY "Nephos-Standby: 1.1/1\r\n"), 200);
	assert_false(service_got(f, "Nephos-Standby"));
}

static void the_home_sends_the_latest_timeline_and_never_an_earlier_one(void **state)
{
	struct front *f = *state;

	FRONT_SET(f, timeline, 4);
	const unsigned drive = front_new_home(f);
	FRONT_SET(f, timeline, 3);
	assert_int_equal(front_ask_drive(f, "GET", drive, "documents/2", ""), 200);
	assert_int_equal(front_ask_drive(f, "GET", drive, "documents/3", ""), 200);
	assert_stands(f, 4);
	FRONT_SET(f, timeline, 5);
	assert_int_equal(front_ask_drive(f, "GET", drive, "documents/4", ""), 200);
	assert_int_equal(front_ask_drive(f, "GET", drive, "documents/5", ""), 200);
	assert_stands(f, 5);
}

static void a_home_that_missed_a_change_sends_no_position_for_standbys(void **state)
{
	struct front *f = *state;

	FRONT_SET(f, timeline, 5);
	const unsigned drive = front_new_home(f);
	FRONT_SET(f, skips, 1); /* and the journal cannot be read */
	assert_int_equal(front_ask_drive(f, "PUT", drive, "documents/2", NO_BODY), 200);
	assert_int_equal(front_ask_drive(f, "GET", drive, "documents/2", ""), 200);
	assert_false(service_got(f, "Nephos-Standby"));
}

/* The timeline of such a position is not known. This must be the last test, as the effect lasts as long as the
 * gateway runs. */
static void after_an_answer_without_a_timeline_the_home_sends_no_positions(void **state)
{
	struct front *f = *state;

	FRONT_SET(f, timeline, 5);
	const unsigned drive = front_new_home(f);
	assert_int_equal(front_ask_drive(f, "GET", drive, "documents/2", ""), 200);
	assert_stands(f, 5);
	FRONT_SET(f, timeline, 0);
	assert_int_equal(front_ask_drive(f, "GET", drive, "documents/3", ""), 200);
	FRONT_SET(f, timeline, 6);
	assert_int_equal(front_ask_drive(f, "GET", drive, "documents/4", ""), 200);
	assert_false(service_got(f, "Nephos-Standby"));
}

#define test(f) cmocka_unit_test_setup(f, front_reset_drive)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(a_read_that_misses_memory_carries_the_position_of_the_drive),
		test(standby_fields_of_a_client_are_dropped),
		test(the_home_sends_the_latest_timeline_and_never_an_earlier_one),
		test(a_home_that_missed_a_change_sends_no_position_for_standbys),
		test(after_an_answer_without_a_timeline_the_home_sends_no_positions),
	};

	return cmocka_run_group_tests(tests, front_setup_home, front_teardown);
}
