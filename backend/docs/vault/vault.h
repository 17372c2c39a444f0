/*
 * vault: the place of backups: pieces of bytes under names, in a folder or at a service of S3
 * (s3://BUCKET/PREFIX). Names are words of A-Z, a-z, 0-9, '.', '_' and '-', with '/' between them. A piece
 * exists whole or not at all, and has at most VAULT_BYTES_MAX.
 *
 * Any thread may call put and get, several at once; only one thread at a time may make the other calls.
 * Failures: -ENOENT: there is no such piece. -EFBIG: the piece is larger than any that was put. -ENOSPC,
 * -EDQUOT: no room for it. -EACCES: no permission to read or write it. -ENODEV: the service has no such bucket.
 * -ENOTCONN, -ETIMEDOUT: the service does not answer. -EIO: the disk fails, or the service refuses for another
 * reason. Other errors of files are possible. Errors of a service are logged.
 */
#ifndef NEPHOS_DOCS_VAULT_H
#define NEPHOS_DOCS_VAULT_H

#include "common/base/buf.h"
#include "common/base/limits.h"

#define VAULT_BYTES_MAX BLOCK_BYTES_MAX /* one block; longer data lies in several pieces (part.h) */
#define VAULT_NAME_SIZE 200		/* with NUL: "copies/", a time and a part have some 60 */
#define VAULT_S3_SCHEME "s3://"

struct vault;

/* another value than 0 ends the walk, and is returned */
typedef int (*vault_on_name)(const char *name, void *cookie);

struct vault_ops {
	/* Whether a piece of that size exists; its bytes are not checked. 1, 0, or a failure. */
	int (*has)(struct vault *v, const char *name, uint64_t size);
	/* Replaces a piece that exists. The piece is durable once sync has returned. */
	int (*put)(struct vault *v, const char *name, struct span bytes);
	int (*get)(struct vault *v, const char *name, struct buf *ret); /* appends */
	int (*remove)(struct vault *v, const char *name);		/* a missing piece is success */
	int (*each)(struct vault *v, const char *prefix, vault_on_name on_name, void *cookie);
	int (*sync)(struct vault *v);
	void (*free)(struct vault *v);
};

struct vault {
	const struct vault_ops *ops;
};

struct vault_options {
	const char *target; /* a folder, which must exist, or s3://BUCKET[/PREFIX] */
	/* For S3, as in s3_client.h; unset ones are NULL. */
	const char *endpoint, *region, *keys_file, *ca_file;
	unsigned connections;
};

#endif
