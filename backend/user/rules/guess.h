/*
 * guess: how often somebody may guess a password. As account: neither HTTP, nor SQL, nor a clock.
 *
 * Wrong passwords are counted for a name and the network that they came from: after GUESS_FREE of them each further one
 * makes that network wait for that name: 1 s, 2 s, 4 s … 15 minutes. Nobody else waits: whoever fails for another's
 * name keeps his own network out, and no session ends. All networks together have GUESS_FREE_ALL; then networks that
 * the account has not logged in from wait for each other, a minute at most. Where the account has logged in from, a
 * right password is let through all the same, until GUESS_KNOWN_TRIES wrong ones.
 *
 * A name that nobody has is counted and answered like any other, and costs the same: one hashing, always, also of who
 * has to wait.
 */
#ifndef NEPHOS_USER_GUESS_H
#define NEPHOS_USER_GUESS_H

#include "backend/user/rules/account_call.h"

#define GUESS_FREE 3
#define GUESS_DELAY_MAX_S 900
#define GUESS_FREE_ALL 50	 /* a person's devices do not come near it */
#define GUESS_DELAY_ALL_MAX_S 60 /* who logs in from somewhere new while others guess waits so long */
#define GUESS_KNOWN_TRIES 100	 /* NIST SP 800-63B: no more in a row on one account */
#define GUESS_MEMORY_S 3600	 /* after the last wrong one; longer than any delay */
#define GUESS_ROWS_MAX 100000u	 /* 10 MiB; each has cost its maker a hashing. The oldest go first */
#define NETWORKS_PER_USER 32u	 /* that an account is known from; the oldest go first */
#define NETWORK_KNOWN_S (90 * 24 * 3600)
#define NETWORK_RENEW_S (24 * 3600) /* that it is still used is written down at most so often */

/* From where: its own user, by whatever token, for the old password of a change; else call->network. */
enum guess_place { GUESS_LOG_IN, GUESS_OLD_PASSWORD };

/*
 * account NULL: nobody has this name. 0: right, and nothing stands against it. -ERR_FORBIDDEN: wrong. -ERR_TOO_MANY: to
 * be asked again later, whether it was right or not; call->wait_ns. Else failures of the store and of hashing.
 */
int guess_password(struct account_call *call, const char *name_key, const struct user_account *account,
	const char *password, enum guess_place place);

/* A new password begins without wrong ones. */
int guess_reset(struct account_call *call, const char *name_key);

#endif
