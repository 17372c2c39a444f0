#include "common/base/error.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define ROW(number, status, problem, text)                     \
	{                                                      \
		number, number, #number, status, problem, text \
	}
#define CODE(number, errnum, status, problem, text)            \
	{                                                      \
		number, errnum, #errnum, status, problem, text \
	}

/*
 * Rows of the same type have the same errno and status. So a failure that is sent over the wire as its type is the
 * same failure at the other end. error_by_type returns the first row of a type.
 */
static const struct error_info table[] = {
	ROW(EPERM, 403, "forbidden", "Not permitted"),
	ROW(ENOENT, 404, "not-found", "Not found"),
	ROW(ESRCH, 404, "no-such-process", "No such process"),
	ROW(EINTR, 503, "interrupted", "Interrupted"),
	ROW(EIO, 500, "internal", "Internal error"),
	ROW(ENXIO, 416, "beyond-end", "Nothing there"),
	ROW(E2BIG, 413, "too-large", "Too large"),
	ROW(EBADF, 409, "not-open", "Not open for this"),
	ROW(EAGAIN, 503, "try-again", "Try again"),
	ROW(ENOMEM, 503, "out-of-memory", "Out of memory"),
	ROW(EACCES, 403, "permission-denied", "Permission denied"),
	ROW(EBUSY, 409, "busy", "Busy"),
	ROW(EEXIST, 409, "exists", "Exists already"),
	ROW(EXDEV, 409, "other-drive", "On another drive"),
	ROW(ENODEV, 404, "no-such-device", "No such device"),
	ROW(ENOTDIR, 409, "not-a-folder", "Not a folder"),
	ROW(EISDIR, 409, "is-a-folder", "Is a folder"),
	ROW(EINVAL, 422, "unprocessable", "Not acceptable"),
	ROW(ENFILE, 503, "too-many-open", "Too many open files"),
	ROW(EMFILE, 503, "too-many-open-here", "Too many open files in this process"),
	ROW(ETXTBSY, 409, "text-busy", "Program is running"),
	ROW(EFBIG, 413, "file-too-large", "File too large"),
	ROW(ENOSPC, 507, "no-space", "No space left"),
	ROW(EROFS, 403, "read-only", "Read-only"),
	ROW(EMLINK, 409, "too-many-links", "Too many links"),
	ROW(EPIPE, 503, "connection-closed", "Connection closed"),
	ROW(ERANGE, 422, "out-of-range", "Out of range"),
	ROW(EDEADLK, 409, "deadlock", "Would wait for itself"),
	ROW(ENAMETOOLONG, 422, "name-too-long", "Name too long"),
	ROW(ENOLCK, 503, "no-locks", "No locks left"),
	ROW(ENOSYS, 501, "not-implemented", "Not implemented"),
	ROW(ENOTEMPTY, 409, "folder-not-empty", "Folder is not empty"),
	ROW(ELOOP, 409, "symlink-loop", "Too many symbolic links"),
	ROW(EIDRM, 410, "gone", "This is not kept any more"),
	ROW(ENODATA, 404, "no-such-attribute", "No such attribute"),
	ROW(EPROTO, 502, "bad-answer", "A part of the store gave an answer that could not be understood"),
	ROW(EBADMSG, 500, "corrupt", "Stored data is damaged"),
	ROW(EOVERFLOW, 422, "overflow", "Value too large"),
	ROW(EILSEQ, 422, "bad-encoding", "Bad character encoding"),
	ROW(EOPNOTSUPP, 501, "not-supported", "Not supported"),
	ROW(EADDRINUSE, 500, "address-in-use", "Address in use"),
	ROW(EADDRNOTAVAIL, 500, "address-not-available", "Address not available"),
	ROW(ENETUNREACH, 503, "network-unreachable", "Network unreachable"),
	ROW(ECONNABORTED, 503, "connection-aborted", "Connection aborted"),
	ROW(ECONNRESET, 503, "connection-reset", "Connection reset"),
	ROW(ENOBUFS, 503, "no-buffers", "No buffer space"),
	ROW(ENOTCONN, 503, "not-connected", "Not connected"),
	ROW(ETIMEDOUT, 503, "timed-out", "Timed out"),
	ROW(ECONNREFUSED, 503, "connection-refused", "Connection refused"),
	ROW(EHOSTUNREACH, 503, "host-unreachable", "Host unreachable"),
	ROW(EALREADY, 409, "already", "Already under way"),
	ROW(EINPROGRESS, 409, "in-progress", "In progress"),
	ROW(ESTALE, 410, "stale", "No longer valid"),
	ROW(EDQUOT, 507, "quota-exceeded", "Quota exceeded"),
	ROW(ECANCELED, 503, "cancelled", "Cancelled"),

	CODE(ERR_BAD_REQUEST, EINVAL, 400, "bad-request", "Malformed request"),
	CODE(ERR_BAD_JSON, EINVAL, 400, "bad-json", "Malformed JSON"),
	CODE(ERR_BAD_PATH, EINVAL, 400, "bad-path", "Malformed path"),
	CODE(ERR_BAD_DIGEST, EBADMSG, 400, "bad-digest", "Content does not match its digest"),
	CODE(ERR_UNAUTHENTICATED, EACCES, 401, "unauthenticated", "Not logged in"),
	CODE(ERR_FORBIDDEN, EPERM, 403, "forbidden", "Not permitted"),
	CODE(ERR_NOT_FOUND, ENOENT, 404, "not-found", "Not found"),
	CODE(ERR_USER_NOT_FOUND, ENOENT, 404, "user-not-found", "User not found"),
	CODE(ERR_METHOD, EOPNOTSUPP, 405, "method-not-allowed", "Method not allowed"),
	CODE(ERR_PARENT_MISSING, ENOENT, 409, "parent-missing", "Parent folder missing"),
	CODE(ERR_EXISTS, EEXIST, 409, "exists", "Exists already"),
	CODE(ERR_LAST_ADMIN, EBUSY, 409, "last-administrator", "The last administrator cannot go"),
	CODE(ERR_OUT_OF_ORDER, EAGAIN, 409, "out-of-order", "Not the next batch of its session"),
	CODE(ERR_LOCKED, EAGAIN, 409, "locked", "Locked by another mount"),
	CODE(ERR_EPOCH, ESTALE, 409, "epoch-changed", "The drive's epoch, lease or incarnation has changed"),
	CODE(ERR_DRIVE_TRASHED, ENOMEDIUM, 409, "drive-trashed", "The drive is in the trash"),
	CODE(ERR_BLOCK_MISSING, ENXIO, 409, "block-missing", "Block is not stored"),
	CODE(ERR_SESSION_GONE, ESTALE, 410, "session-gone", "Session is over"),
	CODE(ERR_GONE, EIDRM, 410, "gone", "This is not kept any more"),
	CODE(ERR_PRECONDITION, ECANCELED, 412, "precondition-failed", "Precondition failed"),
	CODE(ERR_TOO_LARGE, E2BIG, 413, "too-large", "Too large"),
	CODE(ERR_FRAGMENTED, EFBIG, 413, "too-fragmented", "File in too many pieces"),
	CODE(ERR_MEDIA_TYPE, EINVAL, 415, "unsupported-media-type", "Content of this form is not accepted"),
	CODE(ERR_RANGE, ERANGE, 416, "range-not-satisfiable", "Range not satisfiable"),
	CODE(ERR_NOT_HOME, EAGAIN, 421, "not-home", "This gateway is not the home of the drive"),
	CODE(ERR_KEY_REUSED, EINVAL, 422, "key-reused", "Idempotency-Key came before with another request"),
	CODE(ERR_UNPROCESSABLE, EINVAL, 422, "unprocessable", "Not acceptable"),
	CODE(ERR_CONFIRM, EPERM, 428, "confirm-needed", "A confirmation is needed"),
	CODE(ERR_TOO_MANY, EAGAIN, 429, "too-many-requests", "Too many requests"),
	CODE(ERR_HEADERS_TOO_LARGE, E2BIG, 431, "headers-too-large", "Header fields too large"),
	CODE(ERR_EXTENTS, EDQUOT, 507, "too-many-extents", "Files in more pieces than the quota allows"),
	CODE(ERR_LOOP, ELOOP, 508, "hop-loop", "The request came back to the gateway that had passed it on"),
	CODE(ERR_BEHIND, EAGAIN, 503, "behind", "This view is older than what the reader has seen"),
	CODE(ERR_UNAVAILABLE, EAGAIN, 503, "unavailable", "Unavailable, nothing happened: try again"),
	CODE(ERR_NO_GATEWAY, EIO, 503, "no-gateway", "No gateway answers"),
	CODE(ERR_UNKNOWN_OUTCOME, EAGAIN, 503, "unknown-outcome", "It may have happened: try again with the same key"),
	CODE(ERR_IN_DOUBT, EIO, 503, "in-doubt", "It may have happened or not"),
	CODE(ERR_NO_SUCH_HOST, EHOSTUNREACH, 503, "no-such-host", "No such host is known"),
	CODE(ERR_NO_TLS, EPROTO, 502, "no-tls", "What answers there does not speak TLS"),
	CODE(ERR_CERTIFICATE, EPROTO, 502, "certificate", "The certificate is not trusted"),
};

#define ROWS (sizeof(table) / sizeof(table[0]))

static const struct error_info *table_find(int code)
{
	for (size_t i = 0; i < ROWS; i++)
		if (table[i].code == code || table[i].code == -code)
			return &table[i];
	return NULL;
}

const struct error_info *error_lookup(int code)
{
	/* INT_MIN has no positive counterpart, and it is not a valid code either. */
	const struct error_info *row = code < -ERR_LAST ? NULL : table_find(code);

	return row ? row : table_find(EIO);
}

const struct error_info *error_by_type(const char *type)
{
	static const char folder[] = "/problems";
	const size_t length = sizeof(folder) - 1;
	const char *slash = type ? strrchr(type, '/') : NULL;

	if (!slash || (size_t)(slash - type) < length || memcmp(slash - length, folder, length) != 0)
		return NULL;
	for (size_t i = 0; i < ROWS; i++)
		if (strcmp(table[i].type, slash + 1) == 0)
			return &table[i];
	return NULL;
}

int error_errno_by_name(const char *name)
{
	for (size_t i = 0; name && i < ROWS; i++)
		if (strcmp(table[i].errno_name, name) == 0)
			return table[i].errnum;
	return 0;
}

int error_errno(int code)
{
	return error_lookup(code)->errnum;
}

const char *error_text(int code)
{
	const struct error_info *row = error_lookup(code);

	return row->code > ERR_BASE || code == INT_MIN ? row->title : strerror(code < 0 ? -code : code);
}

const struct error_info *error_row(size_t n)
{
	return n < ROWS ? &table[n] : NULL;
}
