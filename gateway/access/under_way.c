#include "gateway/access/under_way.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

/* A token that requests in flight came with. */
struct under_way_token {
	char id[TOKENS_TOKEN_ID_SIZE];
	char text[TOKENS_TOKEN_BYTES_MAX + 1];
	int64_t user;
	int64_t confirmed_ns;
	int64_t doubted_ns; /* what was known before does not count */
	bool asking;
	struct under_way_entry *entries;
	UT_hash_handle hh;
};

struct under_way {
	struct under_way_ops ops;
	pthread_mutex_t lock; /* guards all below; taken before the locks of the entries' owners */
	struct share_policy *shares;
	struct under_way_token *tokens;
};

int under_way_new(const struct under_way_ops *ops, struct under_way **ret)
{
	struct under_way *u = calloc(1, sizeof(*u));
	int error;

	if (!u)
		return -ENOMEM;
	u->ops = *ops;
	pthread_mutex_init(&u->lock, NULL);
	error = share_policy_new(&u->shares);
	if (error < 0)
		under_way_free(u);
	else
		*ret = u;
	return error;
}

void under_way_free(struct under_way *u)
{
	if (!u)
		return;
	assert(!u->tokens);
	share_policy_free(u->shares);
	pthread_mutex_destroy(&u->lock);
	free(u);
}

static struct under_way_token *find(struct under_way *u, const char *id)
{
	struct under_way_token *token = NULL;

	HASH_FIND_STR(u->tokens, id, token);
	return token;
}

static void confirm(struct under_way_token *token, int64_t good_ns)
{
	if (good_ns > token->doubted_ns && good_ns > token->confirmed_ns)
		token->confirmed_ns = good_ns;
}

static struct under_way_token *make(struct under_way *u, const struct token_identity *identity, struct span text)
{
	struct under_way_token *token = calloc(1, sizeof(*token));

	if (!token)
		return NULL;
	memcpy(token->id, identity->token_id, sizeof(token->id));
	memcpy(token->text, text.data, text.size);
	token->user = identity->user;
	HASH_ADD_STR(u->tokens, id, token);
	return token;
}

int under_way_add(
	struct under_way *u, struct under_way_entry *entry, const struct token_identity *identity, struct span text)
{
	struct under_way_token *token;

	if (identity->hopped)
		return 0;
	if (text.size > TOKENS_TOKEN_BYTES_MAX)
		return -EINVAL;
	pthread_mutex_lock(&u->lock);
	token = find(u, identity->token_id);
	if (!token)
		token = make(u, identity, text);
	if (token) {
		confirm(token, identity->asked_ns);
		assert(!entry->token);
		entry->token = token;
		DL_APPEND(token->entries, entry);
	}
	pthread_mutex_unlock(&u->lock);
	return token ? 0 : -ENOMEM;
}

void under_way_remove(struct under_way *u, struct under_way_entry *entry)
{
	struct under_way_token *token = entry->token;

	if (!token)
		return;
	pthread_mutex_lock(&u->lock);
	assert(token->entries);
	DL_DELETE(token->entries, entry);
	entry->token = NULL;
	if (!token->entries) {
		HASH_DEL(u->tokens, token);
		free(token);
	}
	pthread_mutex_unlock(&u->lock);
}

int under_way_take(struct under_way *u, const struct share_claim *claim)
{
	int error;

	pthread_mutex_lock(&u->lock);
	error = share_policy_take(u->shares, claim);
	pthread_mutex_unlock(&u->lock);
	return error;
}

void under_way_give_back(struct under_way *u, const struct share_claim *claim)
{
	pthread_mutex_lock(&u->lock);
	share_policy_give_back(u->shares, claim);
	pthread_mutex_unlock(&u->lock);
}

void under_way_end(struct under_way *u, const char *token_id, int error)
{
	struct under_way_entry *list = NULL, *entry;
	struct under_way_token *token;

	pthread_mutex_lock(&u->lock);
	token = find(u, token_id);
	if (token)
		token->asking = false;
	DL_FOREACH(token ? token->entries : NULL, entry) {
		if (entry->ended || !u->ops.hold(entry))
			continue;
		assert(entry->token == token);
		entry->ended = true;
		entry->ending = list;
		list = entry;
	}
	pthread_mutex_unlock(&u->lock);
	while (list) {
		entry = list;
		list = entry->ending; /* before the entry is freed */
		u->ops.end(entry, error);
	}
}

void under_way_doubt_user(struct under_way *u, int64_t user, int64_t now_ns)
{
	struct under_way_token *token, *next;

	pthread_mutex_lock(&u->lock);
	HASH_ITER(hh, u->tokens, token, next) {
		if (token->user != user)
			continue;
		token->confirmed_ns = 0;
		token->doubted_ns = now_ns;
		token->asking = false; /* the answer to a question in flight may be older than the change */
	}
	pthread_mutex_unlock(&u->lock);
}

bool under_way_next_doubt(struct under_way *u, int64_t since_ns, struct under_way_doubt *ret)
{
	struct under_way_token *token, *next;
	bool found = false;

	pthread_mutex_lock(&u->lock);
	HASH_ITER(hh, u->tokens, token, next) {
		if (token->asking || token->confirmed_ns >= since_ns)
			continue;
		token->asking = true;
		memcpy(ret->token_id, token->id, sizeof(ret->token_id));
		memcpy(ret->token, token->text, sizeof(ret->token));
		ret->confirmed_ns = token->confirmed_ns;
		found = true;
		break;
	}
	pthread_mutex_unlock(&u->lock);
	return found;
}

void under_way_asked(struct under_way *u, const char *token_id, int64_t good_ns)
{
	struct under_way_token *token;

	pthread_mutex_lock(&u->lock);
	token = find(u, token_id);
	if (token && token->asking) {
		token->asking = false;
		confirm(token, good_ns);
	}
	pthread_mutex_unlock(&u->lock);
}

void under_way_confirm(struct under_way *u, const struct under_way_entry *entry, int64_t good_ns)
{
	pthread_mutex_lock(&u->lock);
	confirm(entry->token, good_ns);
	pthread_mutex_unlock(&u->lock);
}

bool under_way_is_confirmed(struct under_way *u, const struct under_way_entry *entry, int64_t since_ns)
{
	bool confirmed;

	if (!entry->token)
		return true;
	pthread_mutex_lock(&u->lock);
	confirmed = !entry->ended && entry->token->confirmed_ns >= since_ns;
	pthread_mutex_unlock(&u->lock);
	return confirmed;
}
