/*
 * guess: limits how often a password may be guessed. As account_call: neither HTTP, nor SQL, nor a clock.
 *
 * Wrong passwords are counted per name and network that they came from: after GUESS_FREE of them each further one
 * makes that network wait for that name: 1 s, 2 s, 4 s … 15 minutes. Nobody else waits: a person who fails for
 * another user's name locks out only his own network, and no session ends. All networks together have
 * GUESS_FREE_ALL; then the networks that the account has not logged in from wait for each other, a minute at
 * most. From a network that the account has logged in from, a right password is accepted all the same, until
 * GUESS_KNOWN_TRIES wrong ones.
 *
 * A name that no account has is counted and answered like any other, and costs the same: always one hashing, also
 * when the caller has to wait.
 */
#ifndef NEPHOS_USER_GUESS_H
#define NEPHOS_USER_GUESS_H

#include "backend/user/rules/account_call.h"

#define GUESS_FREE 3
#define GUESS_DELAY_MAX_S 900
#define GUESS_FREE_ALL 50	 /* far more than a person's devices reach */
#define GUESS_DELAY_ALL_MAX_S 60 /* longest wait of a login from a new network while others guess */
#define GUESS_KNOWN_TRIES 100	 /* NIST SP 800-63B: at most so many in a row on one account */
#define GUESS_MEMORY_S 3600	 /* kept after the last wrong password; longer than any delay */
#define GUESS_ROWS_MAX 100000u	 /* 10 MiB; each row has cost its maker a hashing. The oldest are removed first */
#define NETWORKS_PER_USER 32u	 /* networks stored per account; the oldest are removed first */
#define NETWORK_KNOWN_S (90 * 24 * 3600)
#define NETWORK_RENEW_S (24 * 3600) /* the use of a network is written at most so often */

/* What a password is for: to log in, counted for call->network; or the old password of a change, counted for the
 * user himself, whichever token he uses. */
enum guess_place { GUESS_LOG_IN, GUESS_OLD_PASSWORD };

/*
 * Checks a password. account NULL: no account has this name. 0: right, and accepted. -ERR_FORBIDDEN: wrong.
 * -ERR_TOO_MANY: the caller must wait call->wait_ns, whether the password was right or not. Else failures of the
 * store and of hashing.
 */
int guess_password(struct account_call *call, const char *name_key, const struct user_account *account,
	const char *password, enum guess_place place);

/* Resets the count of wrong passwords, for a new password. */
int guess_reset(struct account_call *call, const char *name_key);

#endif
