/*
 * block_s3: blocks as objects of a bucket of any service of S3 (block_store.h). Blocking, any thread: it has
 * connections of its own, and who finds all of them taken waits. Nobody knows the room there: it is -ENOSPC when the
 * service says that it is full.
 *
 * What the service really does is tried out at the start, with an object of its own (block_s3_probe.c): one that cannot
 * hold blocks is refused, one that does not know "only if there is none" is asked before each put.
 */
#ifndef NEPHOS_DOCS_BLOCK_S3_H
#define NEPHOS_DOCS_BLOCK_S3_H

#include "backend/docs/blocks/block_store.h"
#include "backend/docs/s3/s3_client.h"

#define BLOCK_S3_NAMES 256		  /* of one page when all are gone through */
#define BLOCK_S3_PAGE_BYTES (512u * 1024) /* of such a page: a name takes half a KiB, more with a long prefix */

struct block_s3_options {
	struct s3_options s3;
	const char *spool_folder; /* where files without a name lie; made when it is not there */
};

/* A service that does not answer is no failure here: then it is tried out before the first put. -EINVAL: an option is
 * wrong, or the service cannot hold blocks; that is logged. -ENOMEM, and what the spool's folder fails with. */
int block_s3_new(const struct block_s3_options *options, struct block_store **ret);

#endif
