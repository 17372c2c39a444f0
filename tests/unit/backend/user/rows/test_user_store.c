/* The same tests for both stores: the store that tests of the rules use must behave like the real one. */
#include "backend/user/rows/user_mem.h"
#include "backend/user/rows/pg/user_pg.h"
#include "backend/user/rows/pg/user_sql.h"
#include "tests/lib/postgres.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1000000

static struct test_postgres server;
static struct pg *pg;

static int server_start(void **state)
{
	(void)state;
	int r = test_postgres_start(&server);
	return r < 0 ? r : pg_new(server.conninfo, &pg);
}

static int server_stop(void **state)
{
	(void)state;
	pg_free(pg);
	test_postgres_stop(&server);
	return 0;
}

static int pg_store(void **state)
{
	int r = pg_script(pg, "SET client_min_messages = error; DROP SCHEMA public CASCADE; CREATE SCHEMA public");

	if (r == 0)
		r = pg_migrate(pg, user_sql_migrations, user_sql_migration_count, 1);
	return r < 0 ? r : user_pg_new(pg, (struct user_store **)state);
}

static int mem_store(void **state)
{
	return user_mem_new((struct user_store **)state);
}

static int store_free(void **state)
{
	struct user_store *s = *state;

	s->ops->free(s);
	return 0;
}

static uint64_t add(struct user_store *s, const char *name)
{
	struct user_account a = {.created_ns = NOW};
	uint64_t id = 0;

	snprintf(a.name, sizeof(a.name), "%s", name);
	snprintf(a.name_key, sizeof(a.name_key), "%s", name);
	assert_int_equal(s->ops->account_insert(s, &a, &id), 0);
	return id;
}

static void an_inserted_account_is_read_back_unchanged(void **state)
{
	struct user_store *s = *state;
	const struct user_account a = {
		.name = "Ann", .name_key = "ann", .email = "a@b", .password = "$x", .admin = true, .created_ns = NOW};
	struct user_account got;
	uint64_t id = 0;

	assert_int_equal(s->ops->account_insert(s, &a, &id), 0);
	assert_int_equal(s->ops->account_get(s, id, false, &got), 0);
	assert_true(got.id == id && got.admin && got.created_ns == NOW);
	assert_string_equal(got.name, "Ann");
	assert_string_equal(got.email, "a@b");
	assert_string_equal(got.password, "$x");
	assert_int_equal(s->ops->account_find(s, "ann", "ann", &got), 0);
	assert_int_equal(s->ops->account_find(s, "bob", "bob", &got), -ENOENT);
	assert_int_equal(s->ops->account_get(s, id + 1, false, &got), -ENOENT);
	assert_int_equal(s->ops->account_insert(s, &a, &id), -EEXIST);
}

static void an_account_is_found_by_its_folded_or_its_exact_key(void **state)
{
	struct user_store *s = *state;
	const uint64_t ann = add(s, "ann"), bob = add(s, "=Ann");
	struct user_account got;

	assert_int_equal(s->ops->account_find(s, "ann", "=ann", &got), 0);
	assert_int_equal(got.id, ann);
	assert_int_equal(s->ops->account_find(s, "ann", "=Ann", &got), 0);
	assert_int_equal(got.id, bob);
	assert_int_equal(s->ops->account_find(s, "eve", "=eve", &got), -ENOENT);
}

static void unfolded_name_keys_are_listed_until_they_are_replaced(void **state)
{
	struct user_store *s = *state;
	const struct user_account old = {.name = "Old", .name_key = "o", .unfolded = true};
	const struct user_account older = {.name = "Older", .name_key = "p", .unfolded = true};
	struct user_account got[3];
	uint64_t id = 0, next = 0;
	size_t count = 9;

	add(s, "ann");
	assert_int_equal(s->ops->account_unfolded(s, 3, got, &count), 0);
	assert_int_equal(count, 0);
	assert_int_equal(s->ops->account_insert(s, &old, &id), 0);
	assert_int_equal(s->ops->account_insert(s, &older, &next), 0);
	assert_int_equal(s->ops->account_unfolded(s, 1, got, &count), 0);
	assert_true(count == 1 && got[0].id == id && got[0].unfolded);
	assert_int_equal(s->ops->account_set_name_key(s, id, "ann"), -EEXIST);
	assert_int_equal(s->ops->account_set_name_key(s, id, "old"), 0);
	assert_int_equal(s->ops->account_unfolded(s, 3, got, &count), 0);
	assert_true(count == 1 && got[0].id == next);
	assert_int_equal(s->ops->account_find(s, "old", "old", got), 0);
	assert_true(got[0].id == id && !got[0].unfolded);
	assert_int_equal(s->ops->account_set_name_key(s, next + 100, "x"), -ENOENT);
}

static void empty_email_and_password_are_read_back_empty(void **state)
{
	struct user_store *s = *state;
	struct user_account got;
	const uint64_t id = add(s, "ann");

	assert_int_equal(s->ops->account_get(s, id, false, &got), 0);
	assert_string_equal(got.email, "");
	assert_string_equal(got.password, "");
	assert_false(got.admin);
}

static void a_list_of_accounts_begins_after_its_cursor(void **state)
{
	struct user_store *s = *state;
	struct user_account got[3];
	size_t count = 0;
	const uint64_t first = add(s, "ann"), second = add(s, "bob");

	assert_int_equal(s->ops->account_list(s, &(struct user_page){0, 1}, got, &count), 0);
	assert_true(count == 1 && got[0].id == first);
	assert_int_equal(s->ops->account_list(s, &(struct user_page){first, 3}, got, &count), 0);
	assert_true(count == 1 && got[0].id == second);
}

static void account_update_replaces_email_and_password(void **state)
{
	struct user_store *s = *state;
	struct user_account a;
	const uint64_t id = add(s, "ann");

	add(s, "bob");
	assert_int_equal(s->ops->account_get(s, id, false, &a), 0);
	strcpy(a.email, "a@b");
	strcpy(a.password, "$new");
	assert_int_equal(s->ops->account_update(s, &a), 0);
	assert_int_equal(s->ops->account_get(s, id, false, &a), 0);
	assert_string_equal(a.email, "a@b");
	assert_string_equal(a.password, "$new");
	strcpy(a.name_key, "bob");
	assert_int_equal(s->ops->account_update(s, &a), -EEXIST);
	a.id = id + 100;
	strcpy(a.name_key, "eve");
	assert_int_equal(s->ops->account_update(s, &a), -ENOENT);
}

static const struct user_guess_key HERE = {{1}, "here"}, THERE = {{1}, "there"}, OTHER = {{2}, "here"}, ALL = {{1}, ""};

static struct user_guesses look(struct user_store *s, const struct user_guess_key *here, uint64_t account)
{
	struct user_guesses seen;

	assert_int_equal(s->ops->guess_look(s, here, &ALL, account, &seen), 0);
	return seen;
}

static void failed_logins_take_their_delay_from_the_table(void **state)
{
	static const int64_t DELAYS[] = {0, 7, 9};
	static const int64_t WANTED[] = {0, 7, 9, 9};
	const struct user_guess_delays delays = {DELAYS, 3, 100};
	struct user_store *s = *state;

	assert_int_equal(look(s, &HERE, 0).here.failures, 0);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(s->ops->guess_failed(s, &HERE, NOW, &delays), 0);
		const struct user_guesses seen = look(s, &HERE, 0);
		assert_true(seen.here.failures == i + 1 && seen.here.not_before_ns == NOW + WANTED[i]);
		assert_int_equal(seen.all.failures, 0);
	}
	assert_int_equal(s->ops->guess_failed(s, &ALL, NOW, &delays), 0);
	const struct user_guesses there = look(s, &THERE, 0);
	assert_true(there.here.failures == 0 && there.all.failures == 1 && !there.known);
	assert_int_equal(look(s, &OTHER, 0).here.failures, 0);
	assert_int_equal(s->ops->guess_failed(s, &HERE, NOW + 101, &delays), 0);
	assert_int_equal(look(s, &HERE, 0).here.failures, 1);
	assert_int_equal(s->ops->guess_forget(s, &HERE), 0);
	assert_int_equal(look(s, &HERE, 0).here.failures, 0);
}

static void guess_forget_without_a_network_deletes_all_guesses_at_a_name(void **state)
{
	static const int64_t DELAYS[] = {0};
	const struct user_guess_delays delays = {DELAYS, 1, 100};
	const struct user_guess_key everywhere = {{1}, NULL};
	struct user_store *s = *state;

	assert_int_equal(s->ops->guess_failed(s, &HERE, NOW, &delays), 0);
	assert_int_equal(s->ops->guess_failed(s, &THERE, NOW, &delays), 0);
	assert_int_equal(s->ops->guess_failed(s, &ALL, NOW, &delays), 0);
	assert_int_equal(s->ops->guess_failed(s, &OTHER, NOW, &delays), 0);
	assert_int_equal(s->ops->guess_forget(s, &everywhere), 0);
	assert_true(look(s, &HERE, 0).here.failures == 0 && look(s, &THERE, 0).here.failures == 0);
	assert_int_equal(look(s, &HERE, 0).all.failures, 0);
	assert_int_equal(look(s, &OTHER, 0).here.failures, 1);
}

static void guesses_trim_deletes_guesses_by_age_and_by_number(void **state)
{
	static const int64_t DELAYS[] = {0};
	const struct user_guess_delays delays = {DELAYS, 1, 100};
	struct user_store *s = *state;

	assert_int_equal(s->ops->guess_failed(s, &HERE, NOW, &delays), 0);
	assert_int_equal(s->ops->guess_failed(s, &THERE, NOW + 1, &delays), 0);
	assert_int_equal(s->ops->guess_failed(s, &OTHER, NOW + 2, &delays), 0);
	assert_int_equal(s->ops->guesses_trim(s, NOW + 1, 10, 0), 0);
	assert_int_equal(look(s, &HERE, 0).here.failures, 0);
	assert_int_equal(look(s, &THERE, 0).here.failures, 1);
	assert_int_equal(s->ops->guesses_trim(s, 0, 1, 0), 0);
	assert_int_equal(look(s, &THERE, 0).here.failures, 0);
	assert_int_equal(look(s, &OTHER, 0).here.failures, 1);
}

static void only_the_newest_networks_of_a_user_are_known_for_a_limited_time(void **state)
{
	struct user_store *s = *state;
	const uint64_t ann = add(s, "ann"), bob = add(s, "bob");

	assert_int_equal(s->ops->network_know(s, ann, "here", NOW, 2), 0);
	assert_true(look(s, &HERE, ann).known && look(s, &HERE, ann).known_ns == NOW);
	assert_false(look(s, &HERE, bob).known);
	assert_false(look(s, &THERE, ann).known);
	assert_int_equal(s->ops->network_know(s, ann, "there", NOW + 1, 2), 0);
	assert_int_equal(s->ops->network_know(s, ann, "here", NOW + 2, 2), 0);
	assert_int_equal(s->ops->network_know(s, bob, "there", NOW + 3, 2), 0);
	assert_int_equal(s->ops->network_know(s, ann, "third", NOW + 4, 2), 0);
	assert_true(look(s, &HERE, ann).known);
	assert_false(look(s, &THERE, ann).known);
	assert_true(look(s, &THERE, bob).known);
	assert_int_equal(s->ops->guesses_trim(s, 0, 10, NOW + 3), 0);
	assert_false(look(s, &HERE, ann).known);
	assert_true(look(s, &THERE, bob).known);
	assert_int_equal(s->ops->network_know(s, bob + 100, "here", NOW, 2), 0); /* there is no such account */
}

static uint64_t add_token(
	struct user_store *s, enum user_token_kind kind, uint64_t account, uint8_t hash, int64_t expires_ns)
{
	struct user_token t = {.kind = kind,
		.account_id = account,
		.name = "laptop",
		.hash = {hash},
		.created_ns = NOW,
		.expires_ns = expires_ns};
	uint64_t id = 0;

	t.used_ns = kind == USER_SESSION ? NOW : 0;
	assert_int_equal(s->ops->token_insert(s, &t, &id), 0);
	return id;
}

static bool has_token(struct user_store *s, enum user_token_kind kind, uint8_t hash, struct user_token *ret)
{
	const uint8_t whole[SHA256_BYTES] = {hash};
	struct user_login found;

	int r = s->ops->token_find(s, kind, whole, NOW, &found);
	if (r == 0)
		*ret = found.token;
	assert_true(r == 0 || r == -ENOENT);
	return r == 0;
}

static void tokens_are_found_by_kind_and_hash_until_they_expire(void **state)
{
	struct user_store *s = *state;
	const uint64_t ann = add(s, "ann");
	struct user_token t;

	const uint64_t session = add_token(s, USER_SESSION, ann, 1, NOW + 1);
	const uint64_t key = add_token(s, USER_KEY, ann, 2, 0);
	add_token(s, USER_SESSION, ann, 3, NOW);
	assert_true(
		has_token(s, USER_SESSION, 1, &t) && t.id == session && t.account_id == ann && t.expires_ns == NOW + 1);
	assert_true(has_token(s, USER_KEY, 2, &t) && t.id == key && t.used_ns == 0);
	assert_string_equal(t.name, "laptop");
	assert_false(has_token(s, USER_KEY, 1, &t));
	assert_false(has_token(s, USER_SESSION, 3, &t));
	const struct user_token orphan = {.kind = USER_KEY, .account_id = ann + 100, .name = "x", .hash = {9}};
	uint64_t id;
	assert_int_equal(s->ops->token_insert(s, &orphan, &id), -ENOENT);
}

static void token_use_stores_the_last_use_and_expiry_of_a_token(void **state)
{
	struct user_store *s = *state;
	const uint64_t ann = add(s, "ann");
	struct user_token t;

	add_token(s, USER_SESSION, ann, 1, NOW + 1);
	add_token(s, USER_KEY, ann, 2, 0);
	assert_true(has_token(s, USER_SESSION, 1, &t));
	t.used_ns = NOW + 5;
	t.expires_ns = NOW + 10;
	assert_int_equal(s->ops->token_use(s, &t), 0);
	assert_true(has_token(s, USER_SESSION, 1, &t) && t.used_ns == NOW + 5 && t.expires_ns == NOW + 10);
	assert_true(has_token(s, USER_KEY, 2, &t));
	t.used_ns = NOW + 5;
	assert_int_equal(s->ops->token_use(s, &t), 0);
	assert_true(has_token(s, USER_KEY, 2, &t) && t.used_ns == NOW + 5);
}

static void a_token_can_be_deleted_only_by_its_owner(void **state)
{
	struct user_store *s = *state;
	const uint64_t ann = add(s, "ann"), bob = add(s, "bob");
	struct user_token t = {0};

	const uint64_t key = add_token(s, USER_KEY, ann, 1, 0);
	assert_int_equal(s->ops->token_delete(s, USER_KEY, bob, key), -ENOENT);
	assert_int_equal(s->ops->token_delete(s, USER_SESSION, ann, key), -ENOENT);
	assert_true(has_token(s, USER_KEY, 1, &t));
	assert_int_equal(s->ops->token_delete(s, USER_KEY, ann, key), 0);
	assert_false(has_token(s, USER_KEY, 1, &t));
	assert_int_equal(s->ops->token_delete(s, USER_KEY, ann, key), -ENOENT);
}

static void sessions_trim_deletes_the_oldest_and_sessions_delete_all_but_one(void **state)
{
	struct user_store *s = *state;
	const uint64_t ann = add(s, "ann"), bob = add(s, "bob");
	struct user_token t = {0};

	for (uint8_t i = 1; i <= 4; i++)
		add_token(s, USER_SESSION, ann, i, NOW + 1);
	add_token(s, USER_SESSION, bob, 9, NOW + 1);
	add_token(s, USER_KEY, ann, 8, 0);
	assert_int_equal(s->ops->sessions_trim(s, ann, 10), 0);
	assert_true(has_token(s, USER_SESSION, 1, &t));
	assert_int_equal(s->ops->sessions_trim(s, ann, 2), 0);
	assert_false(has_token(s, USER_SESSION, 1, &t));
	assert_false(has_token(s, USER_SESSION, 2, &t));
	assert_true(has_token(s, USER_SESSION, 3, &t));
	const uint64_t kept = t.id;
	assert_int_equal(s->ops->sessions_delete(s, ann, kept), 0);
	assert_true(has_token(s, USER_SESSION, 3, &t));
	assert_false(has_token(s, USER_SESSION, 4, &t));
	assert_true(has_token(s, USER_SESSION, 9, &t));
	assert_true(has_token(s, USER_KEY, 8, &t));
}

static void keys_delete_removes_all_device_keys_but_one(void **state)
{
	struct user_store *s = *state;
	const uint64_t ann = add(s, "ann"), bob = add(s, "bob");
	struct user_token t = {0};

	const uint64_t kept = add_token(s, USER_KEY, ann, 1, 0);
	add_token(s, USER_KEY, ann, 2, 0);
	add_token(s, USER_KEY, bob, 3, 0);
	add_token(s, USER_SESSION, ann, 4, NOW + 1);
	assert_int_equal(s->ops->keys_delete(s, ann, kept), 0);
	assert_true(has_token(s, USER_KEY, 1, &t));
	assert_false(has_token(s, USER_KEY, 2, &t));
	assert_true(has_token(s, USER_KEY, 3, &t));
	assert_true(has_token(s, USER_SESSION, 4, &t));
	assert_int_equal(s->ops->keys_delete(s, ann, 0), 0);
	assert_false(has_token(s, USER_KEY, 1, &t));
}

static void admins_lock_reports_whether_there_are_other_administrators(void **state)
{
	struct user_store *s = *state;
	const struct user_account ann = {.name = "ann", .name_key = "ann", .admin = true};
	const struct user_account cher = {.name = "cher", .name_key = "cher", .admin = true};
	uint64_t a = 0, c = 0;
	bool others = true;

	assert_int_equal(s->ops->account_insert(s, &ann, &a), 0);
	add(s, "bob");
	assert_int_equal(s->ops->begin(s), 0);
	assert_int_equal(s->ops->admins_lock(s, a, &others), 0);
	assert_false(others);
	s->ops->rollback(s);
	assert_int_equal(s->ops->account_insert(s, &cher, &c), 0);
	assert_int_equal(s->ops->begin(s), 0);
	assert_int_equal(s->ops->admins_lock(s, a, &others), 0);
	assert_true(others);
	assert_int_equal(s->ops->admins_lock(s, c, &others), 0);
	assert_true(others);
	s->ops->rollback(s);
}

static void device_keys_can_be_listed_and_counted(void **state)
{
	struct user_store *s = *state;
	const uint64_t ann = add(s, "ann");
	struct user_token keys[3];
	size_t count = 9;

	assert_int_equal(s->ops->key_count(s, ann, &count), 0);
	assert_int_equal(count, 0);
	const uint64_t first = add_token(s, USER_KEY, ann, 1, 0), second = add_token(s, USER_KEY, ann, 2, 0);
	add_token(s, USER_SESSION, ann, 3, NOW + 1);
	assert_int_equal(s->ops->key_count(s, ann, &count), 0);
	assert_int_equal(count, 2);
	assert_int_equal(s->ops->key_list(s, ann, &(struct user_page){0, 1}, keys, &count), 0);
	assert_true(count == 1 && keys[0].id == first && keys[0].created_ns == NOW);
	assert_int_equal(s->ops->key_list(s, ann, &(struct user_page){first, 3}, keys, &count), 0);
	assert_true(count == 1 && keys[0].id == second);
}

static void deleting_an_account_deletes_its_tokens_and_records_the_deletion(void **state)
{
	struct user_store *s = *state;
	const uint64_t ann = add(s, "ann"), bob = add(s, "bob");
	struct user_deletion notes[3];
	struct user_token t;
	size_t count = 0;

	add_token(s, USER_SESSION, ann, 1, NOW + 1);
	add_token(s, USER_KEY, ann, 2, 0);
	assert_int_equal(s->ops->account_delete(s, ann, NOW), 0);
	assert_int_equal(s->ops->account_delete(s, ann, NOW), -ENOENT);
	assert_false(has_token(s, USER_SESSION, 1, &t));
	assert_false(has_token(s, USER_KEY, 2, &t));
	assert_int_equal(s->ops->account_delete(s, bob, NOW + 1), 0);
	assert_int_equal(s->ops->deletion_list(s, 0, 3, notes, &count), 0);
	assert_true(count == 2 && notes[0].seq == 1 && notes[0].user_id == ann && notes[1].seq == 2 &&
		notes[1].at_ns == NOW + 1);
	assert_int_equal(s->ops->deletion_list(s, 1, 3, notes, &count), 0);
	assert_true(count == 1 && notes[0].user_id == bob);
	assert_int_not_equal(add(s, "ann"), ann);
}

static void a_rollback_undoes_an_account_deletion(void **state)
{
	struct user_store *s = *state;
	const uint64_t ann = add(s, "ann");
	struct user_account a;
	struct user_deletion note;
	size_t count = 9;

	assert_int_equal(s->ops->begin(s), 0);
	assert_int_equal(s->ops->account_get(s, ann, true, &a), 0);
	assert_int_equal(s->ops->account_delete(s, ann, NOW), 0);
	s->ops->rollback(s);
	assert_int_equal(s->ops->account_get(s, ann, false, &a), 0);
	assert_int_equal(s->ops->deletion_list(s, 0, 1, &note, &count), 0);
	assert_int_equal(count, 0);
	assert_int_equal(s->ops->begin(s), 0);
	assert_int_equal(s->ops->account_delete(s, ann, NOW), 0);
	assert_int_equal(s->ops->commit(s), 0);
	assert_int_equal(s->ops->account_get(s, ann, false, &a), -ENOENT);
	assert_int_equal(s->ops->deletion_list(s, 0, 1, &note, &count), 0);
	assert_true(count == 1 && note.seq == 1);
}

static void a_failed_insert_in_a_transaction_can_be_rolled_back(void **state)
{
	struct user_store *s = *state;
	const struct user_account a = {.name = "ann", .name_key = "ann"};
	uint64_t id;

	add(s, "ann");
	assert_int_equal(s->ops->begin(s), 0);
	assert_int_equal(s->ops->account_insert(s, &a, &id), -EEXIST);
	s->ops->rollback(s);
	add(s, "bob");
}

static void only_the_latest_setup_token_is_valid_and_only_once(void **state)
{
	const uint8_t old[SHA256_BYTES] = {1}, hash[SHA256_BYTES] = {2};
	struct user_store *s = *state;
	bool any = true;

	assert_int_equal(s->ops->setup_put(s, old, NOW), 0);
	assert_int_equal(s->ops->setup_put(s, hash, NOW), 0);
	assert_int_equal(s->ops->setup_find(s, old), -ENOENT);
	assert_int_equal(s->ops->setup_find(s, hash), 0);
	assert_int_equal(s->ops->setup_take(s, old), -ENOENT);
	assert_int_equal(s->ops->setup_take(s, hash), 0);
	assert_int_equal(s->ops->setup_take(s, hash), -ENOENT);
	assert_int_equal(s->ops->begin(s), 0);
	assert_int_equal(s->ops->accounts_lock(s, &any), 0);
	assert_false(any);
	s->ops->rollback(s);
	add(s, "ann");
	assert_int_equal(s->ops->begin(s), 0);
	assert_int_equal(s->ops->accounts_lock(s, &any), 0);
	assert_true(any);
	s->ops->rollback(s);
}

static void answers_are_kept_for_a_day_under_keys_of_any_bytes(void **state)
{
	static const char KEY[] = "k\xff\x01 '\"";
	const struct user_answer a = {.request = {7}, .status = 201, .sealed = SPAN_LITERAL("\0sealed")};
	struct user_store *s = *state;
	struct user_answer got;

	assert_int_equal(s->ops->answer_get(s, 5, KEY, 0, &got), -ENOENT);
	assert_int_equal(s->ops->answer_put(s, 5, KEY, NOW, &a), 0);
	assert_int_equal(s->ops->answer_put(s, 5, KEY, NOW, &a), -EEXIST);
	assert_int_equal(s->ops->answer_put(s, 6, KEY, NOW, &a), 0);
	assert_int_equal(s->ops->answer_get(s, 5, KEY, NOW, &got), 0);
	assert_int_equal(got.status, 201);
	assert_memory_equal(got.request, a.request, SHA256_BYTES);
	assert_true(span_eq(got.sealed, a.sealed));
	assert_int_equal(s->ops->answer_get(s, 5, KEY, NOW + 1, &got), -ENOENT);
	assert_int_equal(s->ops->answer_put(s, 5, KEY, NOW + USER_ANSWER_NS + 1, &a), 0);
}

static void forget_old_deletes_expired_sessions_and_answers(void **state)
{
	const struct user_answer a = {.status = 201, .sealed = SPAN_LITERAL("x")};
	struct user_store *s = *state;
	const uint64_t ann = add(s, "ann");
	struct user_answer got;
	struct user_token t;

	add_token(s, USER_SESSION, ann, 1, NOW + 5);
	add_token(s, USER_KEY, ann, 2, 0);
	assert_int_equal(s->ops->answer_put(s, 5, "old", NOW, &a), 0);
	assert_int_equal(s->ops->answer_put(s, 5, "new", NOW + 1, &a), 0);
	assert_int_equal(s->ops->forget_old(s, NOW + 4, NOW + 1), 0);
	assert_true(has_token(s, USER_SESSION, 1, &t));
	assert_int_equal(s->ops->forget_old(s, NOW + 5, NOW + 1), 0);
	assert_false(has_token(s, USER_SESSION, 1, &t));
	assert_true(has_token(s, USER_KEY, 2, &t));
	assert_int_equal(s->ops->answer_get(s, 5, "old", 0, &got), -ENOENT);
	assert_int_equal(s->ops->answer_get(s, 5, "new", 0, &got), 0);
}

static void answers_trim_deletes_the_oldest_answers_but_no_recent_ones(void **state)
{
	const struct user_answer a = {.status = 201, .sealed = SPAN_LITERAL("x")};
	static const char *const KEYS[] = {"1", "2", "3", "4"};
	struct user_store *s = *state;
	struct user_answer got;

	for (int i = 0; i < 4; i++) {
		assert_int_equal(s->ops->answer_put(s, 5, KEYS[i], NOW + i, &a), 0);
		assert_int_equal(s->ops->answer_put(s, i < 2 ? 6 : 0, KEYS[i], NOW + i, &a), 0);
	}
	assert_int_equal(s->ops->answers_trim(s, 1, NOW + 2), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(s->ops->answer_get(s, 5, KEYS[i], 0, &got), i < 2 ? -ENOENT : 0);
	assert_int_equal(s->ops->answer_get(s, 6, "1", 0, &got), -ENOENT);
	assert_int_equal(s->ops->answer_get(s, 6, "2", 0, &got), 0);
	assert_int_equal(s->ops->answers_trim(s, 1, NOW + 5), 0);
	assert_int_equal(s->ops->answer_get(s, 5, "3", 0, &got), -ENOENT);
	assert_int_equal(s->ops->answer_get(s, 5, "4", 0, &got), 0);
	assert_int_equal(s->ops->answer_get(s, 0, "3", 0, &got), 0);
	assert_int_equal(s->ops->answer_get(s, 0, "4", 0, &got), 0);
}

#define both(test)                                                        \
	{#test ", in memory", test, mem_store, store_free, NULL},         \
	{                                                                 \
#test ", in PostgreSQL", test, pg_store, store_free, NULL \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		both(an_inserted_account_is_read_back_unchanged),
		both(an_account_is_found_by_its_folded_or_its_exact_key),
		both(unfolded_name_keys_are_listed_until_they_are_replaced),
		both(empty_email_and_password_are_read_back_empty),
		both(a_list_of_accounts_begins_after_its_cursor),
		both(account_update_replaces_email_and_password),
		both(failed_logins_take_their_delay_from_the_table),
		both(guess_forget_without_a_network_deletes_all_guesses_at_a_name),
		both(guesses_trim_deletes_guesses_by_age_and_by_number),
		both(only_the_newest_networks_of_a_user_are_known_for_a_limited_time),
		both(tokens_are_found_by_kind_and_hash_until_they_expire),
		both(token_use_stores_the_last_use_and_expiry_of_a_token),
		both(a_token_can_be_deleted_only_by_its_owner),
		both(sessions_trim_deletes_the_oldest_and_sessions_delete_all_but_one),
		both(keys_delete_removes_all_device_keys_but_one),
		both(admins_lock_reports_whether_there_are_other_administrators),
		both(device_keys_can_be_listed_and_counted),
		both(deleting_an_account_deletes_its_tokens_and_records_the_deletion),
		both(a_rollback_undoes_an_account_deletion),
		both(a_failed_insert_in_a_transaction_can_be_rolled_back),
		both(only_the_latest_setup_token_is_valid_and_only_once),
		both(answers_are_kept_for_a_day_under_keys_of_any_bytes),
		both(forget_old_deletes_expired_sessions_and_answers),
		both(answers_trim_deletes_the_oldest_answers_but_no_recent_ones),
	};

	return cmocka_run_group_tests(tests, server_start, server_stop);
}
