/* Any bytes as the greeting of the peer of a new connection: a server and a client that have a key never
 * accept these bytes as a proof that the peer has it, and never answer with more than fits. */
#include "tests/fuzz/fuzz.h"

#include "common/trust/hello.h"

static void as_server(struct span message, bool was_asked)
{
	const struct hello_side side = {.name = "docs/docs-1/0a0b", .nonce = {1}, .way = "a>b"};
	const uint8_t key[HELLO_KEY_BYTES] = {1}, nonce[HELLO_NONCE_BYTES] = {2};
	struct hello_keys keys = {.count = 1};
	struct hello_server server = {0};
	struct hello_client client;
	char text[HELLO_TEXT_SIZE], ret[HELLO_TEXT_SIZE];

	hello_key_derive(key, &keys.list[0]);
	if (was_asked) {
		FUZZ_CHECK(hello_ask(&client, &keys, nonce, "a>b", text) == 0);
		FUZZ_CHECK(hello_hear(&server, &keys, &side, span_str(text), ret) == 0);
		FUZZ_CHECK(hello_confirm(&client, message, "docs/", "gateway/g/0c", text) < 0);
	}
	if (hello_hear(&server, &keys, &side, message, ret) == 0)
		FUZZ_CHECK(memchr(ret, '\0', sizeof(ret)));
	FUZZ_CHECK(server.state != HELLO_KNOWN_NOW && !hello_still_known(&server, &keys));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	as_server(span_of(data, size), false);
	as_server(span_of(data, size), true);
	return 0;
}
