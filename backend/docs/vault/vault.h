/*
 * vault: where backups lie: pieces of bytes under names, in a folder or at a service of S3 (s3://BUCKET/PREFIX). Names
 * are words of A-Z, a-z, 0-9, '.', '_' and '-', with '/' between them. A piece is there whole or not at all, and has
 * at most VAULT_BYTES_MAX.
 *
 * put and get may be called by any thread, several at once; all else by one thread at a time. Failures: -ENOENT: there
 * is no such piece. -EFBIG: it is larger than any that was put. -ENOSPC, -EDQUOT: no room for it. -EACCES: it may not
 * be read or written. -ENODEV: the service has no such bucket. -ENOTCONN, -ETIMEDOUT: it does not answer. -EIO: the
 * disk fails, or the service refuses for another reason. What else a file says. What a service says is logged.
 */
#ifndef NEPHOS_DOCS_VAULT_H
#define NEPHOS_DOCS_VAULT_H

#include "common/base/buf.h"
#include "common/base/limits.h"

#define VAULT_BYTES_MAX BLOCK_BYTES_MAX /* one block; what is longer lies in several pieces (part.h) */
#define VAULT_NAME_SIZE 200		/* with NUL: "copies/", a moment and a part have some 60 */
#define VAULT_S3_SCHEME "s3://"

struct vault;

typedef int (*vault_on_name)(const char *name, void *cookie); /* other than 0 ends it, and is returned */

struct vault_ops {
	/* Whether it is there with that size; its bytes are not looked at. 1, 0, or a failure. */
	int (*has)(struct vault *v, const char *name, uint64_t size);
	/* In place of one that may be there. It is durable when sync has returned. */
	int (*put)(struct vault *v, const char *name, struct span bytes);
	int (*get)(struct vault *v, const char *name, struct buf *ret); /* appends */
	int (*remove)(struct vault *v, const char *name);		/* there may be none */
	int (*each)(struct vault *v, const char *prefix, vault_on_name on_name, void *cookie);
	int (*sync)(struct vault *v);
	void (*free)(struct vault *v);
};

struct vault {
	const struct vault_ops *ops;
};

struct vault_options {
	const char *target; /* a folder, which must be there, or s3://BUCKET[/PREFIX] */
	/* For S3, as s3_client.h has them; what is not told is NULL. */
	const char *endpoint, *region, *keys_file, *ca_file;
	unsigned connections;
};

#endif
