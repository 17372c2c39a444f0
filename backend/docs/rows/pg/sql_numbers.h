/* sql_numbers: numbers for use in statements ({{NAME}} in a .sql file). They are bare digits, without the suffix
 * that the literals of limits.h have. */
#ifndef NEPHOS_DOCS_SQL_NUMBERS_H
#define NEPHOS_DOCS_SQL_NUMBERS_H

#include "backend/docs/rows/fsck.h"
#include "common/base/limits.h"
#include "common/rules/tree.h"

#include <assert.h>

#define SESSION_TIMEOUT_SECONDS 600
#define SESSION_PRESENT_SECONDS 100
#define IDEMPOTENCY_TEXT 24
#define TRASH_TEXT 30
#define SQL_LOCKS_STEP_SECONDS 2
#define SQL_NAME_BYTES 255
/* The size of each piece but the last of a block that is stored in rows. Stored blocks have this size: another
 * number needs a migration. */
#define BLOCK_PIECE_BYTES 262144
/* The entry that fills a gap in the journal; it says only that attributes of the root changed. */
#define FSCK_JOURNAL_OP 2
#define FSCK_JOURNAL_WHAT 4

/* The largest quota that requests may set, which is FILE_BYTES_MAX. */
#define QUOTA_MOST_BYTES 1125899906842624

static_assert(QUOTA_MOST_BYTES == FILE_BYTES_MAX, "limits.h");
static_assert(FSCK_JOURNAL_OP == OP_SETATTR && FSCK_JOURNAL_WHAT == TREE_ATTRIBUTES, "what rows hold");

static_assert(SESSION_TIMEOUT_S == SESSION_TIMEOUT_SECONDS && SESSION_PRESENT_S == SESSION_PRESENT_SECONDS &&
		IDEMPOTENCY_HOURS == IDEMPOTENCY_TEXT && TRASH_DAYS == TRASH_TEXT && NAME_BYTES_MAX == SQL_NAME_BYTES,
	"limits.h");

#endif
