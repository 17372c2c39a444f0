#include "backend/docs/rows/pg/docs_pg_internal.h"

#include <assert.h>

/*
 * The meaning of rows: documents, extents and drives by their columns.
 *
 * And how a read is sent: first to a standby where one may answer, else to the primary. Then it is checked
 * whether the drive exists, and whether the result is as new as the client's floor. An answer of a standby is
 * that new already, or it is not taken.
 */

void docs_pg_node(const struct pg_result *r, int row, int column, struct tree_node *ret)
{
	const uint64_t rdev = (uint64_t)pg_number(r, row, column + NODE_RDEV);

	const uint32_t mode = (uint32_t)pg_number(r, row, column + NODE_MODE);

	*ret = (struct tree_node){
		.item =
			{
				.id = pg_number(r, row, column + NODE_ID),
				.parent = pg_number(r, row, column + NODE_PARENT),
				.size = pg_number(r, row, column + NODE_SIZE),
				.allocated = pg_number(r, row, column + NODE_ALLOCATED),
				.mode = mode & ~(uint32_t)SQL_MODE_XATTRS,
				.bare = !(mode & SQL_MODE_XATTRS),
				.uid = (uint32_t)pg_number(r, row, column + NODE_UID),
				.gid = (uint32_t)pg_number(r, row, column + NODE_GID),
				.nlink = (uint32_t)pg_number(r, row, column + NODE_NLINK),
				.atime = pg_number(r, row, column + NODE_ATIME),
				.mtime = pg_number(r, row, column + NODE_MTIME),
				.ctime = pg_number(r, row, column + NODE_CTIME),
				.btime = pg_number(r, row, column + NODE_BTIME),
				.seq = pg_number(r, row, column + NODE_SEQ),
				.content_seq = pg_number(r, row, column + NODE_CONTENT_SEQ),
				.rdev_major = (uint32_t)(rdev >> 32),
				.rdev_minor = (uint32_t)rdev,
				.name = pg_bytes(r, row, column + NODE_NAME),
				.target = pg_bytes(r, row, column + NODE_TARGET),
			},
		.charged = pg_number(r, row, column + NODE_CHARGED),
		.orphan = pg_number(r, row, column + NODE_ORPHAN) != 0,
		.children = pg_number(r, row, column + NODE_CHILDREN),
	};
}

void docs_pg_extent(const struct pg_result *r, int row, int column, struct tree_extent *ret)
{
	const struct span sha256 = pg_bytes(r, row, column + EXTENT_SHA256);

	*ret = (struct tree_extent){
		.node = pg_number(r, row, column + EXTENT_NODE),
		.at = pg_number(r, row, column + EXTENT_AT),
		.len = pg_number(r, row, column + EXTENT_LEN),
		.kind = (enum extent_kind)pg_number(r, row, column + EXTENT_KIND),
		.generation = pg_number(r, row, column + EXTENT_GENERATION),
		.from = (uint32_t)pg_number(r, row, column + EXTENT_FROM),
		.block_size = (uint32_t)pg_number(r, row, column + EXTENT_BLOCK_SIZE),
		.data = pg_bytes(r, row, column + EXTENT_DATA),
	};
	if (sha256.size == sizeof(ret->sha256))
		memcpy(ret->sha256, sha256.data, sizeof(ret->sha256));
}

void docs_pg_drive(const struct pg_result *r, int row, struct docs_drive *ret)
{
	*ret = (struct docs_drive){
		.row =
			{
				.id = (uint32_t)pg_number(r, row, DRIVE_ID),
				.owner = pg_number(r, row, DRIVE_OWNER),
				.incarnation = pg_number(r, row, DRIVE_INCARNATION),
				.seq = pg_number(r, row, DRIVE_SEQ),
				.epoch = pg_number(r, row, DRIVE_EPOCH),
				.lease_epoch = pg_number(r, row, DRIVE_LEASE_EPOCH),
				.lease_session = pg_number(r, row, DRIVE_LEASE_SESSION),
				.next_number = pg_number(r, row, DRIVE_NEXT_NUMBER),
				.quota = pg_number(r, row, DRIVE_QUOTA),
				.used = pg_number(r, row, DRIVE_USED),
				.quota_own = pg_number(r, row, DRIVE_QUOTA_OWN),
				.documents = pg_number(r, row, DRIVE_DOCUMENTS),
				.documents_max = pg_number(r, row, DRIVE_DOCUMENTS_MAX),
				.extents = pg_number(r, row, DRIVE_EXTENTS),
				.extents_max = pg_number(r, row, DRIVE_EXTENTS_MAX),
			},
		.name = pg_bytes(r, row, DRIVE_NAME),
	};
	ret->at = (struct docs_position){ret->row.incarnation, ret->row.seq};
}

static size_t collect(const struct docs_pg_question *q, struct pg_param ret[2 + DOCS_PG_MORE])
{
	assert(q->count <= DOCS_PG_MORE);
	ret[0] = PG_P_I32(q->scope->drive);
	ret[1] = PG_P_I64(q->scope->user);
	for (size_t i = 0; i < q->count; i++)
		ret[2 + i] = q->more[i];
	return 2 + q->count;
}

int docs_pg_ask(struct docs_pg *s, const struct docs_pg_question *q, struct pg_result **ret)
{
	struct pg_param params[2 + DOCS_PG_MORE];
	const size_t count = collect(q, params);

	return docs_pg_run(s, q->statement, params, count, ret);
}

/* The answer of a standby that stands where the drive does. Inside of a snapshot all reads go to the primary.
 * false: the primary must be asked. */
static bool ask_standby(struct docs_pg *s, const struct docs_pg_question *q, struct pg_result **ret)
{
	const struct docs_stand *stand = &q->scope->stand;
	struct pg_param params[2 + DOCS_PG_MORE];

	if (!s->standby || stand->timeline == 0 || docs_pg_check_floor(&q->scope->floor, &stand->at) < 0 ||
		s->txn.open || pg_in_transaction(s->pg))
		return false;
	const struct standby_question question = {q->statement, params, collect(q, params), stand};
	return standby_ask(s->standby, &question, ret);
}

int docs_pg_check_floor(const struct docs_position *floor, const struct docs_position *at)
{
	if (floor->incarnation == 0 && floor->seq == 0)
		return 0;
	if (floor->incarnation != at->incarnation)
		return -ERR_EPOCH;
	return at->seq < floor->seq ? -ERR_BEHIND : 0;
}

int docs_pg_read(
	struct docs_pg *s, const struct docs_pg_question *q, struct docs_position *ret_at, struct pg_result **ret)
{
	struct pg_result *result = NULL;

	if (!ask_standby(s, q, &result)) {
		standby_count_primary(s->standby);
		const int r = docs_pg_ask(s, q, &result);
		if (r < 0)
			return r;
	}
	int r = 0;
	if (pg_rows(result) == 0) {
		r = docs_pg_no_drive(s, q->scope);
		goto out;
	}
	const struct docs_position at = {pg_number(result, 0, READ_INCARNATION), pg_number(result, 0, READ_SEQ)};
	r = docs_pg_check_floor(&q->scope->floor, &at);
	if (r < 0)
		goto out;
	if (ret_at)
		*ret_at = at;
	*ret = result;
	result = NULL;
out:
	pg_result_free(result);
	return r;
}
