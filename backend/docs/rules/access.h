/*
 * access: who may do what to whose drives and accounts, as one table. Every handler asks it, and so does the commit of
 * a batch, by whatever route that came; statements look for a drive under its owner, which is ACCESS_DRIVE again
 * (backend/sql/docs/pieces/mine.sql). Who acts for another one whom he may name acts as that one from then on.
 * Who may read a single block by a capability is said by the capability (common/proto/cap). Pure, any thread.
 */
#ifndef NEPHOS_DOCS_ACCESS_H
#define NEPHOS_DOCS_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

enum access_action {
	ACCESS_DRIVE,	    /* whatever is in a drive, its name, its trash: of its owner */
	ACCESS_DRIVE_QUOTA, /* how much one of one's drives holds, where it is made or changed */
	ACCESS_ACCOUNT_SEE, /* what a user may hold in all drives; DOCS_DEFAULT_ACCOUNT is another one than anybody */
	ACCESS_ACCOUNT_SET,
	ACCESS_STORE,	     /* the store as a whole: the check of all of it, which names what is in others' drives */
	ACCESS_DOCUMENT_FOR, /* a document of a user's, made by whoever asks */
	ACCESS_ACTIONS
};

struct access_who {
	int64_t user;
	bool admin;
};

/* 0: he may. -ERR_FORBIDDEN; or -ERR_NOT_FOUND, -ERR_USER_NOT_FOUND: who asks is not told that there is such a one. */
int access_check(const struct access_who *who, enum access_action what, int64_t whose);

#endif
