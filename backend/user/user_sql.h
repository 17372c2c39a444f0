/* user_sql: every statement of the user service, each with the index that answers it. */
#ifndef NEPHOS_USER_SQL_H
#define NEPHOS_USER_SQL_H

#include "backend/pg/pg.h"

extern const struct pg_migration user_sql_migrations[]; /* made from backend/sql/users at build time */
extern const size_t user_sql_migration_count;

extern const struct pg_statement SQL_ACCOUNT_INSERT, SQL_ACCOUNT_GET, SQL_ACCOUNT_LOCK, SQL_ACCOUNT_FIND,
	SQL_ACCOUNT_LIST, SQL_ACCOUNT_UPDATE, SQL_ACCOUNT_DELETE, SQL_ACCOUNT_FAILED, SQL_ACCOUNT_SUCCEEDED,
	SQL_ACCOUNTS_LOCK, SQL_ACCOUNTS_ANY, SQL_DELETION_INSERT, SQL_DELETION_LIST, SQL_SESSION_INSERT,
	SQL_SESSION_FIND, SQL_SESSION_USE, SQL_SESSION_DELETE, SQL_SESSIONS_DELETE, SQL_SESSIONS_TRIM, SQL_KEY_INSERT,
	SQL_KEY_FIND, SQL_KEY_USE, SQL_KEY_DELETE, SQL_KEY_LIST, SQL_KEY_COUNT, SQL_SETUP_PUT, SQL_SETUP_TAKE,
	SQL_ANSWER_GET, SQL_ANSWER_PUT, SQL_SESSIONS_FORGET, SQL_ANSWERS_FORGET;

#endif
