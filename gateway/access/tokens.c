#include "gateway/access/tokens.h"

#include "common/base/clock.h"
#include "common/base/sha256.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct entry {
	uint8_t digest[SHA256_BYTES];
	struct token_identity identity;
	int64_t expires_ns;
	UT_hash_handle hh; /* in the order of insertion, which is nearly that of expiry */
};

struct tokens {
	pthread_mutex_t lock; /* guards all below */
	struct entry *entries;
	uint64_t fence;
};

int tokens_new(struct tokens **ret)
{
	struct tokens *t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	pthread_mutex_init(&t->lock, NULL);
	*ret = t;
	return 0;
}

static void drop(struct tokens *t, struct entry *entry)
{
	HASH_DEL(t->entries, entry);
	free(entry);
}

void tokens_free(struct tokens *t)
{
	if (!t)
		return;
	struct entry *entry, *next;
	HASH_ITER(hh, t->entries, entry, next)
		drop(t, entry);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static struct entry *find(struct tokens *t, const uint8_t digest[SHA256_BYTES])
{
	struct entry *entry = NULL;
	HASH_FIND(hh, t->entries, digest, SHA256_BYTES, entry);
	return entry;
}

bool tokens_get(struct tokens *t, struct span token, int64_t now_ns, struct token_identity *ret)
{
	uint8_t digest[SHA256_BYTES];
	bool found = false;

	if (sha256_of(token, digest) < 0)
		return false;
	pthread_mutex_lock(&t->lock);
	const struct entry *entry = find(t, digest);
	if (entry && entry->expires_ns > now_ns) {
		*ret = entry->identity;
		ret->fence = t->fence;
		found = true;
	}
	pthread_mutex_unlock(&t->lock);
	return found;
}

uint64_t tokens_fence(struct tokens *t)
{
	pthread_mutex_lock(&t->lock);
	uint64_t fence = t->fence;
	pthread_mutex_unlock(&t->lock);
	return fence;
}

void tokens_put(
	struct tokens *t, struct span token, const struct token_identity *identity, int64_t asked_ns, uint64_t fence)
{
	uint8_t digest[SHA256_BYTES];

	if (sha256_of(token, digest) < 0)
		return;
	pthread_mutex_lock(&t->lock);
	if (t->fence != fence)
		goto out;
	struct entry *entry = find(t, digest);
	if (entry)
		drop(t, entry);
	if (HASH_COUNT(t->entries) >= TOKENS_MAX)
		drop(t, t->entries); /* the oldest */
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		goto out; /* not remembered: the next request asks again */
	assert(HASH_COUNT(t->entries) < TOKENS_MAX);
	memcpy(entry->digest, digest, sizeof(digest));
	entry->identity = *identity;
	entry->identity.asked_ns = asked_ns;
	entry->expires_ns = asked_ns + TOKEN_CACHE_S * NS_PER_S;
	HASH_ADD(hh, t->entries, digest, sizeof(entry->digest), entry);
out:
	pthread_mutex_unlock(&t->lock);
}

static void forget(struct tokens *t, const char *token_id, int64_t user)
{
	struct entry *entry, *next;

	pthread_mutex_lock(&t->lock);
	t->fence++;
	HASH_ITER(hh, t->entries, entry, next) {
		bool gone = token_id ? strcmp(entry->identity.token_id, token_id) == 0 : entry->identity.user == user;
		if (gone)
			drop(t, entry);
	}
	pthread_mutex_unlock(&t->lock);
}

void tokens_forget_token(struct tokens *t, const char *token_id)
{
	forget(t, token_id, 0);
}

void tokens_forget_user(struct tokens *t, int64_t user)
{
	forget(t, NULL, user);
}
