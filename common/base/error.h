/*
 * error: one table of all failures.
 *
 * A failure is a negative int everywhere: either a negative errno, or the negative of one of the codes below, which
 * say more than an errno can. Both kinds have one row in the table: errno, its name, HTTP status, problem type and
 * title. Pure; no allocation; any thread may call every function.
 */
#ifndef NEPHOS_BASE_ERROR_H
#define NEPHOS_BASE_ERROR_H

#include <stddef.h>

/* Codes in addition to errno. Their numbers are not on the wire (the problem type is), so they may be renumbered. */
enum error_code {
	ERR_BASE = 1000,
	ERR_BAD_REQUEST,       /* 400 EINVAL: malformed request */
	ERR_BAD_JSON,	       /* 400 EINVAL */
	ERR_BAD_PATH,	       /* 400 EINVAL: %00, %2F, "..", bad escape */
	ERR_BAD_DIGEST,	       /* 400 EBADMSG: the body does not match its digest */
	ERR_UNAUTHENTICATED,   /* 401 EACCES */
	ERR_FORBIDDEN,	       /* 403 EPERM */
	ERR_NOT_FOUND,	       /* 404 ENOENT */
	ERR_USER_NOT_FOUND,    /* 404 ENOENT */
	ERR_METHOD,	       /* 405 EOPNOTSUPP */
	ERR_PARENT_MISSING,    /* 409 ENOENT */
	ERR_EXISTS,	       /* 409 EEXIST */
	ERR_LAST_ADMIN,	       /* 409 EBUSY: nobody could administer the store any more */
	ERR_OUT_OF_ORDER,      /* 409 EAGAIN: batch number is not the next of its session */
	ERR_LOCKED,	       /* 409 EAGAIN: a file lock of another session conflicts */
	ERR_EPOCH,	       /* 409 ESTALE: the drive's epoch, lease or incarnation has changed */
	ERR_DRIVE_TRASHED,     /* 409 ENOMEDIUM: the drive is in the trash, and may be restored */
	ERR_BLOCK_MISSING,     /* 409 ENXIO: a batch names a block that is not stored */
	ERR_SESSION_GONE,      /* 410 ESTALE */
	ERR_GONE,	       /* 410 EIDRM: the journal no longer reaches back that far */
	ERR_PRECONDITION,      /* 412 ECANCELED */
	ERR_TOO_LARGE,	       /* 413 E2BIG */
	ERR_FRAGMENTED,	       /* 413 EFBIG: a document would have more extents than allowed */
	ERR_MEDIA_TYPE,	       /* 415 EINVAL: a body in a form or coding that is not supported */
	ERR_RANGE,	       /* 416 ERANGE */
	ERR_NOT_HOME,	       /* 421 EAGAIN: sent to a gateway, or for a drive, that it does not belong to */
	ERR_KEY_REUSED,	       /* 422 EINVAL: this Idempotency-Key came before with another body */
	ERR_UNPROCESSABLE,     /* 422 EINVAL: well-formed, not acceptable */
	ERR_CONFIRM,	       /* 428 EPERM: the change would lose content, and was not confirmed */
	ERR_TOO_MANY,	       /* 429 EAGAIN */
	ERR_HEADERS_TOO_LARGE, /* 431 E2BIG */
	ERR_EXTENTS,	       /* 507 EDQUOT: a drive would have more extents than its quota allows */
	ERR_LOOP,	       /* 508 ELOOP: a request came back to the gateway that passed it on */
	ERR_BEHIND,	       /* 503 EAGAIN: this view is older than the floor that the reader stated */
	ERR_UNAVAILABLE,       /* 503 EAGAIN: nothing happened, try again */
	ERR_NO_GATEWAY,	       /* 503 EIO: no gateway answered within the time that a client waits */
	ERR_UNKNOWN_OUTCOME,   /* 503 EAGAIN: it may have happened, try again with the same key */
	ERR_IN_DOUBT,	       /* 503 EIO: it may have happened or not, and this can never be found out */
	ERR_NO_SUCH_HOST,      /* 503 EHOSTUNREACH: the host's name cannot be resolved */
	ERR_NO_TLS,	       /* 502 EPROTO: the server there does not speak TLS */
	ERR_CERTIFICATE,       /* 502 EPROTO: the server speaks TLS, but its certificate is not trusted here */
	ERR_LAST
};

struct error_info {
	int code;		/* positive: an errno or an enum error_code */
	int errnum;		/* what a system call would return for it */
	const char *errno_name; /* "ENOENT" */
	int http_status;
	const char *type;  /* stable, relative: "not-found"; on the wire "/problems/not-found" */
	const char *title; /* short English text */
};

/* The row of a failure; the sign of code does not matter. Unknown numbers get the row of EIO; never NULL. */
const struct error_info *error_lookup(int code);
/* For people and logs: the system's text of an errno, or the title of one of our codes. */
const char *error_text(int code);
/* The row of a problem type as it is on the wire ("/problems/not-found", or a full URL that ends so), or NULL. */
const struct error_info *error_by_type(const char *type);
/* 0 when the name is unknown. */
int error_errno_by_name(const char *name);
/* Positive errno of any failure code, for the kernel. */
int error_errno(int code);
/* The n-th row, for tests and documentation; NULL after the last. */
const struct error_info *error_row(size_t n);

#endif
