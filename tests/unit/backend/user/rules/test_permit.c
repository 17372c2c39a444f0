/* Who may do what to whom: every cell is tried on the rules themselves, and compared with conditions that are
 * written down here a second time. */
#include "tests/unit/backend/user/rules/fixture.h"

#include <stdio.h>

enum act {
	REGISTER,
	REGISTER_ADMIN,
	RENAME,
	PASSWORD_BARE,
	PASSWORD_WRONG,
	PASSWORD_RIGHT,
	PASSWORD_REVOKE,
	PROMOTE,
	DEMOTE,
	REMOVE,
	KEY_MAKE,
	ACTS
};
enum whom { SELF, OTHER, OTHER_ADMIN, MISSING, WHOMS };

struct cell {
	enum account_role role;
	enum act act;
	enum whom whom;
	bool open;
	bool lonely; /* the only administrator is the one that is meant */
};

/* The result that the cell must have. */
static int expected(const struct cell *c)
{
	const bool self = c->whom == SELF;

	if (c->act == REGISTER || c->act == REGISTER_ADMIN) {
		if (c->role == ROLE_ADMIN)
			return 0;
		if (!c->open || c->act == REGISTER_ADMIN)
			return c->role == ROLE_NOBODY ? -ERR_UNAUTHENTICATED : -ERR_FORBIDDEN;
		return 0;
	}
	if (c->role == ROLE_NOBODY)
		return -ERR_UNAUTHENTICATED;
	if (c->act == KEY_MAKE)
		return 0;
	if (c->whom == MISSING || (!self && c->role != ROLE_ADMIN))
		return -ERR_USER_NOT_FOUND;
	if (self && c->act == PASSWORD_BARE)
		return -ERR_UNPROCESSABLE;
	if (self && c->act == PASSWORD_WRONG)
		return -ERR_FORBIDDEN;
	if (c->act == PROMOTE && c->role != ROLE_ADMIN)
		return -ERR_FORBIDDEN;
	if (self && c->role == ROLE_ADMIN && c->lonely && (c->act == DEMOTE || c->act == REMOVE))
		return -ERR_LAST_ADMIN;
	return 0;
}

struct world {
	uint64_t who, other, other_admin;
};

static char hash[USER_PASSWORD_HASH_SIZE]; /* of "correct horse"; made once, since hashing is expensive */

static uint64_t person(struct account_call *call, const char *name, bool admin)
{
	struct user_account a = {.admin = admin};
	uint64_t id = 0;

	if (!*hash)
		assert_int_equal(password_hash(hasher, "correct horse", hash), 0);
	snprintf(a.name, sizeof(a.name), "%s", name);
	snprintf(a.name_key, sizeof(a.name_key), "%s", name);
	memcpy(a.password, hash, sizeof(hash));
	assert_int_equal(call->store->ops->account_insert(call->store, &a, &id), 0);
	return id;
}

static int act(struct account_call *call, const struct cell *c, uint64_t id)
{
	static const bool YES = true, NO = false;
	static const char NEW[] = "another horse", OLD[] = "correct horse";
	const struct account_fields fields[ACTS] = {
		[REGISTER] = {.name = "new", .password = NEW},
		[REGISTER_ADMIN] = {.name = "new", .password = NEW, .admin = &YES},
		[RENAME] = {.name = "renamed"},
		[PASSWORD_BARE] = {.password = NEW},
		[PASSWORD_WRONG] = {.password = NEW, .old_password = NEW},
		[PASSWORD_RIGHT] = {.password = NEW, .old_password = OLD},
		[PASSWORD_REVOKE] = {.password = NEW, .old_password = OLD, .revoke = true},
		[PROMOTE] = {.admin = &YES},
		[DEMOTE] = {.admin = &NO},
	};
	struct account_outcome outcome;

	switch (c->act) {
	case REGISTER:
	case REGISTER_ADMIN:
		return account_create(call, &fields[c->act], &outcome);
	case REMOVE:
		return account_delete(call, id, &outcome);
	case KEY_MAKE:
		return key_create(call, "laptop", &outcome);
	default:
		return account_change(call, id, &fields[c->act], &outcome);
	}
}

static void look(struct account_call *call, struct user_account ret[8])
{
	size_t count = 0;

	memset(ret, 0, 8 * sizeof(ret[0]));
	assert_int_equal(call->store->ops->account_list(call->store, &(struct user_page){0, 8}, ret, &count), 0);
}

static void check(const struct cell *c)
{
	struct account_call *call = NULL;
	struct user_account before[8], after[8];

	if (call_new((void **)&call) != 0 || !call) {
		fail();
		return;
	}
	struct world w = {.other = person(call, "bob", false)};
	w.other_admin = c->lonely ? person(call, "cher", false) : person(call, "cher", true);
	if (c->role != ROLE_NOBODY)
		w.who = person(call, "ann", c->role == ROLE_ADMIN);
	const uint64_t ids[WHOMS] = {w.who ? w.who : w.other, w.other, w.other_admin, 999};
	become(call, w.who, w.who ? "s77" : "");
	call->who_is_admin = c->role == ROLE_ADMIN;
	call->open_registration = c->open;
	look(call, before);
	const int r = act(call, c, ids[c->whom]);
	look(call, after);
	if (r != expected(c))
		fail_msg("role %d act %d whom %d open %d lonely %d: %d instead of %d (%s)", c->role, c->act, c->whom,
			c->open, c->lonely, r, expected(c), call->why);
	assert_false(user_mem_in_transaction(call->store));
	if (r < 0)
		assert_memory_equal(before, after, sizeof(before));
	assert_int_equal(call_free((void **)&call), 0);
}

/* Hashing costs a hundred times the rest, so a cell with hashing is tried once where other users make no
 * difference. */
static bool differs(const struct cell *c)
{
	if (c->act <= REGISTER_ADMIN)
		return c->whom == SELF && !c->lonely;
	if (c->act >= PASSWORD_BARE && c->act <= PASSWORD_REVOKE)
		return !c->open && !c->lonely;
	return true;
}

static void every_cell_of_the_permission_table_has_the_expected_verdict(void **state)
{
	const unsigned cells = ACCOUNT_ROLES * ACTS * WHOMS * 4;
	unsigned tried = 0;

	(void)state;
	for (unsigned i = 0; i < cells; i++) {
		const struct cell c = {i % ACCOUNT_ROLES, i / ACCOUNT_ROLES % ACTS, i / (ACCOUNT_ROLES * ACTS) % WHOMS,
			i / (ACCOUNT_ROLES * ACTS * WHOMS) & 1, i / (ACCOUNT_ROLES * ACTS * WHOMS) & 2};

		if (!differs(&c))
			continue;
		check(&c);
		tried++;
	}
	assert_true(tried > 250);
}

/* An action that the table leaves out is permitted to nobody. */
static void an_action_that_the_table_does_not_name_is_never_permitted(void **state)
{
	(void)state;
	for (unsigned what = 0; what < ACCOUNT_MUTATIONS; what++)
		assert_int_equal(permit_verdict(ROLE_NOBODY, what, TARGET_SELF), VERDICT_NEVER);
	for (unsigned role = ROLE_USER; role < ACCOUNT_ROLES; role++)
		for (unsigned what = ACCOUNT_LOG_OUT; what <= ACCOUNT_KEY_REVOKE; what++)
			assert_int_equal(permit_verdict(role, what, TARGET_OTHER), VERDICT_NOT_THERE);
}

static void a_callers_current_role_and_existence_are_checked(void **state)
{
	struct account_call *call = *state;
	const uint64_t ann = person(call, "ann", false), root = person(call, "root", true);
	struct account_outcome outcome;

	become(call, ann, "s1");
	call->who_is_admin = true; /* as a gateway knew the user a moment ago */
	assert_int_equal(account_know_caller(call), 0);
	assert_false(call->who_is_admin);
	become(call, root, "s2");
	assert_int_equal(account_know_caller(call), 0);
	assert_true(call->who_is_admin);
	assert_int_equal(account_delete(call, ann, &outcome), 0);
	become(call, ann, "s1");
	assert_int_equal(account_know_caller(call), -ERR_UNAUTHENTICATED);
	become(call, 0, "");
	assert_int_equal(account_know_caller(call), 0);
}

static void unmake_other(struct user_store *s, void *cookie)
{
	struct user_account a;

	assert_int_equal(s->ops->account_get(s, *(uint64_t *)cookie, false, &a), 0);
	a.admin = false;
	assert_int_equal(s->ops->account_update(s, &a), 0);
}

static void the_last_of_two_concurrently_demoted_administrators_is_kept(void **state)
{
	static const bool NO = false;
	struct account_call *call = *state;
	const uint64_t ann = person(call, "ann", true);
	uint64_t bob = person(call, "bob", true);
	const struct account_fields demote = {.admin = &NO};
	struct account_outcome outcome;

	become(call, ann, "s1");
	call->who_is_admin = true;
	user_mem_before(call->store, "admins_lock", unmake_other, &bob);
	assert_int_equal(account_change(call, ann, &demote, &outcome), -ERR_LAST_ADMIN);
	assert_non_null(strstr(call->why, "make another one first"));
	assert_int_equal(account_delete(call, bob, &outcome), 0);
	assert_int_equal(account_delete(call, ann, &outcome), -ERR_LAST_ADMIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cell_of_the_permission_table_has_the_expected_verdict),
		cmocka_unit_test(an_action_that_the_table_does_not_name_is_never_permitted),
		with_call(a_callers_current_role_and_existence_are_checked),
		with_call(the_last_of_two_concurrently_demoted_administrators_is_kept),
	};

	return cmocka_run_group_tests(tests, group_start, group_end);
}
