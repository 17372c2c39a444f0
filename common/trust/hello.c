#include "common/trust/hello.h"

#include "common/base/text.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>

#define WORDS_MAX 4
#define TRANSCRIPT_SIZE (2 * HELLO_TEXT_SIZE)

/* The words of a message, with exactly one space between them. */
struct words {
	struct span text; /* the whole message */
	struct span list[WORDS_MAX];
	size_t count;
};

static void derive(const uint8_t key[HELLO_KEY_BYTES], const char *label, uint8_t *ret, size_t size)
{
	/* It fails only for sizes that it does not support. */
	(void)crypto_generichash(ret, size, (const unsigned char *)label, strlen(label), key, HELLO_KEY_BYTES);
}

void hello_key_derive(const uint8_t key[HELLO_KEY_BYTES], struct hello_key *ret)
{
	uint8_t id[crypto_generichash_BYTES_MIN];

	derive(key, "nephos-hello-v1 id", id, sizeof(id));
	memcpy(ret->id, id, sizeof(ret->id));
	derive(key, "nephos-hello-v1 server", ret->server, sizeof(ret->server));
	derive(key, "nephos-hello-v1 client", ret->client, sizeof(ret->client));
}

static int split(struct span text, struct words *ret)
{
	ret->text = text;
	ret->count = 0;
	if (text.size >= HELLO_TEXT_SIZE)
		return -EBADMSG;
	for (;;) {
		const char *space = text.size > 0 ? memchr(text.data, ' ', text.size) : NULL;
		size_t size = space ? (size_t)(space - text.data) : text.size;

		if (size == 0 || ret->count == WORDS_MAX)
			return -EBADMSG;
		for (size_t i = 0; i < size; i++) {
			if (text.data[i] < '!' || text.data[i] > '~')
				return -EBADMSG;
		}
		ret->list[ret->count++] = span_of(text.data, size);
		if (!space)
			return 0;
		text = span_of(space + 1, text.size - size - 1);
	}
}

static bool is_word(struct span word)
{
	struct words words;

	return split(word, &words) == 0 && words.count == 1;
}

/* Writes everything that was said: the question, and the answer without its proof. Words contain no line feed, so
 * the text has only one meaning. */
static int transcribe(struct span asked, struct span nonce, struct span name, char ret[TRANSCRIPT_SIZE])
{
	int size = snprintf(ret, TRANSCRIPT_SIZE, "%.*s\n%.*s\n%.*s\n", (int)asked.size, asked.data, (int)nonce.size,
		nonce.data, (int)name.size, name.data);

	return size < 0 || size >= TRANSCRIPT_SIZE ? -EBADMSG : 0;
}

static void prove(const uint8_t key[HELLO_KEY_BYTES], const char *transcript, uint8_t ret[HELLO_PROOF_BYTES])
{
	(void)crypto_generichash(
		ret, HELLO_PROOF_BYTES, (const unsigned char *)transcript, strlen(transcript), key, HELLO_KEY_BYTES);
}

/* The client states its name after everything else was said. A proof over everything else is the key of this proof,
 * and is never sent: so the server need not keep the messages. */
static void prove_client(const uint8_t rest[HELLO_PROOF_BYTES], struct span name, uint8_t ret[HELLO_PROOF_BYTES])
{
	(void)crypto_generichash(
		ret, HELLO_PROOF_BYTES, (const unsigned char *)name.data, name.size, rest, HELLO_PROOF_BYTES);
}

static bool is_proof(struct span hex, const uint8_t expected[HELLO_PROOF_BYTES])
{
	uint8_t given[HELLO_PROOF_BYTES];

	return text_unhex(hex, given, sizeof(given)) == 0 && sodium_memcmp(given, expected, sizeof(given)) == 0;
}

static void put_proof(const char *word, const uint8_t proof[HELLO_PROOF_BYTES], char ret[HELLO_TEXT_SIZE])
{
	char hex[2 * HELLO_PROOF_BYTES + 1];

	text_hex(proof, HELLO_PROOF_BYTES, hex);
	(void)snprintf(ret, HELLO_TEXT_SIZE, "%s %s", word, hex);
}

int hello_ask(struct hello_client *c, const struct hello_keys *keys, const uint8_t nonce[HELLO_NONCE_BYTES],
	const char *way, char ret[HELLO_TEXT_SIZE])
{
	char id[2 * HELLO_ID_BYTES + 1], number[2 * HELLO_NONCE_BYTES + 1];

	if (keys->count == 0 || !is_word(span_str(way)) || strlen(way) >= HELLO_WAY_SIZE)
		return -EINVAL;
	c->key = keys->list[0];
	text_hex(c->key.id, sizeof(c->key.id), id);
	text_hex(nonce, HELLO_NONCE_BYTES, number);
	(void)snprintf(c->asked, sizeof(c->asked), "ask %s %s %s", id, number, way);
	memcpy(ret, c->asked, sizeof(c->asked));
	return 0;
}

static bool is_expected(struct span name, const char *expected)
{
	size_t size = strlen(expected);

	if (size > 0 && expected[size - 1] == '/')
		return name.size > size && memcmp(name.data, expected, size) == 0;
	return span_eq_str(name, expected);
}

int hello_confirm(
	struct hello_client *c, struct span answer, const char *expected, const char *self, char ret[HELLO_TEXT_SIZE])
{
	char transcript[TRANSCRIPT_SIZE], text[HELLO_NAME_SIZE + 16];
	uint8_t proof[HELLO_PROOF_BYTES], rest[HELLO_PROOF_BYTES];
	struct words words;

	if (!is_word(span_str(self)) || strlen(self) >= HELLO_NAME_SIZE)
		return -EINVAL;
	if (split(answer, &words) < 0 || words.count != 4 || !span_eq_str(words.list[0], "answer") ||
		transcribe(span_str(c->asked), words.list[1], words.list[2], transcript) < 0)
		return -EBADMSG;
	prove(c->key.server, transcript, proof);
	if (!is_proof(words.list[3], proof) || !is_expected(words.list[2], expected))
		return -EKEYREJECTED;
	prove(c->key.client, transcript, rest);
	prove_client(rest, span_str(self), proof);
	(void)snprintf(text, sizeof(text), "confirm %s", self);
	put_proof(text, proof, ret);
	return 0;
}

static const struct hello_key *find_key(const struct hello_keys *keys, const uint8_t id[HELLO_ID_BYTES])
{
	for (size_t i = 0; i < keys->count; i++) {
		if (memcmp(keys->list[i].id, id, HELLO_ID_BYTES) == 0)
			return &keys->list[i];
	}
	return NULL;
}

static int answer(struct hello_server *s, const struct hello_keys *keys, const struct hello_side *side,
	const struct words *words, char ret[HELLO_TEXT_SIZE])
{
	char transcript[TRANSCRIPT_SIZE], nonce[2 * HELLO_NONCE_BYTES + 1],
		text[HELLO_NONCE_BYTES * 2 + HELLO_NAME_SIZE + 16];
	uint8_t proof[HELLO_PROOF_BYTES], number[HELLO_NONCE_BYTES];
	const struct hello_key *key;

	if (text_unhex(words->list[1], s->key_id, sizeof(s->key_id)) < 0 ||
		text_unhex(words->list[2], number, sizeof(number)) < 0)
		return -EBADMSG;
	key = find_key(keys, s->key_id);
	if (!key)
		return -EKEYREJECTED;
	if (side->way && !span_eq_str(words->list[3], side->way))
		return -EXDEV;
	text_hex(side->nonce, sizeof(side->nonce), nonce);
	int r = transcribe(words->text, span_str(nonce), span_str(side->name), transcript);
	if (r < 0)
		return r;
	prove(key->server, transcript, proof);
	prove(key->client, transcript, s->expected);
	(void)snprintf(text, sizeof(text), "answer %s %s", nonce, side->name);
	put_proof(text, proof, ret);
	s->state = HELLO_ASKED;
	return 0;
}

static int take_confirm(struct hello_server *s, const struct hello_keys *keys, const struct words *words)
{
	const struct span name = words->list[1];
	uint8_t proof[HELLO_PROOF_BYTES];

	assert(s->state == HELLO_STRANGER);
	if (name.size >= sizeof(s->client))
		return -EBADMSG;
	prove_client(s->expected, name, proof);
	/* The key may have been removed since the question, and that may be any time ago. */
	if (!find_key(keys, s->key_id) || !is_proof(words->list[2], proof))
		return -EKEYREJECTED;
	memcpy(s->client, name.data, name.size);
	s->client[name.size] = '\0';
	sodium_memzero(s->expected, sizeof(s->expected));
	s->state = HELLO_KNOWN_NOW;
	return 0;
}

int hello_hear(struct hello_server *s, const struct hello_keys *keys, const struct hello_side *side,
	struct span message, char ret[HELLO_TEXT_SIZE])
{
	const enum hello_state before = s->state;
	struct words words;

	s->state = HELLO_STRANGER;
	if (split(message, &words) < 0)
		return -EBADMSG;
	if (words.count == 4 && span_eq_str(words.list[0], "ask"))
		return answer(s, keys, side, &words, ret);
	if (words.count != 3 || !span_eq_str(words.list[0], "confirm") || before != HELLO_ASKED)
		return -EBADMSG;
	int r = take_confirm(s, keys, &words);
	if (r == 0)
		(void)snprintf(ret, HELLO_TEXT_SIZE, "%s", HELLO_KNOWN);
	return r;
}

bool hello_still_known(const struct hello_server *s, const struct hello_keys *keys)
{
	return s->state == HELLO_KNOWN_NOW && find_key(keys, s->key_id) != NULL;
}
