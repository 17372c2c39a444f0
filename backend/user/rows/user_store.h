/*
 * user_store: where accounts, tokens and answers are stored. One thread at a time uses a store.
 *
 * Operations between begin and commit are one transaction; outside, each operation is its own. Every operation
 * may fail with -ENOTCONN, -ETIMEDOUT, -EIO, -ENOMEM; an operation that changes something outside a transaction,
 * and commit, also with -ERR_UNKNOWN_OUTCOME. Expected failures are listed below. After a failure inside a
 * transaction only rollback is allowed.
 */
#ifndef NEPHOS_USER_STORE_H
#define NEPHOS_USER_STORE_H

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/sha256.h"

#include <stdbool.h>
#include <stdint.h>

#define USER_NAME_CHARS_MAX 64u /* of an account, or of a device key */
#define USER_NAME_SIZE (4 * USER_NAME_CHARS_MAX + 1)
#define USER_NAME_KEY_SIZE (6 * USER_NAME_CHARS_MAX + 1)	      /* a character may grow when it is folded */
#define USER_EMAIL_BYTES_MAX 254u				      /* RFC 5321: a path of 256 without its brackets */
#define USER_PASSWORD_HASH_SIZE 128				      /* crypto_pwhash_STRBYTES */
#define USER_ANSWER_NS ((int64_t)IDEMPOTENCY_HOURS * 3600 * NS_PER_S) /* how long an answer is kept */
/* answers kept per account, 1.2 KB each; beyond, the oldest are removed, but none younger than
 * KEPT_ANSWERS_MINUTES */
#define USER_ANSWERS_MAX 10000u

struct user_account {
	uint64_t id;
	char name[USER_NAME_SIZE];
	char name_key[USER_NAME_KEY_SIZE];	/* the key by which the account is found */
	bool unfolded;				/* name_key was made before names were folded */
	char email[USER_EMAIL_BYTES_MAX + 1];	/* "": none */
	char password[USER_PASSWORD_HASH_SIZE]; /* "": none */
	bool admin;
	int64_t created_ns;
};

/* Identifies the wrong passwords for a name, from one network or from all of them (""). */
struct user_guess_key {
	uint8_t name[SHA256_BYTES]; /* HMAC of what was typed: the store contains no names that nobody has */
	const char *network;
};

struct user_guess {
	unsigned failures;
	int64_t not_before_ns; /* no password is accepted before */
};

struct user_guesses {
	struct user_guess here, all;
	bool known;	  /* the account has logged in from here */
	int64_t known_ns; /* when that was written last; 0: never */
};

/* The n-th failure (from 0) causes a wait of delay_ns[n], or of the last of the table; a row older than memory_ns
 * is counted anew. */
struct user_guess_delays {
	const int64_t *delay_ns;
	size_t count;
	int64_t memory_ns;
};

enum user_token_kind { USER_SESSION, USER_KEY };

struct user_token {
	enum user_token_kind kind;
	uint64_t id;
	uint64_t account_id;
	char name[USER_NAME_SIZE]; /* of a key */
	uint8_t hash[SHA256_BYTES];
	int64_t created_ns;
	int64_t used_ns;    /* key: last use, 0: never; session: when its end was last moved */
	int64_t expires_ns; /* end of a session */
};

/* A token with its account. */
struct user_login {
	struct user_token token;
	struct user_account account;
};

/* Rows with an id above `after`, in the order of ids. */
struct user_page {
	uint64_t after;
	size_t limit;
};

struct user_deletion {
	uint64_t seq;
	uint64_t user_id;
	int64_t at_ns;
};

struct user_answer {
	uint8_t request[SHA256_BYTES];
	int status;
	struct span sealed; /* get: valid until the next operation */
};

struct user_store;

struct user_store_ops {
	int (*begin)(struct user_store *s);
	int (*commit)(struct user_store *s);
	void (*rollback)(struct user_store *s);

	int (*account_insert)(
		struct user_store *s, const struct user_account *a, uint64_t *ret_id); /* -EEXIST: the name is taken */
	/* lock: nobody else can change the account until the end of the transaction. -ENOENT. */
	int (*account_get)(struct user_store *s, uint64_t id, bool lock, struct user_account *ret);
	/* Finds an account by either key; a match of the second key takes precedence. -ENOENT. */
	int (*account_find)(struct user_store *s, const char *key, const char *before, struct user_account *ret);
	/* account_unfolded: accounts whose key was made before names were folded, in the order of ids.
	 * account_set_name_key: sets the key of such an account: -EEXIST, -ENOENT. */
	int (*account_unfolded)(struct user_store *s, size_t limit, struct user_account *ret, size_t *ret_count);
	int (*account_set_name_key)(struct user_store *s, uint64_t id, const char *name_key);
	int (*account_list)(
		struct user_store *s, const struct user_page *page, struct user_account *ret, size_t *ret_count);
	/* Writes name, email, password, admin. -EEXIST: the name is taken. -ENOENT. */
	int (*account_update)(struct user_store *s, const struct user_account *a);
	/* Deletes an account with its tokens, and adds a row to the deletions. -ENOENT. */
	int (*account_delete)(struct user_store *s, uint64_t id, int64_t now_ns);
	/* Reads what blocks a password. The cost is the same whether or not there is such an account (0: none)
	 * and such rows. */
	int (*guess_look)(struct user_store *s, const struct user_guess_key *here, const struct user_guess_key *all,
		uint64_t account_id, struct user_guesses *ret);
	int (*guess_failed)(struct user_store *s, const struct user_guess_key *key, int64_t now_ns,
		const struct user_guess_delays *delays);
	int (*guess_forget)(struct user_store *s, const struct user_guess_key *key); /* network NULL: from everywhere */
	/* Records that the account has logged in from here; keeps the newest networks of the account. */
	int (*network_know)(
		struct user_store *s, uint64_t account_id, const char *network, int64_t now_ns, size_t keep);
	/* Removes rows of guesses whose last guess is older, and the oldest rows beyond this many; and networks
	 * that were not seen since. */
	int (*guesses_trim)(struct user_store *s, int64_t oldest_ns, size_t keep, int64_t oldest_network_ns);
	/* Until the end of the transaction no administrator loses that role, and none is deleted. ret_others:
	 * whether there is another one besides but_id. */
	int (*admins_lock)(struct user_store *s, uint64_t but_id, bool *ret_others);
	/* Until the end of the transaction nobody else can make an account. ret_any: whether there is any account. */
	int (*accounts_lock)(struct user_store *s, bool *ret_any);

	int (*token_insert)(
		struct user_store *s, const struct user_token *t, uint64_t *ret_id); /* -ENOENT: the account is gone */
	/* Finds a valid token by its hash, with its account. -ENOENT. */
	int (*token_find)(struct user_store *s, enum user_token_kind kind, const uint8_t hash[SHA256_BYTES],
		int64_t now_ns, struct user_login *ret);
	int (*token_use)(struct user_store *s, const struct user_token *t); /* writes used_ns and expires_ns */
	int (*token_delete)(
		struct user_store *s, enum user_token_kind kind, uint64_t account_id, uint64_t id); /* -ENOENT */
	int (*sessions_delete)(struct user_store *s, uint64_t account_id, uint64_t except_id);
	int (*keys_delete)(struct user_store *s, uint64_t account_id, uint64_t except_id);
	int (*sessions_trim)(struct user_store *s, uint64_t account_id, size_t keep); /* the newest stay */
	int (*key_list)(struct user_store *s, uint64_t account_id, const struct user_page *page, struct user_token *ret,
		size_t *ret_count);
	int (*key_count)(struct user_store *s, uint64_t account_id, size_t *ret);

	int (*setup_put)(struct user_store *s, const uint8_t hash[SHA256_BYTES], int64_t now_ns); /* replaces */
	int (*setup_find)(struct user_store *s, const uint8_t hash[SHA256_BYTES]);		  /* -ENOENT */
	int (*setup_take)(struct user_store *s, const uint8_t hash[SHA256_BYTES]);		  /* -ENOENT */

	int (*deletion_list)(
		struct user_store *s, uint64_t since, size_t limit, struct user_deletion *ret, size_t *ret_count);

	int (*answer_get)(struct user_store *s, uint64_t account_id, const char *key, int64_t oldest_ns,
		struct user_answer *ret); /* -ENOENT */
	int (*answer_put)(struct user_store *s, uint64_t account_id, const char *key, int64_t now_ns,
		const struct user_answer *a); /* -EEXIST */
	/* Removes sessions that have ended and answers that are too old. */
	int (*forget_old)(struct user_store *s, int64_t now_ns, int64_t oldest_answer_ns);
	/* Removes answers: keeps the newest of each account and those since young_ns, and all that belong to no
	 * account (0). */
	int (*answers_trim)(struct user_store *s, size_t keep, int64_t young_ns);
	void (*free)(struct user_store *s);
};

struct user_store {
	const struct user_store_ops *ops;
};

#endif
