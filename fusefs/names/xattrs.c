#include "fusefs/names/xattrs.h"

#include "common/base/limits.h"

#include <errno.h>
#include <stdlib.h>

struct xattrs *xattrs_new(void)
{
	return calloc(1, sizeof(struct xattrs));
}

void xattrs_free(struct xattrs *x)
{
	while (x && x->list) {
		struct xattr *a = x->list;

		x->list = a->next;
		free(a);
	}
	free(x);
}

void xattrs_remove(struct xattrs *x, struct span name)
{
	for (struct xattr **at = &x->list; *at; at = &(*at)->next) {
		struct xattr *a = *at;

		if (!span_eq(a->name, name))
			continue;
		*at = a->next;
		x->count--;
		x->bytes -= a->name.size + a->value.size;
		x->names_size -= a->name.size + 1;
		free(a);
		return;
	}
}

int xattrs_add(struct xattrs *x, struct span name, struct span value)
{
	const struct xattr *old = xattrs_find(x, name);
	const size_t others = x->bytes - (old ? old->name.size + old->value.size : 0);
	struct xattr *a;
	char *bytes;

	if (others + name.size + value.size > XATTRS_PER_ITEM_TOTAL_MAX)
		return -E2BIG;
	a = malloc(sizeof(*a) + name.size + value.size);
	if (!a)
		return -ENOMEM;
	xattrs_remove(x, name);
	bytes = (char *)(a + 1);
	memcpy(bytes, name.data, name.size);
	if (value.size > 0)
		memcpy(bytes + name.size, value.data, value.size);
	a->name = span_of(bytes, name.size);
	a->value = span_of(bytes + name.size, value.size);
	a->next = x->list;
	x->list = a;
	x->count++;
	x->bytes += name.size + value.size;
	x->names_size += name.size + 1;
	return 0;
}

const struct xattr *xattrs_find(const struct xattrs *x, struct span name)
{
	for (const struct xattr *a = x->list; a; a = a->next)
		if (span_eq(a->name, name))
			return a;
	return NULL;
}

#define ALLOCATION_BYTES 16 /* overhead of malloc */

size_t xattrs_memory(const struct xattrs *x)
{
	return sizeof(*x) + ALLOCATION_BYTES + x->bytes + x->count * (sizeof(struct xattr) + ALLOCATION_BYTES);
}

void xattrs_names(const struct xattrs *x, char *ret)
{
	for (const struct xattr *a = x->list; a; a = a->next) {
		memcpy(ret, a->name.data, a->name.size);
		ret[a->name.size] = '\0';
		ret += a->name.size + 1;
	}
}

void xattrs_use(struct kept *kept, struct inode *inode)
{
	kept_count(kept, KEPT_XATTRS, &inode->xattrs->kept, xattrs_memory(inode->xattrs));
}

void xattrs_keep(struct kept *kept, struct inode *inode, struct xattrs *x)
{
	if (inode->xattrs) {
		kept_count(kept, KEPT_XATTRS, &inode->xattrs->kept, 0);
		xattrs_free(inode->xattrs);
	}
	inode->xattrs = x;
	if (!x)
		return;
	x->inode = inode;
	xattrs_use(kept, inode);
}

void xattrs_give(struct kept *kept)
{
	struct kept_item *item = kept_oldest(kept, KEPT_XATTRS);

	if (item)
		xattrs_keep(kept, ((struct xattrs *)((char *)item - offsetof(struct xattrs, kept)))->inode, NULL);
}
