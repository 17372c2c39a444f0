#include "backend/user/rules/password.h"

#include "backend/user/rules/spelling.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <semaphore.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * Passwords are stored as Argon2id, by libsodium, which puts salt and costs into the text of the hash. So costs
 * can be raised later, and old hashes still contain theirs.
 *
 * The same password can be typed as different bytes: an accented letter as one code point or as two. A password
 * is brought to one form (NFC) before it is hashed, whatever keyboard it comes from. Old hashes were made of the
 * bytes as typed; where the two differ, both are tried.
 *
 * Each hashing takes 19 MiB and tens of milliseconds, so a semaphore limits how many run at once, and a caller
 * that has waited for PASSWORD_WAIT_MS gets -EAGAIN. For a user without a password, or a user that does not
 * exist, a hash of an unknown random secret is compared instead: the time that an answer takes must not reveal
 * who has an account.
 */

static_assert(PASSWORD_TYPED_BYTES_MAX <= SPELLING_TYPED_BYTES_MAX, "a password is normalised whole");
static_assert(USER_PASSWORD_HASH_SIZE == crypto_pwhash_STRBYTES, "a hash fits its place");

struct password_hasher {
	sem_t turns;
	char nobody[USER_PASSWORD_HASH_SIZE]; /* hash of a random password that nobody knows */
};

static int wait_turn(struct password_hasher *h)
{
	const struct timespec until = clock_timespec(clock_mono_ns() + PASSWORD_WAIT_MS * NS_PER_MS);

	while (sem_clockwait(&h->turns, CLOCK_MONOTONIC, &until) < 0)
		if (errno != EINTR)
			return -EAGAIN;
	return 0;
}

int password_check(const char *password, char ret_why[PASSWORD_WHY_SIZE])
{
	char nfc[PASSWORD_TYPED_BYTES_MAX + 1] = "";
	uint32_t c = 0;

	int r = spelling_nfc(password, nfc, sizeof(nfc));
	const size_t size = strlen(nfc);
	const enum spelling_flaw flaw = r == 0 ? spelling_first_flaw(nfc, &c) : SPELLING_FINE;
	sodium_memzero(nfc, sizeof(nfc));
	if (r == -EINVAL)
		snprintf(ret_why, PASSWORD_WHY_SIZE, "a password must be UTF-8");
	if (r == -ENOMEM || r == -EINVAL)
		return r;
	if (r < 0 || size < PASSWORD_BYTES_MIN || size > PASSWORD_BYTES_MAX) {
		snprintf(ret_why, PASSWORD_WHY_SIZE, "a password must have %u to %u bytes", PASSWORD_BYTES_MIN,
			PASSWORD_BYTES_MAX);
		return size < PASSWORD_BYTES_MIN && r == 0 ? -EINVAL : -ENAMETOOLONG;
	}
	if (flaw == SPELLING_FINE)
		return 0;
	snprintf(ret_why, PASSWORD_WHY_SIZE, "a password may not have %s: U+%04" PRIX32, spelling_flaw_name(flaw), c);
	return -EINVAL;
}

/* Hashes bytes as they are. */
static int hash_bytes(struct password_hasher *h, const char *bytes, char ret[USER_PASSWORD_HASH_SIZE])
{
	char hash[USER_PASSWORD_HASH_SIZE];

	int r = wait_turn(h);
	if (r < 0)
		return r;
	if (crypto_pwhash_str_alg(hash, bytes, strlen(bytes), PASSWORD_PASSES, PASSWORD_MEMORY_BYTES,
		    crypto_pwhash_ALG_ARGON2ID13) < 0)
		r = -ENOMEM;
	else
		memcpy(ret, hash, sizeof(hash));
	sem_post(&h->turns);
	return r;
}

static int verify_bytes(struct password_hasher *h, const char *hash, const char *bytes)
{
	int r = wait_turn(h);

	if (r < 0)
		return r;
	/* libsodium does not distinguish a wrong password from a failed allocation. */
	if (crypto_pwhash_str_verify(*hash ? hash : h->nobody, bytes, strlen(bytes)) < 0 || !*hash)
		r = -EACCES;
	sem_post(&h->turns);
	return r;
}

int password_hash(struct password_hasher *h, const char *password, char ret[USER_PASSWORD_HASH_SIZE])
{
	char nfc[PASSWORD_BYTES_MAX + 1];

	int r = spelling_nfc(password, nfc, sizeof(nfc));
	if (r < 0)
		return r;
	r = hash_bytes(h, nfc, ret);
	sodium_memzero(nfc, sizeof(nfc));
	return r;
}

int password_verify(struct password_hasher *h, const char *hash, const char *password)
{
	char nfc[PASSWORD_TYPED_BYTES_MAX + 1];

	if (spelling_nfc(password, nfc, sizeof(nfc)) < 0)
		return verify_bytes(h, hash, password);
	const bool same = strcmp(nfc, password) == 0;
	int r = verify_bytes(h, hash, nfc);
	if (r == -EACCES && !same)
		r = verify_bytes(h, hash, password);
	sodium_memzero(nfc, sizeof(nfc));
	return r;
}

int password_hasher_new(unsigned at_once, struct password_hasher **ret)
{
	char secret[2 * 32 + 1];
	uint8_t random[32];

	if (at_once == 0 || at_once > PASSWORD_AT_ONCE_MAX)
		return -EINVAL;
	if (sodium_init() < 0)
		return -EIO;
	struct password_hasher *h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	sem_init(&h->turns, 0, at_once);
	randombytes_buf(random, sizeof(random));
	sodium_bin2hex(secret, sizeof(secret), random, sizeof(random));
	int r = hash_bytes(h, secret, h->nobody);
	if (r < 0) {
		password_hasher_free(h);
		return r;
	}
	*ret = h;
	return 0;
}

void password_hasher_free(struct password_hasher *h)
{
	if (!h)
		return;
	sem_destroy(&h->turns);
	free(h);
}
