#include "backend/user/rows/pg/user_sql.h"

/* The columns of user_account, in the order that user_pg.c reads them. */
#define ACCOUNT "a.id, a.name, a.name_key, a.email, a.password, a.admin, a.created_ns, a.folded"

/* account_name_key refuses a second one. */
const struct pg_statement SQL_ACCOUNT_INSERT = {"account_insert",
	"INSERT INTO account (name, name_key, email, password, admin, created_ns, folded) VALUES ($1, $2, $3::text, $4::text, $5, $6, $7) RETURNING id",
	false};
/* account_pkey */
const struct pg_statement SQL_ACCOUNT_GET = {"account_get", "SELECT " ACCOUNT " FROM account a WHERE a.id = $1", true};
const struct pg_statement SQL_ACCOUNT_LOCK = {
	"account_lock", "SELECT " ACCOUNT " FROM account a WHERE a.id = $1 FOR UPDATE", false};
/* account_name_key */
const struct pg_statement SQL_ACCOUNT_FIND = {"account_find",
	"SELECT " ACCOUNT " FROM account a WHERE a.name_key IN ($1, $2) ORDER BY a.name_key = $2 DESC LIMIT 1", true};
/* account_unfolded */
const struct pg_statement SQL_ACCOUNT_UNFOLDED = {
	"account_unfolded", "SELECT " ACCOUNT " FROM account a WHERE NOT a.folded ORDER BY a.id LIMIT $1", true};
/* account_pkey; account_name_key refuses one that is taken. */
const struct pg_statement SQL_ACCOUNT_REFOLD = {
	"account_refold", "UPDATE account SET name_key = $2, folded = true WHERE id = $1", false};
/* account_pkey */
const struct pg_statement SQL_ACCOUNT_LIST = {
	"account_list", "SELECT " ACCOUNT " FROM account a WHERE a.id > $1 ORDER BY a.id LIMIT $2", true};
/* account_pkey */
const struct pg_statement SQL_ACCOUNT_UPDATE = {"account_update",
	"UPDATE account SET name = $2, name_key = $3, email = $4::text, password = $5::text, admin = $6 WHERE id = $1",
	false};
/* account_pkey; session_account and device_key_account for what goes with it */
const struct pg_statement SQL_ACCOUNT_DELETE = {"account_delete", "DELETE FROM account WHERE id = $1", false};

/* login_failure_pkey twice, known_network_pkey: one row, whatever there is. */
const struct pg_statement SQL_GUESS_LOOK = {"guess_look",
	"SELECT h.failures, h.not_before_ns, e.failures, e.not_before_ns, "
	"(SELECT k.seen_ns FROM known_network k WHERE k.account_id = $5 AND k.network = $2) "
	"FROM (SELECT) one LEFT JOIN login_failure h ON h.name = $1 AND h.network = $2 "
	"LEFT JOIN login_failure e ON e.name = $3 AND e.network = $4",
	true};
/* login_failure_pkey. $4: delays by failures before this one; arrays count from 1. $5: older ones are forgotten. */
const struct pg_statement SQL_GUESS_FAILED = {"guess_failed",
	"INSERT INTO login_failure AS f (name, network, failures, not_before_ns, last_ns) VALUES ($1, $2, 1, $3 + ($4::bigint[])[1], $3) "
	"ON CONFLICT (name, network) DO UPDATE SET "
	"failures = CASE WHEN f.last_ns < $5 THEN 1 ELSE f.failures + 1 END, "
	"not_before_ns = $3 + ($4::bigint[])[CASE WHEN f.last_ns < $5 THEN 1 ELSE LEAST(f.failures + 1, cardinality($4::bigint[])) END], "
	"last_ns = $3",
	false};
/* login_failure_pkey */
const struct pg_statement SQL_GUESS_FORGET = {
	"guess_forget", "DELETE FROM login_failure WHERE name = $1 AND ($2::text IS NULL OR network = $2)", false};
/* known_network_pkey, account_pkey (the reference) */
const struct pg_statement SQL_NETWORK_KNOW = {"network_know",
	"INSERT INTO known_network (account_id, network, seen_ns) VALUES ($1, $2, $3) "
	"ON CONFLICT (account_id, network) DO UPDATE SET seen_ns = $3",
	false};
/* known_network_account, backwards */
const struct pg_statement SQL_NETWORKS_TRIM = {"networks_trim",
	"DELETE FROM known_network WHERE account_id = $1 AND seen_ns <= "
	"(SELECT seen_ns FROM known_network WHERE account_id = $1 ORDER BY seen_ns DESC OFFSET $2 LIMIT 1)",
	false};
/* login_failure_last */
const struct pg_statement SQL_GUESSES_TRIM = {"guesses_trim",
	"DELETE FROM login_failure WHERE last_ns < $1 OR last_ns <= "
	"(SELECT last_ns FROM login_failure ORDER BY last_ns DESC OFFSET $2 LIMIT 1)",
	false};
/* known_network_seen */
const struct pg_statement SQL_NETWORKS_FORGET = {
	"networks_forget", "DELETE FROM known_network WHERE seen_ns < $1", false};

/*
 * account_admin. All that would make an administrator less lock the first two, in the order of ids, before anything
 * else: so they go one after the other,
 * and whoever waited sees what the one before has left.
 */
const struct pg_statement SQL_ADMINS_LOCK = {
	"admins_lock", "SELECT id FROM account WHERE admin ORDER BY id LIMIT 2 FOR UPDATE", false};
const struct pg_statement SQL_ACCOUNTS_LOCK = {
	"accounts_lock", "LOCK TABLE account IN SHARE ROW EXCLUSIVE MODE", false};
/* account_pkey */
const struct pg_statement SQL_ACCOUNTS_ANY = {"accounts_any", "SELECT EXISTS (SELECT FROM account)", true};

/* deletion_counter_pkey, deletion_pkey */
const struct pg_statement SQL_DELETION_INSERT = {"deletion_insert",
	"WITH next AS (UPDATE deletion_counter SET last = last + 1 WHERE one RETURNING last) "
	"INSERT INTO deletion (seq, user_id, at_ns) SELECT last, $1, $2 FROM next",
	false};
/* deletion_pkey */
const struct pg_statement SQL_DELETION_LIST = {
	"deletion_list", "SELECT seq, user_id, at_ns FROM deletion WHERE seq > $1 ORDER BY seq LIMIT $2", true};

/* account_pkey (the reference) */
const struct pg_statement SQL_SESSION_INSERT = {"session_insert",
	"INSERT INTO session (account_id, hash, created_ns, renewed_ns, expires_ns) VALUES ($1, $2, $3, $4, $5) RETURNING id",
	false};
/* session_hash, account_pkey */
const struct pg_statement SQL_SESSION_FIND = {"session_find",
	"SELECT t.id, t.account_id, NULL::text, t.created_ns, t.renewed_ns, t.expires_ns, " ACCOUNT
	" FROM session t JOIN account a ON a.id = t.account_id WHERE t.hash = $1 AND t.expires_ns > $2",
	true};
/* session_pkey */
const struct pg_statement SQL_SESSION_USE = {
	"session_use", "UPDATE session SET renewed_ns = $2, expires_ns = $3 WHERE id = $1 AND renewed_ns < $2", false};
/* session_pkey */
const struct pg_statement SQL_SESSION_DELETE = {
	"session_delete", "DELETE FROM session WHERE id = $1 AND account_id = $2", false};
/* session_account */
const struct pg_statement SQL_SESSIONS_DELETE = {
	"sessions_delete", "DELETE FROM session WHERE account_id = $1 AND id <> $2", false};
/* session_account, backwards */
const struct pg_statement SQL_SESSIONS_TRIM = {"sessions_trim",
	"DELETE FROM session WHERE account_id = $1 AND id <= "
	"(SELECT id FROM session WHERE account_id = $1 ORDER BY id DESC OFFSET $2 LIMIT 1)",
	false};

/* account_pkey (the reference) */
const struct pg_statement SQL_KEY_INSERT = {"key_insert",
	"INSERT INTO device_key (account_id, name, hash, created_ns) VALUES ($1, $2, $3, $4) RETURNING id", false};
/* device_key_hash, account_pkey */
const struct pg_statement SQL_KEY_FIND = {"key_find",
	"SELECT t.id, t.account_id, t.name, t.created_ns, t.last_used_ns, NULL::bigint, " ACCOUNT
	" FROM device_key t JOIN account a ON a.id = t.account_id WHERE t.hash = $1",
	true};
/* device_key_pkey */
const struct pg_statement SQL_KEY_USE = {"key_use",
	"UPDATE device_key SET last_used_ns = $2 WHERE id = $1 AND (last_used_ns IS NULL OR last_used_ns < $2)", false};
/* device_key_pkey */
const struct pg_statement SQL_KEY_DELETE = {
	"key_delete", "DELETE FROM device_key WHERE id = $1 AND account_id = $2", false};
/* device_key_account */
const struct pg_statement SQL_KEYS_DELETE = {
	"keys_delete", "DELETE FROM device_key WHERE account_id = $1 AND id <> $2", false};
/* device_key_account */
const struct pg_statement SQL_KEY_LIST = {"key_list",
	"SELECT id, account_id, name, created_ns, last_used_ns, NULL::bigint FROM device_key WHERE account_id = $1 AND id > $2 ORDER BY id LIMIT $3",
	true};
/* device_key_account */
const struct pg_statement SQL_KEY_COUNT = {"key_count", "SELECT count(*) FROM device_key WHERE account_id = $1", true};

/* setup_token_pkey: one row */
const struct pg_statement SQL_SETUP_PUT = {"setup_put",
	"INSERT INTO setup_token (hash, created_ns) VALUES ($1, $2) ON CONFLICT (one) DO UPDATE SET hash = $1, created_ns = $2",
	false};
const struct pg_statement SQL_SETUP_FIND = {"setup_find", "SELECT 1 FROM setup_token WHERE one AND hash = $1", true};
const struct pg_statement SQL_SETUP_TAKE = {"setup_take", "DELETE FROM setup_token WHERE one AND hash = $1", false};

/* idempotency_pkey */
const struct pg_statement SQL_ANSWER_GET = {"answer_get",
	"SELECT request, status, answer FROM idempotency WHERE account_id = $1 AND key = $2 AND created_ns >= $3",
	true};
/* idempotency_pkey. One that is too old, but not yet cleared away, is replaced. */
const struct pg_statement SQL_ANSWER_PUT = {"answer_put",
	"INSERT INTO idempotency AS i (account_id, key, request, status, answer, created_ns) VALUES ($1, $2, $3, $4, $5, $6) "
	"ON CONFLICT (account_id, key) DO UPDATE SET request = $3, status = $4, answer = $5, created_ns = $6 WHERE i.created_ns < $7",
	false};

/* session_expires, idempotency_created */
const struct pg_statement SQL_SESSIONS_FORGET = {
	"sessions_forget", "DELETE FROM session WHERE expires_ns <= $1", false};
const struct pg_statement SQL_ANSWERS_FORGET = {
	"answers_forget", "DELETE FROM idempotency WHERE created_ns < $1", false};
