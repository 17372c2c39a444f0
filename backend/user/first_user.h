/* first_user: first access for the person who owns the machine: nephos-user --first-user NAME and --setup-token. */
#ifndef NEPHOS_USER_FIRST_USER_H
#define NEPHOS_USER_FIRST_USER_H

#include "backend/service/service.h"
#include "common/base/buf.h"

/*
 * Makes an administrator without a password, unless there is a user of that name already; makes a device key
 * named "first" for the user, and prints a credentials file to stdout. Failures are printed to stderr.
 */
int first_user(struct service *s, const char *name);
/*
 * Appends those credentials. urls are base URLs of gateways, separated by commas: NEPHOS_URL is the first, for
 * curl, and NEPHOS_URLS all of them when there are several. -E2BIG: more URLs than commands and mounts accept.
 */
int first_user_credentials(struct span urls, const char *name, const char *token, struct buf *ret);
/* Prints the one-time token of POST /api/v2/user/setup; refused when there is a user already. */
int first_user_setup_token(struct service *s);

#endif
