/* Kept digests of contents. */
#include "tests/unit/backend/docs/rows/pg/pg_fixture.h"

static void a_kept_digest_is_found_only_for_the_content_it_was_kept_for(void **state)
{
	struct worker *w = *state;
	const struct docs_store_ops *ops = w->store->ops;
	const int64_t id = create(w, root_of(w), "log", S_IFREG | 0644);
	struct op_extent extent = {.len = 5, .kind = OP_EXTENT_DATA, .data = SPAN_LITERAL("line\n")};
	struct op append = {.kind = OP_WRITE, .fields = OP_APPEND, .id = id, .extents = &extent, .extent_count = 1};
	struct op chmod = {.kind = OP_SETATTR, .fields = OP_HAS_MODE, .id = id, .mode = 0600};
	const uint8_t digest[SHA256_BYTES] = {1, 2, 3};
	uint8_t told[SHA256_BYTES] = {0};
	struct seen_item first, second;

	do_op(w, &append);
	assert_ok(w, get(w, id, &first));
	assert_int_equal(ops->digest_get(w->store, id, first.item.content_seq, told), -ENOENT);
	assert_ok(w, ops->digest_keep(w->store, id, first.item.content_seq, digest));
	do_op(w, &chmod);
	assert_ok(w, ops->digest_get(w->store, id, first.item.content_seq, told));
	assert_memory_equal(told, digest, sizeof(digest));
	do_op(w, &append);
	assert_ok(w, get(w, id, &second));
	assert_int_equal(ops->digest_get(w->store, id, second.item.content_seq, told), -ENOENT);
	assert_int_equal(ops->digest_get(w->store, id, first.item.content_seq, told), -ENOENT);
	/* A digest that comes too late belongs to no content that is there. */
	assert_ok(w, ops->digest_keep(w->store, id, first.item.content_seq, digest));
	assert_int_equal(ops->digest_get(w->store, id, second.item.content_seq, told), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_worker(a_kept_digest_is_found_only_for_the_content_it_was_kept_for),
	};

	return cmocka_run_group_tests(tests, server_start, server_stop);
}
