/*
 * credentials: the URLs of the store, and the user's name and key. They are looked up in this order: a file that
 * was named (--credentials, else NEPHOS_CREDENTIALS); the variables NEPHOS_TOKEN, NEPHOS_URL, NEPHOS_USER; the
 * file that "nephos login" wrote. A token is never sent to another store than the one that made it: the token of
 * login's file is not used if NEPHOS_URL names another store. NEPHOS_URL may be several URLs with commas,
 * gateways of one store. In a file NEPHOS_URLS may name more of them, so that curl can use the single URL in
 * NEPHOS_URL. Used by one thread.
 */
#ifndef NEPHOS_CLI_CREDENTIALS_H
#define NEPHOS_CLI_CREDENTIALS_H

#include "common/base/buf.h"
#include "common/http/client/gateways.h"

#include <stdint.h>

#define CREDENTIALS_TOKEN_BYTES 1024 /* our tokens have less than 100 */

struct credentials {
	char *urls[GATEWAYS_GIVEN_MAX]; /* each passed gateways_url_fault */
	size_t url_count;		/* 0: no URL was found */
	char *user;			/* NULL: not known */
	char *token;			/* NULL: no token was found */
	uint64_t key_id;		/* of the device key that login made; 0: not known */
	char *shared;			/* the file with the token, if others on this machine can read it; else NULL */
};

/* named: the value of --credentials, or NULL. On failure ret_why has the reason: -ENOENT, -EPERM (file_read
 * refuses the file as a secret), -EINVAL …. */
int credentials_find(const char *named, struct credentials *ret, struct buf *ret_why);
void credentials_init(struct credentials *c);
void credentials_fini(struct credentials *c);

/* Sets the URLs from "URL[,URL…]" in place of the former ones. -EINVAL with the reason. */
int credentials_set_urls(struct credentials *c, const char *list, struct buf *ret_why);
int credentials_set_token(struct credentials *c, const char *token); /* -EINVAL: wrong characters or length */

/* The file that login writes and logout removes: --credentials, NEPHOS_CREDENTIALS, or the file in the
 * configuration folder. The caller frees it. -ENOENT: there is no HOME. */
int credentials_path(const char *named, char **ret);
/* Reads exactly this file. Errors as of credentials_find. */
int credentials_read(const char *path, struct credentials *ret, struct buf *ret_why);
/* Writes the file with mode 0600, and makes missing folders with 0700. */
int credentials_write(const char *path, const struct credentials *c);
/* Appends a line that sets the variable to all URLs of c. */
int credentials_append_urls(const struct credentials *c, const char *variable, struct buf *ret);

#endif
