#include "backend/user/rules/guess.h"

#include "backend/user/rules/network.h"
#include "common/base/error.h"

#include <errno.h>

/*
 * Wrong passwords are counted after they were tried, so several may be tried at once: as many as one network's
 * share of hashings. So that none of these reveals more than the limit allows, the counts are read again after
 * the hashing, and a right password is refused like a wrong one if its network must wait by then. Counting before
 * trying was rejected: it would refuse a person whose devices log in together.
 */

#define DELAYS_HERE (GUESS_FREE + 11)
#define DELAYS_ALL (GUESS_FREE_ALL + 7)
#define PLACE_SELF "self"
#define PLACE_ALL ""

static_assert(GUESS_MEMORY_S > GUESS_DELAY_MAX_S, "nobody waits longer than it is remembered why");

/* Delays by number of wrong passwords so far: none for the first `free` ones, then doubled up to the maximum. */
static void make_delays(int64_t *ret, unsigned count, unsigned free, int64_t max_s)
{
	int64_t delay_s = 1;

	for (unsigned i = 0; i < count; i++) {
		ret[i] = i < free ? 0 : delay_s * NS_PER_S;
		if (i >= free)
			delay_s = delay_s * 2 > max_s ? max_s : delay_s * 2;
	}
}

struct guess {
	struct user_guess_key here;
	struct user_guess_key all;
	uint64_t account_id; /* 0: no account has this name */
	bool counts_all;
};

/* People type passwords where names belong: so the stored value is no name but an HMAC, and cannot be guessed
 * from the contents of the database. */
static int make_guess(struct account_call *call, const char *name_key, const struct user_account *account,
	enum guess_place place, struct guess *ret)
{
	static const uint8_t NONE[SHA256_BYTES] = {0};
	struct guess g = {.account_id = account ? account->id : 0, .counts_all = place == GUESS_LOG_IN};

	int r = sha256_hmac(span_of(call->secret ? call->secret : NONE, SHA256_BYTES), span_str(name_key), g.here.name);
	if (r < 0)
		return r;
	g.all = g.here;
	g.all.network = PLACE_ALL;
	g.here.network = call->network ? call->network : NETWORK_UNKNOWN;
	if (place == GUESS_OLD_PASSWORD)
		g.here.network = PLACE_SELF;
	*ret = g;
	return 0;
}

/*
 * How long the caller must wait; 0: not at all. right: the password is right; then a network that the account has
 * logged in from is spared. A wrong password waits as from any network: otherwise the answer would reveal to
 * others in that network that the name exists.
 */
static int64_t wait_of(const struct user_guesses *seen, const struct guess *g, int64_t now_ns, bool right)
{
	const bool spared = right && seen->known;
	int64_t until_ns = seen->here.not_before_ns;

	if (spared && seen->here.failures < GUESS_KNOWN_TRIES)
		return 0;
	if (g->counts_all && !spared && seen->all.not_before_ns > until_ns)
		until_ns = seen->all.not_before_ns;
	return until_ns > now_ns ? until_ns - now_ns : 0;
}

static int refuse_wait(struct account_call *call, int64_t wait_ns)
{
	call->wait_ns = wait_ns;
	return account_call_refuse(call, -ERR_TOO_MANY, "too many wrong passwords: try again in %lld s",
		(call->wait_ns + NS_PER_S - 1) / NS_PER_S);
}

static int look(struct account_call *call, const struct guess *g, struct user_guesses *ret)
{
	return call->store->ops->guess_look(call->store, &g->here, &g->all, g->account_id, ret);
}

static int count_wrong(struct account_call *call, const struct guess *g)
{
	const struct user_store_ops *ops = call->store->ops;
	int64_t here[DELAYS_HERE], all[DELAYS_ALL];

	make_delays(here, DELAYS_HERE, GUESS_FREE, GUESS_DELAY_MAX_S);
	make_delays(all, DELAYS_ALL, GUESS_FREE_ALL, GUESS_DELAY_ALL_MAX_S);
	const struct user_guess_delays delays = {here, DELAYS_HERE, GUESS_MEMORY_S * NS_PER_S};
	const struct user_guess_delays delays_all = {all, DELAYS_ALL, GUESS_MEMORY_S * NS_PER_S};
	int r = ops->guess_failed(call->store, &g->here, call->now_ns, &delays);
	if (r == 0 && g->counts_all)
		r = ops->guess_failed(call->store, &g->all, call->now_ns, &delays_all);
	return r;
}

/* A right password, which was not blocked before the hashing. */
static int settle_right(struct account_call *call, const struct guess *g)
{
	const struct user_store_ops *ops = call->store->ops;
	struct user_guesses again;

	int r = look(call, g, &again);
	if (r < 0)
		return r;
	const int64_t wait_ns = wait_of(&again, g, call->now_ns, true);
	if (wait_ns > 0)
		return refuse_wait(call, wait_ns);
	if (again.here.failures > 0)
		r = ops->guess_forget(call->store, &g->here);
	if (r == 0 && g->counts_all && (!again.known || again.known_ns + NETWORK_RENEW_S * NS_PER_S <= call->now_ns))
		r = ops->network_know(call->store, g->account_id, g->here.network, call->now_ns, NETWORKS_PER_USER);
	return r;
}

static int settle_wrong(struct account_call *call, const struct guess *g, const struct user_guesses *seen)
{
	const int64_t wait_ns = wait_of(seen, g, call->now_ns, false);
	int r = 0;

	/* While the network must wait, a wrong password is counted only where a right one would have been
	 * accepted. */
	if (wait_ns == 0 || wait_of(seen, g, call->now_ns, true) == 0)
		r = count_wrong(call, g);
	if (r < 0)
		return r;
	return wait_ns > 0 ? refuse_wait(call, wait_ns)
			   : account_call_refuse(call, -ERR_FORBIDDEN, "old_password is wrong");
}

int guess_reset(struct account_call *call, const char *name_key)
{
	struct guess g;

	int r = make_guess(call, name_key, NULL, GUESS_LOG_IN, &g);
	g.here.network = NULL;
	return r == 0 ? call->store->ops->guess_forget(call->store, &g.here) : r;
}

int guess_password(struct account_call *call, const char *name_key, const struct user_account *account,
	const char *password, enum guess_place place)
{
	struct user_guesses seen;
	struct guess g;

	int r = make_guess(call, name_key, account, place, &g);
	if (r == 0)
		r = look(call, &g, &seen);
	if (r < 0)
		return r;
	r = password_verify(call->hasher, account ? account->password : "", password);
	if (r == -EACCES)
		return settle_wrong(call, &g, &seen);
	if (r < 0)
		return r;
	const int64_t wait_ns = wait_of(&seen, &g, call->now_ns, true);
	return wait_ns > 0 ? refuse_wait(call, wait_ns) : settle_right(call, &g);
}
