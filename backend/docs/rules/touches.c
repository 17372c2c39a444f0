#include "backend/docs/rules/touches.h"

void touches_add(struct touched *t, const struct tree_change *change)
{
	const struct tag_change c = {.op = change->op,
		.id = change->id,
		.parent = change->parent,
		.old_parent = change->old_parent,
		.replaced = change->replaced,
		.name = change->name,
		.old_name = change->old_name,
		.content = (change->what & (TREE_CONTENT | TREE_SIZE)) != 0,
		.xattrs = (change->what & TREE_XATTRS) != 0};

	touched_add(t, change->seq, &c);
}
