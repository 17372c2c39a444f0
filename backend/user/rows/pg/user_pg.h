/* user_pg: the user store in PostgreSQL. The caller owns the connection. */
#ifndef NEPHOS_USER_PG_H
#define NEPHOS_USER_PG_H

#include "backend/pg/pg.h"
#include "backend/user/rows/user_store.h"

int user_pg_new(struct pg *pg, struct user_store **ret); /* -ENOMEM */

#endif
