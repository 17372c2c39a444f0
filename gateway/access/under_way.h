/*
 * under_way: the requests that a gateway is working on: the share of the gateway that each user takes
 * (share_policy), and the token that each request came with, so that the end of a token ends its requests, too.
 *
 * An entry is embedded by the part that works on the request: added when the request was let in, removed before
 * it is freed. Any thread; times are passed in.
 */
#ifndef NEPHOS_GATEWAY_ACCESS_UNDER_WAY_H
#define NEPHOS_GATEWAY_ACCESS_UNDER_WAY_H

#include "gateway/access/share_policy.h"
#include "gateway/access/tokens.h"

struct under_way;
struct under_way_token;

struct under_way_entry {
	struct under_way_token *token; /* NULL: of nobody */
	struct under_way_entry *prev, *next;
	struct under_way_entry *ending; /* the next entry of those that are being ended */
	bool ended;
};

struct under_way_ops {
	/* Called with the lock of this object held: must not call back. true: the entry stays until `end` has
	 * returned. false: the entry is about to be removed anyway. */
	bool (*hold)(struct under_way_entry *entry);
	/* Called without that lock, at most once. error: what the waiting client is answered. */
	void (*end)(struct under_way_entry *entry, int error);
};

/* A token that is to be asked about. */
struct under_way_doubt {
	char token_id[TOKENS_TOKEN_ID_SIZE];
	char token[TOKENS_TOKEN_BYTES_MAX + 1];
	int64_t confirmed_ns; /* when it was last known to be good */
};

int under_way_new(const struct under_way_ops *ops, struct under_way **ret); /* -ENOMEM */
void under_way_free(struct under_way *u);				    /* no entry may be left; NULL is fine */

/* The token of this text means what identity says, as known at identity->asked_ns. -ENOMEM, -EINVAL: no such
 * token. A hopped identity has no text: its entry is added under no token, and never ended from here. */
int under_way_add(
	struct under_way *u, struct under_way_entry *entry, const struct token_identity *identity, struct span text);
void under_way_remove(
	struct under_way *u, struct under_way_entry *entry); /* also one that was never added (all zeros) */

/* Shares, as in share_policy. */
int under_way_take(struct under_way *u, const struct share_claim *claim);
void under_way_give_back(struct under_way *u, const struct share_claim *claim);

/* Ends the requests that came with the token, before it returns. */
void under_way_end(struct under_way *u, const char *token_id, int error);
/* Something about this user was changed: what was known of the user's tokens before now_ns does not count. */
void under_way_doubt_user(struct under_way *u, int64_t user, int64_t now_ns);
/* Finds the next token that was not known to be good at or after since_ns; from now on it is being asked about.
 * false: there is none. */
bool under_way_next_doubt(struct under_way *u, int64_t since_ns, struct under_way_doubt *ret);
/* The outcome of that question. good_ns: the token was good at that time; 0: nobody could say, and it is to be
 * asked about again. If the token is gone: under_way_end. */
void under_way_asked(struct under_way *u, const char *token_id, int64_t good_ns);
/* The entry's token was good at that time, whoever has asked about it. */
void under_way_confirm(struct under_way *u, const struct under_way_entry *entry, int64_t good_ns);
/* Whether the token of this entry was known to be good at or after since_ns; an entry of nobody: true. */
bool under_way_is_confirmed(struct under_way *u, const struct under_way_entry *entry, int64_t since_ns);

#endif
