/*
 * credentials: which store, and who asks. Found in this order: a file that was named (--credentials, else
 * NEPHOS_CREDENTIALS); the variables NEPHOS_TOKEN, NEPHOS_URL, NEPHOS_USER; the file that "nephos login" left. A token
 * goes to no other store than the one it was made at: the file's is not used when NEPHOS_URL names another. NEPHOS_URL
 * may be several URLs with commas, gateways of one store. In a file NEPHOS_URLS may name more of them, so that
 * NEPHOS_URL is one that curl can use. Used by one thread.
 */
#ifndef NEPHOS_CLI_CREDENTIALS_H
#define NEPHOS_CLI_CREDENTIALS_H

#include "common/base/buf.h"
#include "common/http/client/gateways.h"

#include <stdint.h>

#define CREDENTIALS_TOKEN_BYTES 1024 /* ours have under 100 */

struct credentials {
	char *urls[GATEWAYS_GIVEN_MAX]; /* as gateways_url_fault has them */
	size_t url_count;		/* 0: none was named anywhere */
	char *user;			/* NULL: not said */
	char *token;			/* NULL: none was found */
	uint64_t key_id;		/* of the device key that login made; 0: not said */
	char *shared; /* the file with the token, when others on this machine can read it; else NULL */
};

/* named: the value of --credentials, or NULL. Why it failed in ret_why: -ENOENT, -EPERM (others can read the file),
 * -EINVAL …. */
int credentials_find(const char *named, struct credentials *ret, struct buf *ret_why);
void credentials_init(struct credentials *c);
void credentials_fini(struct credentials *c);

/* From "URL[,URL…]"; those before are dropped. -EINVAL with the reason. */
int credentials_set_urls(struct credentials *c, const char *list, struct buf *ret_why);
int credentials_set_token(struct credentials *c, const char *token); /* -EINVAL: not a token's characters */

/* Where login writes and logout looks: --credentials, NEPHOS_CREDENTIALS, or the file in the configuration folder.
 * free() it. -ENOENT: there is no HOME. */
int credentials_path(const char *named, char **ret);
/* Of exactly this file. As credentials_find. */
int credentials_read(const char *path, struct credentials *ret, struct buf *ret_why);
/* With mode 0600; folders that are missing are made with 0700. */
int credentials_write(const char *path, const struct credentials *c);
/* A line with all URLs of c. */
int credentials_append_urls(const struct credentials *c, const char *variable, struct buf *ret);

#endif
