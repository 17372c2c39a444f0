/*
 * block_s3: blocks as objects in a bucket of any service of S3 (block_store.h). Calls block; any thread. It has
 * connections of its own; a call waits when all of them are in use. The free room there is not known: put
 * returns -ENOSPC when the service reports that it is full.
 *
 * At the start the service's real behaviour is tested with an object of its own (block_s3_probe.c). A service
 * that cannot hold blocks is refused. A service that does not support "only if there is none" is asked before
 * each put whether the object exists.
 */
#ifndef NEPHOS_DOCS_BLOCK_S3_H
#define NEPHOS_DOCS_BLOCK_S3_H

#include "backend/docs/blocks/block_store.h"
#include "backend/docs/s3/s3_client.h"

#define BLOCK_S3_NAMES 256		  /* names in one page of `each` */
#define BLOCK_S3_PAGE_BYTES (512u * 1024) /* size of such a page: a name takes half a KiB, more with a long prefix */

struct block_s3_options {
	struct s3_options s3;
	const char *spool_folder; /* the folder for files without a name; made when it does not exist */
};

/* A service that does not answer is no failure here; it is tested before the first put then. -EINVAL: an option
 * is wrong, or the service cannot hold blocks; both are logged. -ENOMEM, and failures of the spool's folder. */
int block_s3_new(const struct block_s3_options *options, struct block_store **ret);

#endif
