#include "common/proto/cap.h"

#include "common/base/error.h"
#include "common/base/sha256.h"
#include "common/base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define CAP_LIFE_MIN_S \
	600 /* a capability is valid at least this long: longer than any reader takes for one page of extents */
#define CAP_HEX_DIGITS 32 /* 128 bits of the HMAC: forging is out of reach, and URLs stay short */

/* HMAC fails only if libcrypto has no SHA-256 or no memory. Then nothing works, and zeros must not become a key:
 * the process ends. */
static void cap_hmac(const uint8_t key[32], const char *text, uint8_t ret[SHA256_BYTES])
{
	if (sha256_hmac(span_of(key, 32), span_str(text), ret) < 0)
		__builtin_trap();
}

struct cap_claim {
	uint32_t drive;
	const uint8_t *sha256;
	int64_t generation, expiry;
};

static void cap_mac(const struct cap_key *key, const struct cap_claim *claim, char ret[CAP_HEX_DIGITS + 1])
{
	char text[160], hex[SHA256_HEX_SIZE];
	uint8_t mac[SHA256_BYTES];

	text_hex(claim->sha256, SHA256_BYTES, hex);
	(void)snprintf(text, sizeof(text), "cap|%" PRIu32 "|%s|%" PRId64 "|%" PRId64, claim->drive, hex,
		claim->generation, claim->expiry);
	cap_hmac(key->bytes, text, mac);
	text_hex(mac, CAP_HEX_DIGITS / 2, ret);
}

static void cap_write(const struct cap_key *key, const struct cap_claim *claim, char ret[CAP_TEXT_SIZE])
{
	char hex[CAP_HEX_DIGITS + 1];

	cap_mac(key, claim, hex);
	(void)snprintf(ret, CAP_TEXT_SIZE, "%" PRId64 ".%" PRId64 ".%s", claim->expiry, claim->generation, hex);
}

/* budget: one argument for each thing that is signed */
void cap_sign(const struct cap_key *key, uint32_t drive, const uint8_t sha256[32], int64_t generation, int64_t now_s,
	char *ret)
{
	struct cap_claim claim = {.drive = drive, .sha256 = sha256, .generation = generation};

	/* The expiry is rounded up: the life is at least CAP_LIFE_MIN_S, and at most CAP_ROUND_S more. */
	claim.expiry = (now_s + CAP_LIFE_MIN_S + CAP_ROUND_S - 1) / CAP_ROUND_S * CAP_ROUND_S;
	cap_write(key, &claim, ret);
}

/* Cuts the part before the next dot, and the dot, off cap. -EINVAL: there is no dot. */
static int cap_part(struct span *cap, struct span *ret)
{
	const char *dot = cap->size > 0 ? memchr(cap->data, '.', cap->size) : NULL;
	size_t size;

	if (!dot)
		return -EINVAL;
	size = (size_t)(dot - cap->data);
	*ret = span_of(cap->data, size);
	*cap = span_of(dot + 1, cap->size - size - 1);
	return 0;
}

/* budget: as cap_sign */
int cap_check(const struct cap_key *key, uint32_t drive, const uint8_t sha256[32], struct span cap, int64_t now_s,
	int64_t *ret_generation)
{
	struct cap_claim claim = {.drive = drive, .sha256 = sha256};
	const struct span whole = cap;
	char signed_text[CAP_TEXT_SIZE];
	struct span expiry, generation;

	if (cap.size >= CAP_TEXT_SIZE || cap_part(&cap, &expiry) < 0 || cap_part(&cap, &generation) < 0)
		return -ERR_FORBIDDEN;
	if (text_parse_i64(expiry, &claim.expiry) < 0 || text_parse_i64(generation, &claim.generation) < 0)
		return -ERR_FORBIDDEN;
	/* Compares the whole text, not just the signature: a number has other spellings than the one that was
	 * signed. */
	cap_write(key, &claim, signed_text);
	if (!text_secret_eq(whole, span_str(signed_text)) || now_s >= claim.expiry)
		return -ERR_FORBIDDEN;
	*ret_generation = claim.generation;
	return 0;
}
