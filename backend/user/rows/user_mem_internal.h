/* user_mem_internal: what the files of the user store in memory share. */
#ifndef NEPHOS_USER_USER_MEM_INTERNAL_H
#define NEPHOS_USER_USER_MEM_INTERNAL_H

#include "backend/user/rows/user_mem.h"

#define SEALED_MAX 4096

struct mem_answer {
	uint64_t account_id;
	char key[IDEMPOTENCY_KEY_BYTES_MAX + 1];
	int64_t created_ns;
	uint8_t request[SHA256_BYTES];
	int status;
	size_t size;
	char sealed[SEALED_MAX];
};

struct mem_guess {
	uint8_t name[SHA256_BYTES];
	char network[64];
	struct user_guess guess;
	int64_t last_ns;
};

struct mem_network {
	uint64_t account_id;
	char network[64];
	int64_t seen_ns;
};

/* Everything that a rollback restores. */
struct mem_state {
	struct mem_guess guesses[USER_MEM_ROWS];
	size_t guess_count;
	struct mem_network networks[USER_MEM_ROWS];
	size_t network_count;
	struct user_account accounts[USER_MEM_ROWS];
	size_t account_count;
	struct user_token tokens[USER_MEM_ROWS];
	size_t token_count;
	struct user_deletion deletions[USER_MEM_ROWS];
	size_t deletion_count;
	struct mem_answer answers[USER_MEM_ROWS];
	size_t answer_count;
	uint8_t setup[SHA256_BYTES];
	bool has_setup;
	uint64_t next_id;
};

struct user_mem {
	struct user_store base;
	struct mem_state state;
	struct mem_state saved; /* copy made by begin */
	bool in_transaction;
	const char *fail_operation;
	unsigned fail_in;
	int fail_error;
	const char *before_operation;
	void (*before)(struct user_store *s, void *cookie);
	void *before_cookie;
};

static inline struct user_mem *user_mem_from(struct user_store *s)
{
	return (struct user_mem *)s;
}

/* Every operation calls this first. */
int user_mem_enter(struct user_store *s, const char *operation);
struct user_account *user_mem_account(struct user_store *s, uint64_t id); /* NULL: no such account */

int user_mem_guess_look(struct user_store *s, const struct user_guess_key *here, const struct user_guess_key *all,
	uint64_t account_id, struct user_guesses *ret);
int user_mem_guess_failed(
	struct user_store *s, const struct user_guess_key *key, int64_t now_ns, const struct user_guess_delays *delays);
int user_mem_guess_forget(struct user_store *s, const struct user_guess_key *key);
int user_mem_network_know(struct user_store *s, uint64_t account_id, const char *network, int64_t now_ns, size_t keep);
int user_mem_guesses_trim(struct user_store *s, int64_t oldest_ns, size_t keep, int64_t oldest_network_ns);

#endif
