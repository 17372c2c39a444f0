/* Where requests for drives go: to services under the claim, to the home, or nowhere yet. */
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/http/client/dial.h"
#include "tests/unit/gateway/service.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define NO_BODY "Content-Length: 0\r\n"
#define WHO "Nephos-User: 5\r\nNephos-User-Name: anna\r\nNephos-Admin: 0\r\nNephos-Token-Id: s12\r\n"

static char text[65536];

static bool says(const char *what)
{
	return strstr(front_answer(), what) != NULL;
}

static void assert_says(const char *what)
{
	if (!says(what))
		fail_msg("not \"%s\": %.900s", what, front_answer());
}

static bool came(struct front *f, const char *what)
{
	return strstr(front_drive(f)->fields, what) != NULL;
}

/* Sends a request whose answer is read later, by end(). */
static int begin(const struct front *f, const char *method, unsigned drive, const char *path, const char *more)
{
	char request[1024];
	const int fd = wire_connect(f->port);

	(void)snprintf(request, sizeof(request),
		"%s /api/v2/docs/drives/%u/%s HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer anna\r\n%s\r\n", method,
		drive, path, more);
	wire_say(fd, request);
	return fd;
}

static int end(int fd)
{
	const int status = wire_response(fd, text, sizeof(text));

	close(fd);
	return status;
}

/* ---- changes and their claims ---- */

static void a_change_waits_for_the_claim_and_carries_its_epoch(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_drive();
	const int claims = gate_count(&front_drive(f)->claims), changes = gate_count(&front_drive(f)->changes);
	char meant[64];

	FRONT_SET(f, waits, true);
	const int fd = begin(f, "PUT", drive, "files/a", NO_BODY);
	assert_true(gate_wait(&front_drive(f)->claims, claims + 1));
	/* A read does not wait for the claim, and its answer is not kept: this gateway may not be the home. */
	assert_int_equal(front_ask_drive(f, "GET", drive, "documents/2", ""), 200);
	assert_says("Cache-Status: g; fwd=bypass\r\n");
	assert_false(came(f, "Nephos-Tags") || came(f, "Nephos-Epoch"));
	assert_int_equal(gate_count(&front_drive(f)->changes), changes);
	service_drive_release(front_drive(f));
	assert_int_equal(end(fd), 200);
	assert_int_equal(gate_count(&front_drive(f)->changes), changes + 1);
	assert_int_equal(gate_count(&front_drive(f)->claims), claims + 1);
	(void)snprintf(meant, sizeof(meant), "Nephos-Drive: %u\n", drive);
	assert_true(came(f, "PUT ") && came(f, meant));
	assert_true(came(f, "Nephos-Epoch: 1\n"));
	/* Later changes need no further claim. */
	assert_int_equal(front_ask_drive(f, "DELETE", drive, "files/a", ""), 200);
	assert_true(came(f, "DELETE ") && came(f, "Nephos-Epoch: 1\n") && came(f, meant));
	assert_int_equal(gate_count(&front_drive(f)->claims), claims + 1);
}

static void a_refused_claim_is_made_again_for_a_waiting_change(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_drive();
	const int claims = gate_count(&front_drive(f)->claims);

	FRONT_SET(f, claim_error, -ERR_EPOCH);
	const int fd = begin(f, "PUT", drive, "files/a", NO_BODY);
	assert_true(gate_wait(&front_drive(f)->claims, claims + 2));
	FRONT_SET(f, claim_error, 0);
	assert_int_equal(end(fd), 200);
}

static void a_claim_that_is_answered_without_an_owner_is_made_again(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_drive();
	const int claims = gate_count(&front_drive(f)->claims);

	FRONT_SET(f, owner, 0);
	const int fd = begin(f, "PUT", drive, "files/a", NO_BODY);
	assert_true(gate_wait(&front_drive(f)->claims, claims + 2));
	FRONT_SET(f, owner, 5);
	assert_int_equal(end(fd), 200);
	assert_true(came(f, "Nephos-Epoch: 1\n"));
}

static void a_change_of_a_missing_drive_gets_the_404_of_the_service(void **state)
{
	struct front *f = *state;

	FRONT_SET(f, claim_error, -ERR_NOT_FOUND);
	FRONT_SET(f, refusal, -ERR_NOT_FOUND);
	FRONT_SET(f, refusals, 1);
	assert_int_equal(front_ask_drive(f, "PUT", front_new_drive(), "files/a", NO_BODY), 404);
	assert_says("/not-found\"");
	assert_false(came(f, "Nephos-Epoch"));
}

static void a_change_refused_for_its_epoch_is_sent_again_after_a_new_claim(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);
	const int claims = gate_count(&front_drive(f)->claims), changes = gate_count(&front_drive(f)->changes);

	FRONT_SET(f, refusal, -ERR_EPOCH);
	FRONT_SET(f, refusals, 1);
	assert_int_equal(front_ask_drive(f, "POST", drive, "folders", "Content-Length: 3\r\n\r\nabc"), 200);
	assert_int_equal(gate_count(&front_drive(f)->claims), claims + 1);
	assert_int_equal(gate_count(&front_drive(f)->changes), changes + 2);
	assert_true(came(f, "Content-Length: 3\n"));
}

static void a_change_with_a_lease_or_floor_gets_409_when_the_epoch_changed(void **state)
{
	static const char *const NAMED[] = {"Nephos-Lease: 1.9\r\n" NO_BODY, "Nephos-Floor: 1.2\r\n" NO_BODY};
	struct front *f = *state;

	for (size_t i = 0; i < sizeof(NAMED) / sizeof(*NAMED); i++) {
		const unsigned drive = front_new_home(f);
		const int claims = gate_count(&front_drive(f)->claims), changes = gate_count(&front_drive(f)->changes);

		FRONT_SET(f, refusal, -ERR_EPOCH);
		FRONT_SET(f, refusals, 1);
		assert_int_equal(front_ask_drive(f, "PUT", drive, "files/a", NAMED[i]), 409);
		assert_says("/epoch-changed\"");
		assert_int_equal(gate_count(&front_drive(f)->changes), changes + 1);
		/* The refusal may concern the claim all the same, so the drive is claimed again. */
		assert_int_equal(front_ask_drive(f, "PUT", drive, "files/a", NO_BODY), 200);
		assert_int_equal(gate_count(&front_drive(f)->claims), claims + 1);
	}
}

static void a_change_refused_three_times_for_its_epoch_is_done_in_the_end(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);

	FRONT_SET(f, refusal, -ERR_EPOCH);
	FRONT_SET(f, refusals, 3);
	assert_int_equal(front_ask_drive(f, "PUT", drive, "files/a", NO_BODY), 200);
	assert_int_equal(front_drive(f)->refusals, 0);
}

/* ---- which drive ---- */

static void a_change_under_drives_home_carries_the_number_of_the_first_drive(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_drive();
	const int questions = gate_count(&front_drive(f)->first_questions);
	char meant[64];

	FRONT_SET(f, first_drive, drive);
	(void)snprintf(meant, sizeof(meant), "Nephos-Drive: %u\n", drive);
	assert_int_equal(front_ask(f, "PUT /api/v2/docs/drives/home/files/a", NO_BODY, text, sizeof(text)), 200);
	assert_true(came(f, "PUT /api/v2/docs/drives/home/files/a\n") && came(f, meant));
	assert_int_equal(gate_count(&front_drive(f)->first_questions), questions + 1);
}

static void a_refused_change_is_repeated_for_the_drive_that_the_service_names(void **state)
{
	struct front *f = *state;
	const unsigned before = front_new_home(f), after = front_new_drive();
	char meant[64];

	FRONT_SET(f, refusal, -ERR_NOT_HOME);
	FRONT_SET(f, refusal_drive, after);
	FRONT_SET(f, refusals, 1);
	(void)snprintf(meant, sizeof(meant), "Nephos-Drive: %u\n", after);
	assert_int_equal(front_ask_drive(f, "PUT", before, "files/a", NO_BODY), 200);
	assert_true(came(f, meant) && came(f, "Nephos-Epoch: 1\n"));
}

/* An administrator makes a document for another user: the service finds that he may, and wants the home's epoch. */
static void a_permitted_change_of_another_users_drive_is_repeated_with_the_epoch_of_its_home(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_drive();

	FRONT_SET(f, owner, 6);
	FRONT_SET(f, refusal, -ERR_EPOCH);
	FRONT_SET(f, refusals, 1);
	assert_int_equal(front_ask_drive(f, "PUT", drive, "files/a", NO_BODY), 200);
	assert_true(came(f, "Nephos-Epoch: 1\n"));
	/* The drive has its home here from now on. A change that the user may not make gets the service's answer. */
	FRONT_SET(f, refusal, -ERR_NOT_FOUND);
	FRONT_SET(f, refusals, 1);
	assert_int_equal(front_ask_drive(f, "PUT", drive, "files/b", NO_BODY), 404);
	assert_false(came(f, "Nephos-Epoch"));
	FRONT_SET(f, refusal, -ERR_EPOCH);
	FRONT_SET(f, refusals, 1);
	assert_int_equal(front_ask_drive(f, "PUT", drive, "files/c", NO_BODY), 200);
	assert_true(came(f, "Nephos-Epoch: 1\n"));
	FRONT_SET(f, owner, 5);
}

static void a_change_of_another_users_drive_that_stays_refused_for_its_epoch_gets_409(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_drive();
	const int changes = gate_count(&front_drive(f)->changes);

	FRONT_SET(f, owner, 6);
	FRONT_SET(f, refusal, -ERR_EPOCH);
	FRONT_SET(f, refusals, 1);
	assert_int_equal(front_ask_drive(f, "PUT", drive, "files/a", "Nephos-Floor: 1.2\r\n" NO_BODY), 409);
	assert_says("/epoch-changed\"");
	assert_int_equal(gate_count(&front_drive(f)->changes), changes + 1);
	FRONT_SET(f, owner, 5);
}

/* ---- what is forged ---- */

static void ring_fields_of_a_client_are_dropped_and_do_not_prevent_a_hit(void **state)
{
	static const char FORGED[] = "Nephos-Hop: 1 other\r\nNephos-Drive: 3\r\nNephos-Epoch: 99\r\nNephos-Tags: ?0\r\n"
				     "Nephos-Touched: 1.1-2 3\r\nNephos-Home: http://forged\r\n";
	struct front *f = *state;
	const unsigned drive = front_new_home(f);
	char more[512], meant[64];

	(void)snprintf(meant, sizeof(meant), "Nephos-Drive: %u\n", drive);
	for (int i = 0; i < 2; i++) {
		(void)snprintf(more, sizeof(more), "%s%s", FORGED, i ? "" : NO_BODY);
		assert_int_equal(front_ask_drive(f, i ? "GET" : "PUT", drive, "documents/2", more), 200);
		assert_true(came(f, meant) && came(f, "Nephos-Epoch: 1\n"));
		assert_false(came(f, "Nephos-Hop") || came(f, "Nephos-Drive: 3\n") || came(f, "Nephos-Epoch: 99"));
		assert_false(came(f, "?0") || came(f, "Nephos-Touched") || came(f, "forged"));
		assert_false(says("forged") || says("Nephos-Touched") || says("Nephos-Epoch"));
	}
	/* The request is answered from memory all the same: only a gateway can say that a request has hopped. */
	assert_int_equal(front_ask_drive(f, "GET", drive, "documents/2", FORGED), 200);
	assert_says("Cache-Status: g; hit\r\n");
}

/* ---- what Cache-Status says of answers that are no hit ---- */

/* The head of the answer must have exactly one Cache-Status, and this one. */
static void assert_only(const char *answer, const char *field)
{
	char head[8192];
	const char *end = strstr(answer, "\r\n\r\n"), *found;

	assert_non_null(end);
	(void)snprintf(head, sizeof(head), "%.*s\r\n", (int)(end - answer), answer);
	found = strstr(head, "Cache-Status: ");
	if (!found || strncmp(found, field, strlen(field)) != 0 || strstr(found + 1, "Cache-Status"))
		fail_msg("not \"%s\" alone: %s", field, head);
}

static void a_refusal_by_a_service_has_a_cache_status(void **state)
{
	static const struct {
		const char *method, *more, *status;
		int error;
	} CASES[] = {
		{"GET", "", "Cache-Status: g; fwd=bypass\r\n", -ERR_NOT_FOUND},
		{"GET", "", "Cache-Status: g; fwd=bypass\r\n", -ERR_DRIVE_TRASHED},
		{"GET", "Nephos-Floor: 1.99999999\r\n", "Cache-Status: g; fwd=bypass\r\n", -ERR_BEHIND},
		{"GET", "If-Match: \"x\"\r\n", "Cache-Status: g; fwd=miss\r\n", -ERR_PRECONDITION},
		{"PUT", "If-Match: \"x\"\r\n" NO_BODY, "Cache-Status: g; fwd=method\r\n", -ERR_PRECONDITION},
		{"PUT", NO_BODY, "Cache-Status: g; fwd=method\r\n", -ERR_NOT_FOUND},
	};
	struct front *f = *state;

	for (size_t i = 0; i < sizeof(CASES) / sizeof(*CASES); i++) {
		const unsigned drive = front_new_home(f);

		FRONT_SET(f, refusal, CASES[i].error);
		FRONT_SET(f, refusals, 1);
		assert_true(front_ask_drive(f, CASES[i].method, drive, "documents/9", CASES[i].more) >= 400);
		assert_int_equal(front_drive(f)->refusals, 0);
		assert_only(front_answer(), CASES[i].status);
		assert_false(says("Nephos-Home")); /* whoever may not see the drive is not told where it is */
	}
}

static void an_answer_about_no_drive_has_a_cache_status_that_nobody_can_forge(void **state)
{
	static const char FORGED[] = "Cache-Status: forged; hit\r\nNephos-Hop: 1 h\r\n";
	struct front *f = *state;

	assert_int_equal(front_ask(f, "GET /api/v2/docs/echo/a", FORGED, text, sizeof(text)), 200);
	assert_only(text, "Cache-Status: g; fwd=bypass\r\n");
	assert_int_equal(front_ask(f, "PUT /api/v2/docs/echo/a", NO_BODY, text, sizeof(text)), 200);
	assert_only(text, "Cache-Status: g; fwd=method\r\n");
	assert_int_equal(front_ask(f, "GET /api/v2/user/echo", FORGED, text, sizeof(text)), 200);
	assert_only(text, "Cache-Status: g; fwd=bypass\r\n");
	/* This answer is the gateway's own. */
	assert_int_equal(front_ask(f, "GET /api/v2/gateways", FORGED, text, sizeof(text)), 200);
	assert_null(strstr(text, "Cache-Status"));
}

/* The answer has a length, and no body. */
static void ask_for_head(const struct front *f, unsigned drive)
{
	const int fd = begin(f, "HEAD", drive, "documents/2", "Connection: close\r\n");
	const long got = wire_receive(fd, text, sizeof(text) - 1);

	assert_true(got > 0);
	text[got] = '\0';
	close(fd);
}

static void a_head_request_that_is_not_answered_from_memory_is_a_miss(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);

	ask_for_head(f, drive);
	assert_only(text, "Cache-Status: g; fwd=miss\r\n");
	FRONT_SET(f, tags, NULL);
	ask_for_head(f, drive);
	assert_only(text, "Cache-Status: g; fwd=bypass\r\n");
}

/* ---- no service is registered ---- */

/* Waits until the registration of the docs service has run out, as all have when a gateway has stood still. */
static void lose_docs_service(struct front *f)
{
	const int64_t until_ns = clock_mono_ns() + WIRE_TIMEOUT_S * NS_PER_S;
	const struct timespec pause = clock_timespec(10 * NS_PER_MS);

	front_remove(f, "d");
	while (front_ask(f, "GET /readyz", "", text, sizeof(text)) != 503) {
		assert_true(clock_mono_ns() < until_ns);
		(void)nanosleep(&pause, NULL);
	}
}

static long long held_total(struct front *f)
{
	static char page[262144];
	static const char NAME[] = "\nnephos_gateway_held_total ";

	assert_int_equal(front_ask(f, "GET /metrics", "", page, sizeof(page)), 200);
	const char *found = strstr(page, NAME);
	assert_non_null(found);
	return strtoll(found + sizeof(NAME) - 1, NULL, 10);
}

static void requests_wait_for_the_services_to_register_again(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);
	const int changes = gate_count(&front_drive(f)->changes), reads = gate_count(&front_drive(f)->reads);
	char held[64];

	lose_docs_service(f);
	(void)snprintf(held, sizeof(held), "nephos_gateway_held_total %lld\n", held_total(f) + 2);
	const int change = begin(f, "PUT", drive, "files/a", "Idempotency-Key: k\r\n" NO_BODY);
	const int read = begin(f, "GET", drive, "documents/2", "");
	front_await(f, "/metrics", held);
	assert_int_equal(gate_count(&front_drive(f)->changes), changes);
	front_add(f, REGISTRY_DOCS, "d", f->service.url);
	assert_int_equal(end(change), 200);
	assert_int_equal(end(read), 200);
	assert_int_equal(gate_count(&front_drive(f)->changes), changes + 1);
	assert_int_equal(gate_count(&front_drive(f)->reads), reads + 1);
	/* When none comes, requests are refused in the end, and those that come later at once. */
	lose_docs_service(f);
	assert_int_equal(front_ask_drive(f, "PUT", drive, "files/b", NO_BODY), 503);
	front_add(f, REGISTRY_DOCS, "d", f->service.url);
}

/* ---- two gateways ---- */

static void a_refusal_through_another_gateway_names_both_gateways(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_drive_at("h", "g");

	assert_int_equal(front_ask_drive(f, "PUT", drive, "files/a", NO_BODY), 200);
	FRONT_SET(f, refusal, -ERR_NOT_FOUND);
	FRONT_SET(f, refusals, 1);
	assert_int_equal(front_ask_drive(f, "GET", drive, "documents/9", "Cache-Status: forged; hit\r\n"), 404);
	assert_only(front_answer(), "Cache-Status: h; fwd=bypass, g; fwd=bypass; detail=home\r\n");
}

static void a_request_reaches_the_home_through_another_gateway(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_drive_at("h", "g");
	char home[64], meant[64];

	(void)snprintf(home, sizeof(home), "Nephos-Home: http://127.0.0.1:%u\r\n", f->other->port);
	(void)snprintf(meant, sizeof(meant), "Nephos-Drive: %u\n", drive);
	assert_int_equal(front_ask_drive(f, "PUT", drive, "files/a", "Content-Length: 3\r\n\r\nabc"), 200);
	assert_says("Cache-Status: h; fwd=method, g; fwd=method; detail=home\r\n");
	assert_says(home);
	assert_says("\r\n\r\nchanged");
	assert_true(came(f, "Nephos-Epoch: 2\n") && came(f, meant) && came(f, "Nephos-User: 5\n"));
	assert_true(came(f, "Content-Length: 3\n"));
	assert_false(came(f, "Nephos-Hop"));
	const int reads = gate_count(&front_drive(f)->reads);
	assert_int_equal(front_ask_drive(f, "GET", drive, "documents/2", ""), 200);
	assert_says("Cache-Status: h; fwd=miss; stored, g; ");
	assert_int_equal(front_ask_drive(f, "GET", drive, "documents/2", ""), 200);
	assert_says("Cache-Status: h; hit, g; ");
	assert_says(home);
	assert_false(says("forged"));
	assert_int_equal(gate_count(&front_drive(f)->reads), reads + 1);
	/* Both gateways give the same answer and accept the same change. */
	assert_int_equal(front_ask_drive(f->other, "GET", drive, "documents/2", ""), 200);
	assert_says("Cache-Status: h; hit\r\n");
	assert_int_equal(front_ask_drive(f, "PUT", drive, "documents/2", NO_BODY), 200);
	assert_int_equal(front_ask_drive(f->other, "GET", drive, "documents/2", ""), 200);
	assert_says("Cache-Status: h; fwd=miss; stored\r\n");
}

/* f: the gateway that is asked. */
static void assert_home(const struct front *f, const char *method, unsigned drive, const char *host, const char *home)
{
	char request[512], field[128];

	(void)snprintf(request, sizeof(request),
		"%s /api/v2/docs/drives/%u/documents/2 HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer anna\r\n" NO_BODY
		"Nephos-Hop: 1 forged\r\n\r\n",
		method, drive, host);
	(void)snprintf(field, sizeof(field), "Nephos-Home: %s\r\n", home);
	assert_int_equal(wire_ask(f->port, request, text, sizeof(text)), 200);
	if (!strstr(text, field))
		fail_msg("%s by %s: not \"%s\": %.900s", method, host, field, text);
}

/* The gateways of this test advertise 127.0.0.1. */
static void the_url_of_the_home_has_the_host_of_the_clients_request_despite_a_forged_hop(void **state)
{
	struct front *f = *state;
	const struct front *const gateways[] = {f, f->other};
	const unsigned drive = front_new_drive_at("h", "g");
	char name[64], address[64], here[64];

	(void)snprintf(name, sizeof(name), "http://nephos.example:%u", f->other->port);
	(void)snprintf(address, sizeof(address), "http://[2001:db8::1]:%u", f->other->port);
	(void)snprintf(here, sizeof(here), "http://127.0.0.1:%u", f->other->port);
	for (size_t i = 0; i < 2; i++) {
		assert_home(gateways[i], "PUT", drive, "nephos.example:8050", name);
		for (int times = 0; times < 2; times++) { /* first from the service, then from memory */
			assert_home(gateways[i], "GET", drive, "nephos.example", name);
			assert_home(gateways[i], "GET", drive, "[2001:db8::1]:1", address);
			assert_home(gateways[i], "GET", drive, "localhost:1", here);
		}
	}
}

/* Sends a request as another gateway passes it on. */
static int hop(struct front *f, const char *method, unsigned drive, int epoch)
{
	char request[1024];
	const int fd = front_come_as(f, "gateway", "third");

	(void)snprintf(request, sizeof(request),
		"%s /api/v2/docs/drives/%u/documents/2 HTTP/1.1\r\nHost: g\r\n" NO_BODY WHO
		"Nephos-Hop: %d third\r\nNephos-Drive: %u\r\n\r\n",
		method, drive, epoch, drive);
	wire_say(fd, request);
	return end(fd);
}

static void a_hopped_request_gets_421_from_a_gateway_that_is_not_the_home(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_drive_at("h", "g");
	const int reads = gate_count(&front_drive(f)->reads), changes = gate_count(&front_drive(f)->changes);
	char home[64], meant[64];

	(void)snprintf(home, sizeof(home), "Nephos-Home: http://127.0.0.1:%u\r\n", f->other->port);
	(void)snprintf(meant, sizeof(meant), "Nephos-Drive: %u\r\n", drive);
	for (int epoch = 1; epoch <= 2; epoch++) {
		assert_int_equal(hop(f, "PUT", drive, epoch), 421);
		assert_non_null(strstr(text, "/not-home\""));
		assert_non_null(strstr(text, home));
		assert_non_null(strstr(text, meant));
		assert_int_equal(hop(f, "GET", drive, epoch), 421);
	}
	assert_int_equal(gate_count(&front_drive(f)->reads), reads);
	assert_int_equal(gate_count(&front_drive(f)->changes), changes);
	/* The sender uses an epoch that is not known here, and may be right: the read waits for it, in vain. */
	assert_int_equal(hop(f, "GET", drive, 3), 503);
	assert_int_equal(gate_count(&front_drive(f)->reads), reads);
}

static void a_hopped_request_is_handled_by_the_home(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_drive_at("g", "h");

	assert_int_equal(hop(f, "PUT", drive, 2), 200);
	assert_true(came(f, "Nephos-Epoch: 2\n"));
	assert_int_equal(hop(f, "GET", drive, 2), 200);
	assert_int_equal(hop(f, "GET", drive, 2), 200);
	assert_non_null(strstr(text, "Cache-Status: g; hit\r\n"));
}

static void a_gateway_that_has_just_started_holds_reads_until_it_knows_the_homes(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_drive();
	const int reads = gate_count(&front_drive(f)->reads);
	const int fd = begin(f, "GET", drive, "documents/2", "");

	front_await(f, "/metrics", "nephos_gateway_held_total 1\n");
	assert_int_equal(gate_count(&front_drive(f)->reads), reads);
	service_answer_ring(&f->service, NULL);
	assert_int_equal(end(fd), 200);
	assert_int_equal(gate_count(&front_drive(f)->reads), reads + 1);
}

/* ---- reads that last longer than what allowed them ---- */

/* Another gateway may be the home when the lease has run out. It may have made a change, which the answer shows, and
 * which it has not noted. */
static void a_read_that_outlasts_the_lease_is_sent_again(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);
	const int reads = gate_count(&front_drive(f)->reads);
	char held[64];

	(void)snprintf(held, sizeof(held), "nephos_gateway_held_total %lld\n", held_total(f) + 1);
	FRONT_SET(f, reads_wait, true);
	const int fd = begin(f, "GET", drive, "documents/2", "");
	assert_true(gate_wait(&front_drive(f)->reads, reads + 1));
	service_answer_ring(&f->service, "nonsense");
	front_await(f, "/metrics", "nephos_gateway_ring_lease_milliseconds 0\n");
	service_drive_release_reads(front_drive(f));
	front_await(f, "/metrics", held);
	assert_int_equal(gate_count(&front_drive(f)->reads), reads + 1);
	service_answer_ring(&f->service, NULL);
	assert_int_equal(end(fd), 200);
	assert_int_equal(gate_count(&front_drive(f)->reads), reads + 2);
}

/* The ring goes on without the home that is gone, while a read that was sent past it waits. This must be the last
 * test. */
static void a_read_past_a_home_that_is_gone_is_sent_again_when_the_ring_has_gone_on(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_drive_at("h", "g");
	const int reads = gate_count(&front_drive(f)->reads);

	front_end_other(f);
	FRONT_SET(f, reads_wait, true);
	const int fd = begin(f, "GET", drive, "documents/2", "");
	assert_true(gate_wait(&front_drive(f)->reads, reads + 1));
	front_await(f, "/metrics", "nephos_gateway_ring_epoch 3\n");
	service_drive_release_reads(front_drive(f));
	assert_int_equal(end(fd), 200);
	assert_int_equal(gate_count(&front_drive(f)->reads), reads + 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_change_waits_for_the_claim_and_carries_its_epoch, front_reset_drive),
		cmocka_unit_test_setup(a_refused_claim_is_made_again_for_a_waiting_change, front_reset_drive),
		cmocka_unit_test_setup(a_claim_that_is_answered_without_an_owner_is_made_again, front_reset_drive),
		cmocka_unit_test_setup(a_change_of_a_missing_drive_gets_the_404_of_the_service, front_reset_drive),
		cmocka_unit_test_setup(
			a_change_refused_for_its_epoch_is_sent_again_after_a_new_claim, front_reset_drive),
		cmocka_unit_test_setup(
			a_change_with_a_lease_or_floor_gets_409_when_the_epoch_changed, front_reset_drive),
		cmocka_unit_test_setup(
			a_change_refused_three_times_for_its_epoch_is_done_in_the_end, front_reset_drive),
		cmocka_unit_test_setup(
			a_change_under_drives_home_carries_the_number_of_the_first_drive, front_reset_drive),
		cmocka_unit_test_setup(
			a_refused_change_is_repeated_for_the_drive_that_the_service_names, front_reset_drive),
		cmocka_unit_test_setup(a_permitted_change_of_another_users_drive_is_repeated_with_the_epoch_of_its_home,
			front_reset_drive),
		cmocka_unit_test_setup(
			a_change_of_another_users_drive_that_stays_refused_for_its_epoch_gets_409, front_reset_drive),
		cmocka_unit_test_setup(ring_fields_of_a_client_are_dropped_and_do_not_prevent_a_hit, front_reset_drive),
		cmocka_unit_test_setup(a_refusal_by_a_service_has_a_cache_status, front_reset_drive),
		cmocka_unit_test_setup(
			an_answer_about_no_drive_has_a_cache_status_that_nobody_can_forge, front_reset_drive),
		cmocka_unit_test_setup(a_head_request_that_is_not_answered_from_memory_is_a_miss, front_reset_drive),
	};

	const struct CMUnitTest of_two[] = {
		cmocka_unit_test_setup(a_request_reaches_the_home_through_another_gateway, front_reset_drive),
		cmocka_unit_test_setup(the_url_of_the_home_has_the_host_of_the_clients_request_despite_a_forged_hop,
			front_reset_drive),
		cmocka_unit_test_setup(a_refusal_through_another_gateway_names_both_gateways, front_reset_drive),
		cmocka_unit_test_setup(
			a_hopped_request_gets_421_from_a_gateway_that_is_not_the_home, front_reset_drive),
		cmocka_unit_test_setup(a_hopped_request_is_handled_by_the_home, front_reset_drive),
		cmocka_unit_test_setup(
			a_read_past_a_home_that_is_gone_is_sent_again_when_the_ring_has_gone_on, front_reset_drive),
	};

	const struct CMUnitTest lost[] = {
		cmocka_unit_test_setup(requests_wait_for_the_services_to_register_again, front_reset_drive),
		cmocka_unit_test_setup(a_read_that_outlasts_the_lease_is_sent_again, front_reset_drive),
	};

	const struct CMUnitTest deaf[] = {
		cmocka_unit_test(a_gateway_that_has_just_started_holds_reads_until_it_knows_the_homes),
	};

	return cmocka_run_group_tests(tests, front_setup_home, front_teardown) +
		cmocka_run_group_tests(lost, front_setup_home, front_teardown) +
		cmocka_run_group_tests(deaf, front_setup_deaf, front_teardown) +
		cmocka_run_group_tests(of_two, front_setup_homes, front_teardown);
}
