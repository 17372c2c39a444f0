#include "backend/docs/rules/access.h"

#include "common/base/error.h"

enum { OWN, OTHERS, WHOSE };

#define NO_DRIVE (-ERR_NOT_FOUND)
#define NO_USER (-ERR_USER_NOT_FOUND)
#define NOT_HIS (-ERR_FORBIDDEN)

/* An administrator sets limits and makes documents for other users, but does not see what is in their drives;
 * only the check of the whole store names what is damaged there. */
static const int TABLE[ACCESS_ACTIONS][2][WHOSE] = {
	/*                      a user: own, others';  an administrator: own, others' */
	[ACCESS_DRIVE] = {{0, NO_DRIVE}, {0, NO_DRIVE}},
	[ACCESS_DRIVE_QUOTA] = {{NOT_HIS, NO_DRIVE}, {0, NO_DRIVE}},
	[ACCESS_ACCOUNT_SEE] = {{0, -ERR_NOT_FOUND}, {0, 0}},
	[ACCESS_ACCOUNT_SET] = {{NOT_HIS, -ERR_NOT_FOUND}, {0, 0}},
	[ACCESS_STORE] = {{NOT_HIS, NOT_HIS}, {0, 0}},
	[ACCESS_DOCUMENT_FOR] = {{0, NO_USER}, {0, 0}},
};

int access_check(const struct access_who *who, enum access_action what, int64_t whose)
{
	return TABLE[what][who->admin][whose == who->user ? OWN : OTHERS];
}
