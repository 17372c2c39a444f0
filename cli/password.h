/*
 * password: a secret from whoever runs the command. Used by one thread.
 *
 * It comes from the first of these that there is: a file that was named ("-" is the standard input), of which the first
 * line counts; a variable (NEPHOS_PASSWORD); or a person who types it at the terminal. Never from the command line,
 * where everybody on the machine sees it. A new password is typed twice, as nobody sees what he types.
 *
 * At the terminal nothing is shown of it. A signal that comes meanwhile (Ctrl-C, Ctrl-Z, a hang-up) ends the reading,
 * and the terminal is put right before the command goes on. A file that everybody on this machine can read is used,
 * with a warning. What has held a password is overwritten before its memory is given back.
 */
#ifndef NEPHOS_CLI_PASSWORD_H
#define NEPHOS_CLI_PASSWORD_H

#include "common/base/buf.h"

#include <stdbool.h>

#define PASSWORD_SIZE_MAX 1024u /* the user service takes no longer one */

struct password_source {
	const char *file;     /* NULL: not named */
	const char *variable; /* name of an environment variable; NULL: none */
	const char *prompt;   /* "Password of alice: " */
	bool twice;	      /* a new one: what is typed blindly is typed twice */
};

/* *ret is the caller's: password_free. Why it failed in ret_why: -ENXIO: there is no terminal; -EINTR; -EINVAL: empty,
 * or typed differently; of a file … */
int password_get(const struct password_source *source, char **ret, struct buf *ret_why);
/* Whether a person at the terminal is asked for it: then he can be asked for more. */
bool password_is_typed(const struct password_source *source);
/* Asks at the terminal; anything but y or yes is no. -ENXIO, -EINTR. */
int password_confirm(const char *question, bool *ret);
void password_free(char *password); /* wiped; NULL is fine */

#endif
