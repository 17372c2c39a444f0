#include "backend/user/account_password.h"

#include <assert.h>
#include <errno.h>
#include <semaphore.h>
#include <sodium.h>
#include <stdlib.h>

static_assert(USER_PASSWORD_HASH_SIZE == crypto_pwhash_STRBYTES, "a hash fits its place");

struct password_hasher {
	sem_t turns;
	char nobody[USER_PASSWORD_HASH_SIZE]; /* of a password that nobody knows */
};

static int wait_turn(struct password_hasher *h)
{
	const struct timespec until = clock_timespec(clock_mono_ns() + PASSWORD_WAIT_MS * NS_PER_MS);

	while (sem_clockwait(&h->turns, CLOCK_MONOTONIC, &until) < 0)
		if (errno != EINTR)
			return -EAGAIN;
	return 0;
}

int password_hash(struct password_hasher *h, const char *password, char ret[USER_PASSWORD_HASH_SIZE])
{
	char hash[USER_PASSWORD_HASH_SIZE];

	int r = wait_turn(h);
	if (r < 0)
		return r;
	if (crypto_pwhash_str_alg(hash, password, strlen(password), PASSWORD_PASSES, PASSWORD_MEMORY_BYTES,
		    crypto_pwhash_ALG_ARGON2ID13) < 0)
		r = -ENOMEM;
	else
		memcpy(ret, hash, sizeof(hash));
	sem_post(&h->turns);
	return r;
}

int password_verify(struct password_hasher *h, const char *hash, const char *password)
{
	int r = wait_turn(h);

	if (r < 0)
		return r;
	/* libsodium does not tell a wrong password from memory that it did not get. */
	if (crypto_pwhash_str_verify(*hash ? hash : h->nobody, password, strlen(password)) < 0 || !*hash)
		r = -EACCES;
	sem_post(&h->turns);
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
	int r = password_hash(h, secret, h->nobody);
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
