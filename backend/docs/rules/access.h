/*
 * access: who may do what to whose drives and accounts, as one table. Every handler checks it, and so does the
 * commit of a batch, whichever route the batch came by. Statements look for a drive under its owner, which is
 * ACCESS_DRIVE again (backend/sql/docs/pieces/mine.sql). A caller who names another user, and is allowed to,
 * acts as that user from then on. A capability itself says who may read a single block (common/proto/cap). Pure,
 * any thread.
 */
#ifndef NEPHOS_DOCS_ACCESS_H
#define NEPHOS_DOCS_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

enum access_action {
	ACCESS_DRIVE,	    /* everything in a drive, its name, its trash: for its owner */
	ACCESS_DRIVE_QUOTA, /* the quota of one of a user's own drives, when the drive is made or changed */
	/* the limits of a user over all drives; DOCS_DEFAULT_ACCOUNT counts as another user's for everybody */
	ACCESS_ACCOUNT_SEE,
	ACCESS_ACCOUNT_SET,
	ACCESS_STORE,	     /* the store as a whole: its check names documents in other users' drives */
	ACCESS_DOCUMENT_FOR, /* a document for a user, made by the caller */
	ACCESS_ACTIONS
};

struct access_who {
	int64_t user;
	bool admin;
};

/* 0: allowed. -ERR_FORBIDDEN; or -ERR_NOT_FOUND, -ERR_USER_NOT_FOUND, which do not reveal that the object exists. */
int access_check(const struct access_who *who, enum access_action what, int64_t whose);

#endif
