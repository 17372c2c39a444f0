#include "backend/user/api/answer.h"

#include "common/base/error.h"
#include "common/base/text.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

static_assert(ANSWER_KEY_BYTES == crypto_secretbox_KEYBYTES, "the key fits");

enum { NONCE = crypto_secretbox_NONCEBYTES, MAC = crypto_secretbox_MACBYTES };

void answer_fini(struct answer *a)
{
	free(a->text);
	a->text = NULL;
}

/* Returns the size, or a failure. */
static int seal(const uint8_t key[ANSWER_KEY_BYTES], const struct answer *a, uint8_t ret[ANSWER_BYTES_MAX])
{
	json_t *plain = json_pack(
		"{s:s*, s:I, s:s}", "text", a->text, "user", (json_int_t)a->forget_user, "token", a->forget_token);
	char *text = plain ? json_dumps(plain, JSON_COMPACT) : NULL;
	int r = -ENOMEM;

	json_decref(plain);
	if (!text)
		return r;
	size_t size = strlen(text);
	if (NONCE + MAC + size > ANSWER_BYTES_MAX) {
		r = -EMSGSIZE;
	} else {
		randombytes_buf(ret, NONCE);
		crypto_secretbox_easy(ret + NONCE, (const uint8_t *)text, size, ret, key);
		r = (int)(NONCE + MAC + size);
	}
	free(text);
	return r;
}

static int unseal(const uint8_t key[ANSWER_KEY_BYTES], struct span sealed, struct answer *ret)
{
	uint8_t text[ANSWER_BYTES_MAX];
	const uint8_t *bytes = (const uint8_t *)sealed.data;

	if (sealed.size < NONCE + MAC || sealed.size > ANSWER_BYTES_MAX)
		return -EBADMSG;
	if (crypto_secretbox_open_easy(text, bytes + NONCE, sealed.size - NONCE, bytes, key) < 0)
		return -EBADMSG;
	json_t *plain = json_loadb((const char *)text, sealed.size - NONCE - MAC, 0, NULL);
	if (!plain)
		return -EBADMSG;
	const char *body = json_string_value(json_object_get(plain, "text"));
	const char *token = json_string_value(json_object_get(plain, "token"));
	ret->forget_user = (uint64_t)json_integer_value(json_object_get(plain, "user"));
	snprintf(ret->forget_token, sizeof(ret->forget_token), "%s", token ? token : "");
	ret->text = body ? strdup(body) : NULL;
	int r = body && !ret->text ? -ENOMEM : 0;
	json_decref(plain);
	return r;
}

int answer_put(const struct answer_slot *slot, const struct answer *a)
{
	uint8_t sealed[ANSWER_BYTES_MAX];
	struct user_answer row = {.status = a->status};

	int size = seal(slot->seal_key, a, sealed);
	if (size < 0)
		return size;
	memcpy(row.request, slot->request, SHA256_BYTES);
	row.sealed = span_of(sealed, (size_t)size);
	return slot->store->ops->answer_put(slot->store, slot->account_id, slot->idempotency_key, slot->now_ns, &row);
}

int answer_get(const struct answer_slot *slot, struct answer *ret)
{
	struct user_answer row;
	struct answer answer = {0};

	int r = slot->store->ops->answer_get(
		slot->store, slot->account_id, slot->idempotency_key, slot->now_ns - USER_ANSWER_NS, &row);
	if (r < 0)
		return r;
	if (memcmp(row.request, slot->request, SHA256_BYTES) != 0)
		return -ERR_KEY_REUSED;
	r = unseal(slot->seal_key, row.sealed, &answer);
	if (r < 0)
		return r;
	answer.status = row.status;
	*ret = answer;
	return 0;
}
