/* same_item: checks that an item came back complete, except for its content. Include cmocka.h before it. */
#ifndef NEPHOS_TESTS_SAME_ITEM_H
#define NEPHOS_TESTS_SAME_ITEM_H

#include "common/proto/item.h"

static inline void assert_same_item(const struct item *a, const struct item *b)
{
	assert_int_equal(a->id, b->id);
	assert_int_equal(a->parent, b->parent);
	assert_int_equal(a->size, b->size);
	assert_int_equal(a->allocated, b->allocated);
	assert_int_equal(a->mode, b->mode);
	assert_int_equal(a->bare, b->bare);
	assert_int_equal(a->uid, b->uid);
	assert_int_equal(a->gid, b->gid);
	assert_int_equal(a->nlink, b->nlink);
	assert_int_equal(a->atime, b->atime);
	assert_int_equal(a->mtime, b->mtime);
	assert_int_equal(a->ctime, b->ctime);
	assert_int_equal(a->btime, b->btime);
	assert_int_equal(a->seq, b->seq);
	assert_int_equal(a->content_seq, b->content_seq);
	assert_int_equal(a->rdev_major, b->rdev_major);
	assert_int_equal(a->rdev_minor, b->rdev_minor);
	assert_true(span_eq(a->name, b->name));
	assert_true(span_eq(a->target, b->target));
}

#endif
