#include "common/trust/hello.h"

#include "common/base/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define WAY "127.0.0.1:1000>127.0.0.1:2000"
#define NAME "docs/docs-1/0a0b"
#define SELF "gateway/gateway-1/0c0d"

static const uint8_t KEY[HELLO_KEY_BYTES] = {1}, OTHER[HELLO_KEY_BYTES] = {2};
static const uint8_t NONCE[HELLO_NONCE_BYTES] = {3};
static const struct hello_side SIDE = {.name = NAME, .nonce = {4}, .way = WAY};

struct talk {
	struct hello_keys keys, server_keys;
	struct hello_client client;
	struct hello_server server;
	char ask[HELLO_TEXT_SIZE], answer[HELLO_TEXT_SIZE], confirm[HELLO_TEXT_SIZE], known[HELLO_TEXT_SIZE];
};

static void begin(struct talk *t)
{
	memset(t, 0, sizeof(*t));
	hello_key_derive(KEY, &t->keys.list[0]);
	t->keys.count = 1;
	t->server_keys = t->keys;
	assert_int_equal(hello_ask(&t->client, &t->keys, NONCE, WAY, t->ask), 0);
}

static int hear(struct talk *t, const char *message, char *ret)
{
	return hello_hear(&t->server, &t->server_keys, &SIDE, span_str(message), ret);
}

static void talk_to_the_end(struct talk *t)
{
	begin(t);
	assert_int_equal(hear(t, t->ask, t->answer), 0);
	assert_int_equal(hello_confirm(&t->client, span_str(t->answer), NAME, SELF, t->confirm), 0);
	assert_int_equal(hear(t, t->confirm, t->known), 0);
}

static void a_client_and_a_server_with_the_same_key_accept_each_other(void **state)
{
	struct talk t;

	(void)state;
	talk_to_the_end(&t);
	assert_int_equal(t.server.state, HELLO_KNOWN_NOW);
	assert_string_equal(t.known, HELLO_KNOWN);
	assert_string_equal(t.server.client, SELF);
	assert_true(hello_still_known(&t.server, &t.server_keys));
}

static void the_greeting_shows_no_key_and_its_proofs_change_with_the_nonce(void **state)
{
	struct hello_side side = SIDE;
	struct talk t, again;
	char answer[HELLO_TEXT_SIZE], hex[2 * HELLO_KEY_BYTES + 1];

	(void)state;
	talk_to_the_end(&t);
	for (int i = 0; i < 3; i++) {
		const uint8_t *keys[] = {KEY, t.keys.list[0].server, t.keys.list[0].client};
		text_hex(keys[i], HELLO_KEY_BYTES, hex);
		assert_null(strstr(t.ask, hex));
		assert_null(strstr(t.answer, hex));
		assert_null(strstr(t.confirm, hex));
	}
	/* The same question to a server with another nonce: both proofs are different. */
	begin(&again);
	side.nonce[0]++;
	assert_int_equal(hello_hear(&again.server, &again.keys, &side, span_str(again.ask), answer), 0);
	assert_string_not_equal(answer, t.answer);
	assert_int_equal(hello_confirm(&again.client, span_str(answer), NAME, SELF, again.confirm), 0);
	assert_string_not_equal(again.confirm, t.confirm);
}

static void a_peer_with_another_key_is_refused_by_client_and_server(void **state)
{
	char ret[HELLO_TEXT_SIZE];
	struct talk t;

	(void)state;
	begin(&t);
	hello_key_derive(OTHER, &t.server_keys.list[0]);
	assert_int_equal(hear(&t, t.ask, t.answer), -EKEYREJECTED);
	/* A server that claims to have the key that was asked for, and does not have it. */
	memcpy(t.server_keys.list[0].id, t.keys.list[0].id, HELLO_ID_BYTES);
	assert_int_equal(hear(&t, t.ask, t.answer), 0);
	assert_int_equal(hello_confirm(&t.client, span_str(t.answer), NAME, SELF, ret), -EKEYREJECTED);
	begin(&t);
	hello_key_derive(OTHER, &t.keys.list[0]);
	memcpy(t.keys.list[0].id, t.server_keys.list[0].id, HELLO_ID_BYTES);
	assert_int_equal(hello_ask(&t.client, &t.keys, NONCE, WAY, t.ask), 0);
	assert_int_equal(hear(&t, t.ask, t.answer), 0);
	assert_int_equal(
		hear(&t, "confirm " SELF " 0000000000000000000000000000000000000000000000000000000000000000", ret),
		-EKEYREJECTED);
	assert_int_equal(t.server.state, HELLO_STRANGER);
}

static void a_recorded_greeting_is_refused_on_another_connection(void **state)
{
	struct hello_side side = SIDE;
	char ret[HELLO_TEXT_SIZE];
	struct talk t, later;

	(void)state;
	talk_to_the_end(&t);
	/* The recorded greeting goes to the server again, which has another nonce: the recorded confirmation
	 * is wrong. */
	begin(&later);
	side.nonce[0]++;
	assert_int_equal(hello_hear(&later.server, &t.keys, &side, span_str(t.ask), ret), 0);
	assert_int_equal(hello_hear(&later.server, &t.keys, &side, span_str(t.confirm), ret), -EKEYREJECTED);
	assert_int_equal(hear(&later, t.confirm, ret), -EBADMSG); /* there was no question before */
	/* The recorded answer goes to a client that asks with another nonce: it is wrong. */
	const uint8_t nonce[HELLO_NONCE_BYTES] = {77};
	assert_int_equal(hello_ask(&later.client, &later.keys, nonce, WAY, later.ask), 0);
	assert_int_equal(hello_confirm(&later.client, span_str(t.answer), NAME, SELF, ret), -EKEYREJECTED);
}

static void a_confirmation_is_refused_after_its_key_was_removed(void **state)
{
	char ret[HELLO_TEXT_SIZE];
	struct talk t;

	(void)state;
	begin(&t);
	assert_int_equal(hear(&t, t.ask, t.answer), 0);
	assert_int_equal(hello_confirm(&t.client, span_str(t.answer), NAME, SELF, t.confirm), 0);
	hello_key_derive(OTHER, &t.server_keys.list[0]);
	assert_int_equal(hear(&t, t.confirm, ret), -EKEYREJECTED);
	assert_int_equal(t.server.state, HELLO_STRANGER);
}

static void a_message_reflected_to_its_sender_is_refused(void **state)
{
	char ret[HELLO_TEXT_SIZE], forged[HELLO_TEXT_SIZE];
	struct talk t;

	(void)state;
	begin(&t);
	assert_int_equal(hear(&t, t.ask, t.answer), 0);
	/* The server's own proof, sent back to it as the client's. */
	(void)snprintf(forged, sizeof(forged), "confirm " SELF " %.64s", strrchr(t.answer, ' ') + 1);
	assert_int_equal(hear(&t, forged, ret), -EKEYREJECTED);
	assert_int_equal(hello_confirm(&t.client, span_str(t.ask), NAME, SELF, ret), -EBADMSG);
}

static void a_relay_is_detected_by_the_addresses_of_the_connection(void **state)
{
	struct hello_side side = SIDE;
	struct talk t;

	(void)state;
	begin(&t);
	side.way = "127.0.0.1:1001>127.0.0.1:2001";
	assert_int_equal(hello_hear(&t.server, &t.server_keys, &side, span_str(t.ask), t.answer), -EXDEV);
	/* Where addresses are translated the server does not check the way. But somebody in between cannot
	 * tell the server another way than the client told. */
	side.way = NULL;
	const char *forged = "ask 0000000000000000 03000000000000000000000000000000 127.0.0.1:1001>127.0.0.1:2001";
	char ask[HELLO_TEXT_SIZE];
	(void)snprintf(ask, sizeof(ask), "%.20s%s", t.ask, forged + 20);
	assert_int_equal(hello_hear(&t.server, &t.server_keys, &side, span_str(ask), t.answer), 0);
	assert_int_equal(hello_confirm(&t.client, span_str(t.answer), NAME, SELF, t.confirm), -EKEYREJECTED);
}

static void a_client_refuses_a_server_with_another_name(void **state)
{
	struct talk t;

	(void)state;
	begin(&t);
	assert_int_equal(hear(&t, t.ask, t.answer), 0);
	assert_int_equal(
		hello_confirm(&t.client, span_str(t.answer), "docs/docs-2/0a0b", SELF, t.confirm), -EKEYREJECTED);
	assert_int_equal(
		hello_confirm(&t.client, span_str(t.answer), "docs/docs-1/0a0c", SELF, t.confirm), -EKEYREJECTED);
	assert_int_equal(hello_confirm(&t.client, span_str(t.answer), "docs/docs-1", SELF, t.confirm), -EKEYREJECTED);
	assert_int_equal(hello_confirm(&t.client, span_str(t.answer), "gateway/", SELF, t.confirm), -EKEYREJECTED);
	assert_int_equal(hello_confirm(&t.client, span_str(t.answer), "", SELF, t.confirm), -EKEYREJECTED);
	assert_int_equal(hello_confirm(&t.client, span_str(t.answer), "docs/", SELF, t.confirm), 0);
}

static void a_greeting_with_any_changed_character_is_refused(void **state)
{
	char changed[HELLO_TEXT_SIZE], ret[HELLO_TEXT_SIZE];
	struct talk t;

	(void)state;
	begin(&t);
	assert_int_equal(hear(&t, t.ask, t.answer), 0);
	for (size_t i = 0; i < strlen(t.answer); i++) {
		memcpy(changed, t.answer, sizeof(changed));
		changed[i] = changed[i] == '0' ? '1' : '0';
		assert_true(hello_confirm(&t.client, span_str(changed), "docs/", SELF, ret) < 0);
	}
	assert_int_equal(hello_confirm(&t.client, span_str(t.answer), NAME, SELF, t.confirm), 0);
	for (size_t i = 0; i < strlen(t.confirm); i++) {
		struct talk one = t;
		memcpy(changed, t.confirm, sizeof(changed));
		changed[i] = changed[i] == '0' ? '1' : '0';
		assert_true(hear(&one, changed, ret) < 0);
		assert_int_equal(one.server.state, HELLO_STRANGER);
	}
}

static void a_client_with_an_invalid_name_is_refused(void **state)
{
	char large[2 * HELLO_NAME_SIZE];
	struct talk t;

	(void)state;
	memset(large, 'a', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	begin(&t);
	assert_int_equal(hear(&t, t.ask, t.answer), 0);
	assert_int_equal(hello_confirm(&t.client, span_str(t.answer), NAME, "", t.confirm), -EINVAL);
	assert_int_equal(hello_confirm(&t.client, span_str(t.answer), NAME, "a b", t.confirm), -EINVAL);
	assert_int_equal(hello_confirm(&t.client, span_str(t.answer), NAME, large, t.confirm), -EINVAL);
	(void)snprintf(t.confirm, sizeof(t.confirm), "confirm %.200s %.64s", large, t.answer);
	assert_int_equal(hear(&t, t.confirm, t.known), -EBADMSG);
}

static void a_malformed_greeting_is_refused(void **state)
{
	static const char *const texts[] = {"", " ", "ask", "ask a b c", "ask  a b", "confirm", "confirm x",
		"confirm x y", "confirm x y z", "known", "ask 0000000000000000 00000000000000000000000000000000",
		"answer a b c", "ask 0000000000000000 00000000000000000000000000000000 a\tb",
		"ask 0000000000000000 00000000000000000000000000000000 w x",
		"ask 000000000000000z 00000000000000000000000000000000 w"};
	char ret[HELLO_TEXT_SIZE], large[2 * HELLO_TEXT_SIZE];
	struct talk t;

	(void)state;
	begin(&t);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		if (hear(&t, texts[i], ret) != -EBADMSG ||
			hello_confirm(&t.client, span_str(texts[i]), NAME, SELF, ret) >= 0)
			fail_msg("%s", texts[i]);
	}
	memset(large, 'a', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	assert_int_equal(hear(&t, large, ret), -EBADMSG);
	assert_int_equal(hello_ask(&t.client, &t.keys, NONCE, "a b", ret), -EINVAL);
	assert_int_equal(hello_ask(&t.client, &t.keys, NONCE, large, ret), -EINVAL);
}

static void a_client_stays_known_until_the_server_removes_the_key_it_used(void **state)
{
	char ret[HELLO_TEXT_SIZE];
	struct hello_key old, new;
	struct talk t;

	(void)state;
	hello_key_derive(KEY, &old);
	hello_key_derive(OTHER, &new);
	/* The server has both keys: a client that asks with either one is known, and stays known as long as
	 * the server has that key. A client asks with the first of its keys. */
	for (int i = 0; i < 2; i++) {
		const struct hello_key used = i ? old : new, other = i ? new : old;

		begin(&t);
		t.server_keys = (struct hello_keys){.list = {old, new}, .count = 2};
		t.keys = (struct hello_keys){.list = {used, other}, .count = 2};
		assert_int_equal(hello_ask(&t.client, &t.keys, NONCE, WAY, t.ask), 0);
		assert_int_equal(hear(&t, t.ask, t.answer), 0);
		assert_int_equal(hello_confirm(&t.client, span_str(t.answer), NAME, SELF, t.confirm), 0);
		assert_int_equal(hear(&t, t.confirm, ret), 0);
		assert_true(hello_still_known(&t.server, &t.server_keys));
		t.server_keys = (struct hello_keys){.list = {used}, .count = 1};
		assert_true(hello_still_known(&t.server, &t.server_keys));
		t.server_keys = (struct hello_keys){.list = {other}, .count = 1};
		assert_false(hello_still_known(&t.server, &t.server_keys));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_and_a_server_with_the_same_key_accept_each_other),
		cmocka_unit_test(the_greeting_shows_no_key_and_its_proofs_change_with_the_nonce),
		cmocka_unit_test(a_peer_with_another_key_is_refused_by_client_and_server),
		cmocka_unit_test(a_recorded_greeting_is_refused_on_another_connection),
		cmocka_unit_test(a_confirmation_is_refused_after_its_key_was_removed),
		cmocka_unit_test(a_message_reflected_to_its_sender_is_refused),
		cmocka_unit_test(a_relay_is_detected_by_the_addresses_of_the_connection),
		cmocka_unit_test(a_client_refuses_a_server_with_another_name),
		cmocka_unit_test(a_greeting_with_any_changed_character_is_refused),
		cmocka_unit_test(a_client_with_an_invalid_name_is_refused),
		cmocka_unit_test(a_malformed_greeting_is_refused),
		cmocka_unit_test(a_client_stays_known_until_the_server_removes_the_key_it_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
