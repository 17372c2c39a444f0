#include "backend/docs/rows/pg/docs_pg_internal.h"

/*
 * The loads of a transaction. The tree says what it wants (tree_wants: documents, entries, ranges, chains of
 * folders, xattrs, blocks). This module requests that in one round trip together with the lock of the drive, and
 * fills the tree with the rows.
 *
 * docs_pg_load_queue adds the statements to the pipeline, one for each kind of want that occurs; documents and
 * entries share one. docs_pg_load_take reads their results, in the same order. A statement has variants because
 * PostgreSQL plans for one row differently than for many: a mount mostly wants one document or one name, and
 * most batches one range. The loaded documents and entries are put into the drive's cache, too; the next
 * transaction begins with them.
 *
 * Ids of another drive are left out here, whoever asks: for the rules such a document does not exist.
 */

static int queue_documents(struct docs_pg *s, uint32_t drive, const struct tree_wants *w)
{
	struct pg_array *ids = s->numbers[0], *parents = s->numbers[1], *names = s->bytes[0];
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->node_count; i++)
		if (ITEM_DRIVE(w->nodes[i]) == drive)
			r = pg_array_add_number(ids, w->nodes[i]);
	for (size_t i = 0; r == 0 && i < w->name_count; i++) {
		if (ITEM_DRIVE(w->names[i].parent) != drive)
			continue;
		r = pg_array_add_number(parents, w->names[i].parent);
		if (r == 0)
			r = pg_array_add_bytes(names, w->names[i].name);
	}
	if (r < 0)
		return r;
	const struct pg_param params[] = {pg_array_param(ids), pg_array_param(parents), pg_array_param(names)};
	return pg_pipeline_add(
		s->pg, pg_array_count(ids) <= 1 && pg_array_count(parents) <= 1 ? &SQL_LOAD_ONE : &SQL_LOAD, params, 3);
}

static int queue_ranges(struct docs_pg *s, uint32_t drive, const struct tree_wants *w)
{
	bool has_tail = false;
	int r = 0;

	for (size_t i = 0; i < 3; i++)
		pg_array_clear(s->numbers[i]);
	for (size_t i = 0; r == 0 && i < w->range_count; i++) {
		if (ITEM_DRIVE(w->ranges[i].node) != drive)
			continue;
		has_tail |= w->ranges[i].from == TREE_TAIL;
		r = pg_array_add_number(s->numbers[0], w->ranges[i].node);
		if (r == 0)
			r = pg_array_add_number(s->numbers[1], w->ranges[i].from);
		if (r == 0)
			r = pg_array_add_number(s->numbers[2], w->ranges[i].to);
	}
	if (r < 0)
		return r;
	if (w->range_count == 1 && !w->wide) {
		const struct tree_range *range = w->ranges;
		const struct pg_param one[] = {PG_P_I64(ITEM_DRIVE(range->node) == drive ? range->node : 0),
			PG_P_I64(range->from), PG_P_I64(range->to)};
		return range->from == TREE_TAIL ? pg_pipeline_add(s->pg, &SQL_LOAD_EXTENTS_TAIL, one, 1)
						: pg_pipeline_add(s->pg, &SQL_LOAD_EXTENTS_ONE, one, 3);
	}
	const struct pg_param params[] = {
		pg_array_param(s->numbers[0]), pg_array_param(s->numbers[1]), pg_array_param(s->numbers[2])};
	return pg_pipeline_add(s->pg,
		w->wide		   ? &SQL_LOAD_EXTENTS_WIDE
			: has_tail ? &SQL_LOAD_EXTENTS_MIXED
				   : &SQL_LOAD_EXTENTS,
		params, 3);
}

static int queue_ancestors(struct docs_pg *s, uint32_t drive, const struct tree_wants *w)
{
	int r = 0;

	pg_array_clear(s->numbers[0]);
	for (size_t i = 0; r == 0 && i < w->ancestor_count; i++)
		if (ITEM_DRIVE(w->ancestors[i]) == drive)
			r = pg_array_add_number(s->numbers[0], w->ancestors[i]);
	if (r < 0)
		return r;
	const struct pg_param params[] = {pg_array_param(s->numbers[0])};
	return pg_pipeline_add(s->pg, &SQL_LOAD_ANCESTORS, params, 1);
}

static int queue_xattrs(struct docs_pg *s, uint32_t drive, const struct tree_wants *w)
{
	int r = 0;

	pg_array_clear(s->numbers[0]);
	pg_array_clear(s->bytes[0]);
	for (size_t i = 0; r == 0 && i < w->xattr_count; i++) {
		if (ITEM_DRIVE(w->xattrs[i].parent) != drive)
			continue;
		r = pg_array_add_number(s->numbers[0], w->xattrs[i].parent);
		if (r == 0)
			r = pg_array_add_bytes(s->bytes[0], w->xattrs[i].name);
	}
	if (r < 0)
		return r;
	const struct pg_param params[] = {pg_array_param(s->numbers[0]), pg_array_param(s->bytes[0])};
	return pg_pipeline_add(s->pg, &SQL_LOAD_XATTRS, params, 2);
}

static int queue_blocks(struct docs_pg *s, uint32_t drive, const struct tree_wants *w)
{
	int r = 0;

	pg_array_clear(s->bytes[0]);
	for (size_t i = 0; r == 0 && i < w->block_count; i++)
		r = pg_array_add_bytes(s->bytes[0], span_of(w->blocks[i], sizeof(w->blocks[i])));
	if (r < 0)
		return r;
	const struct pg_param params[] = {PG_P_I32(drive), pg_array_param(s->bytes[0])};
	return pg_pipeline_add(s->pg, &SQL_LOAD_BLOCKS, params, 2);
}

static int queue_sweep(struct docs_pg *s, const struct tree_range *range)
{
	const struct pg_param params[] = {PG_P_I64(range->node), PG_P_I64(range->from), PG_P_I64(range->to)};

	return pg_pipeline_add(s->pg, &SQL_LOAD_SWEEP, params, 3);
}

int docs_pg_load_queue(struct docs_pg *s, uint32_t drive, const struct tree_wants *w, size_t *ret_count)
{
	size_t count = 0;
	int r = 0;

	if (!w)
		return 0;
	docs_pg_reset(s);
	if (w->node_count || w->name_count)
		count++, r = queue_documents(s, drive, w);
	if (r == 0 && w->range_count)
		count++, r = queue_ranges(s, drive, w);
	if (r == 0 && w->ancestor_count)
		count++, r = queue_ancestors(s, drive, w);
	if (r == 0 && w->xattr_count)
		count++, r = queue_xattrs(s, drive, w);
	if (r == 0 && w->block_count)
		count++, r = queue_blocks(s, drive, w);
	if (r == 0 && w->sweep.node)
		count++, r = queue_sweep(s, &w->sweep);
	if (r == 0)
		*ret_count += count;
	return r;
}

static void take_acls(const struct pg_result *result, int row, int column, struct tree_node *node)
{
	if (!pg_is_null(result, row, column + NODE_ACCESS_ACL))
		node->access_acl = pg_bytes(result, row, column + NODE_ACCESS_ACL);
	if (!pg_is_null(result, row, column + NODE_DEFAULT_ACL))
		node->default_acl = pg_bytes(result, row, column + NODE_DEFAULT_ACL);
}

static void take_holders(const struct pg_result *result, int row, int column, struct tree_node *node)
{
	if (!pg_is_null(result, row, column + NODE_NAMELESS_AT))
		node->nameless_at = pg_number(result, row, column + NODE_NAMELESS_AT);
	if (!pg_is_null(result, row, column + NODE_HOLDERS))
		node->holders = pg_bytes(result, row, column + NODE_HOLDERS);
}

static int take_documents(const struct pg_result *result, struct tree *tree, struct cached_drive *cached)
{
	enum { ENTRY_PARENT, ENTRY_NAME, DOCUMENT };
	int r = 0;

	for (int row = 0; r == 0 && row < pg_rows(result); row++) {
		struct tree_node node;

		docs_pg_node(result, row, DOCUMENT, &node);
		node.extents = pg_number(result, row, DOCUMENT + NODE_EXTENTS);
		if (!node.item.bare)
			take_acls(result, row, DOCUMENT, &node);
		if (node.orphan)
			take_holders(result, row, DOCUMENT, &node);
		r = tree_load_node(tree, &node);
		if (cached)
			drive_cache_node(cached, &node);
		if (pg_is_null(result, row, ENTRY_PARENT))
			continue;
		const int64_t parent = pg_number(result, row, ENTRY_PARENT);
		const struct span name = pg_bytes(result, row, ENTRY_NAME);

		if (r == 0)
			r = tree_load_entry(tree, parent, name, node.item.id);
		if (cached)
			drive_cache_entry(cached, parent, name, node.item.id);
	}
	return r;
}

static int take_extents(const struct pg_result *result, struct tree *tree)
{
	int r = 0;

	for (int row = 0; r == 0 && row < pg_rows(result); row++) {
		struct tree_extent extent;

		docs_pg_extent(result, row, 0, &extent);
		r = tree_load_extent(tree, &extent);
	}
	return r;
}

static int take_ancestors(const struct pg_result *result, struct tree *tree)
{
	int r = 0;

	for (int row = 0; r == 0 && row < pg_rows(result); row++)
		r = tree_load_ancestor(tree, pg_number(result, row, 0), pg_number(result, row, 1));
	return r;
}

static int take_xattrs(const struct pg_result *result, struct tree *tree)
{
	struct tree_xattr_sums sums = {0};
	int64_t node = 0;
	int r = 0;

	for (int row = 0; r == 0 && row < pg_rows(result); row++) {
		struct span value = pg_is_null(result, row, 2) ? span_of(NULL, 0) : pg_bytes(result, row, 2);

		if (node != pg_number(result, row, 0))
			sums = (struct tree_xattr_sums){
				(size_t)pg_number(result, row, 3), (size_t)pg_number(result, row, 4)};
		node = pg_number(result, row, 0);
		r = tree_load_xattr(tree, node, pg_bytes(result, row, 1), value, &sums);
	}
	return r;
}

static int take_blocks(const struct pg_result *result, struct tree *tree)
{
	int r = 0;

	for (int row = 0; r == 0 && row < pg_rows(result); row++) {
		const struct span sha256 = pg_bytes(result, row, 0);

		if (sha256.size == 32)
			r = tree_load_block(tree, (const uint8_t *)sha256.data, pg_number(result, row, 1),
				(uint32_t)pg_number(result, row, 2));
	}
	return r;
}

int docs_pg_load_take(
	struct pg_result *const *results, const struct tree_wants *w, struct tree *tree, struct cached_drive *cached)
{
	int r = 0;

	if (!w)
		return 0;
	if (cached)
		drive_cache_wanted(cached, w);
	if (w->node_count || w->name_count)
		r = take_documents(*results++, tree, cached);
	if (r == 0 && w->range_count)
		r = take_extents(*results++, tree);
	if (r == 0 && w->ancestor_count)
		r = take_ancestors(*results++, tree);
	if (r == 0 && w->xattr_count)
		r = take_xattrs(*results++, tree);
	if (r == 0 && w->block_count)
		r = take_blocks(*results++, tree);
	if (r == 0 && w->sweep.node)
		tree_load_sweep(tree, &w->sweep, pg_number(*results, 0, 0), pg_number(*results, 0, 1));
	return r;
}
