/*
 * account_name_backfill: sets the key for accounts that were made before names were folded. Runs at every start
 * and periodically, in any instance.
 */
#ifndef NEPHOS_USER_ACCOUNT_NAME_BACKFILL_H
#define NEPHOS_USER_ACCOUNT_NAME_BACKFILL_H

#include "backend/user/rows/user_store.h"

#define BACKFILL_AT_ONCE 100

int account_name_backfill(struct user_store *store); /* failures are those of the store */

#endif
