/*
 * password: gets a secret from the user of a command. Used by one thread.
 *
 * The password comes from the first of these that exists: a file that was named ("-" is the standard input), of
 * which the first line counts; a variable (NEPHOS_PASSWORD); or the terminal, where a person types it. It never
 * comes from the command line, where everybody on the machine sees it. A new password is typed twice, because the
 * typed text is not shown.
 *
 * A signal that comes during typing (Ctrl-C, Ctrl-Z, a hang-up) ends the reading, and the terminal is restored
 * before the command continues. A file that everybody on this machine can read is used, with a warning. Memory
 * that has held a password is overwritten before it is freed.
 */
#ifndef NEPHOS_CLI_PASSWORD_H
#define NEPHOS_CLI_PASSWORD_H

#include "common/base/buf.h"

#include <stdbool.h>

#define PASSWORD_SIZE_MAX 1024u /* the user service accepts no longer password */

struct password_source {
	const char *file;     /* NULL: not named */
	const char *variable; /* name of an environment variable; NULL: none */
	const char *prompt;   /* "Password of alice: " */
	bool twice;	      /* a new password, which must be typed twice */
};

/* The caller frees *ret by password_free. On failure ret_why has the reason: -ENXIO: there is no terminal;
 * -EINTR; -EINVAL: empty, or typed differently; errors of a file … */
int password_get(const struct password_source *source, char **ret, struct buf *ret_why);
/* Whether the password is typed at the terminal: then other questions can be asked there, too. */
bool password_is_typed(const struct password_source *source);
/* Asks at the terminal; any answer except y or yes means no. -ENXIO, -EINTR. */
int password_confirm(const char *question, bool *ret);
void password_free(char *password); /* overwrites it first; NULL is fine */

#endif
