/* block_s3_probe: tests, with an object of its own, whether a service of S3 does what a store of blocks needs. */
#ifndef NEPHOS_DOCS_BLOCK_S3_PROBE_H
#define NEPHOS_DOCS_BLOCK_S3_PROBE_H

#include "backend/docs/s3/s3_client.h"

#include <stdbool.h>

/* ret_new_only: the service refuses a PUT "only if there is none" when the object exists. -EINVAL: the service
 * cannot hold blocks; the reason is logged. Else a failure of s3_ask: nothing is known yet. */
int block_s3_probe(struct s3_client *client, bool *ret_new_only);

#endif
