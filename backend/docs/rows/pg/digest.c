#include "backend/docs/rows/pg/docs_pg_internal.h"

#include <errno.h>
#include <string.h>

/*
 * Digests of contents. A digest is stored with the content_seq of the content that it was computed from, so that
 * code which changes the content need not update it. It is written by a transaction of its own, because
 * transactions of changes are built for one round trip. A crash between the two loses only the digest, which may
 * be missing anyway.
 */

int docs_pg_digest_keep(struct docs_store *store, int64_t id, int64_t content_seq, const uint8_t sha256[SHA256_BYTES])
{
	const struct pg_param params[] = {
		PG_P_I64(id), PG_P_I64(content_seq), PG_P_BYTEA(span_of((const char *)sha256, SHA256_BYTES))};

	return pg_run(docs_pg_of(store)->pg, &SQL_DIGEST_KEEP, params, 3, NULL);
}

int docs_pg_digest_get(struct docs_store *store, int64_t id, int64_t content_seq, uint8_t ret_sha256[SHA256_BYTES])
{
	const struct pg_param params[] = {PG_P_I64(id), PG_P_I64(content_seq)};
	struct pg_result *result = NULL;
	int r = pg_run(docs_pg_of(store)->pg, &SQL_DIGEST_GET, params, 2, &result);

	if (r == 0 && pg_rows(result) == 0)
		r = -ENOENT;
	if (r == 0 && pg_bytes(result, 0, 0).size != SHA256_BYTES)
		r = -EIO;
	if (r == 0)
		memcpy(ret_sha256, pg_bytes(result, 0, 0).data, SHA256_BYTES);
	pg_result_free(result);
	return r;
}
