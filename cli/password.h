/*
 * password: a secret from whoever runs the command: a file that was named ("-": the standard input), else
 * NEPHOS_PASSWORD, else typed on the terminal without echo. Never from the command line, where others see it. Used by
 * one thread.
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
