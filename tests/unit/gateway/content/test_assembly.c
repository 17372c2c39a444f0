/* Long content that is sent in pieces: random lists of extents and random ranges, compared with a plain copy of
 * the bytes. */
#include "gateway/content/assembly.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIZE_MAX_ 3000
#define BLOCK 700

struct world {
	unsigned seed;
	size_t size;
	char bytes[SIZE_MAX_ + BLOCK]; /* the content; extents may go beyond its end */
	struct buf page;
};

static unsigned number(struct world *w, unsigned below)
{
	return (unsigned)rand_r(&w->seed) % below;
}

/* The byte at offset `at` of the block with this number. */
static char block_byte(uint8_t block, uint32_t at)
{
	return (char)(block * 31 + at * 7);
}

static struct extent random_extent(struct world *w, int64_t at, char inline_bytes[BLOCK])
{
	struct extent e = {.at = at, .len = 1 + number(w, 300)};

	if (number(w, 2)) {
		e.kind = EXTENT_BLOCK;
		e.sha256[0] = (uint8_t)number(w, 5);
		e.generation = e.sha256[0] + 100;
		e.block_size = BLOCK;
		e.from = number(w, BLOCK - (unsigned)e.len);
		for (int64_t i = 0; i < e.len; i++)
			w->bytes[at + i] = block_byte(e.sha256[0], e.from + (uint32_t)i);
	} else {
		e.kind = EXTENT_INLINE;
		for (int64_t i = 0; i < e.len; i++)
			inline_bytes[i] = (char)number(w, 256);
		e.data = span_of(inline_bytes, (size_t)e.len);
		memcpy(w->bytes + at, inline_bytes, (size_t)e.len);
	}
	return e;
}

static void make_world(struct world *w, unsigned seed)
{
	struct extent_page page = {.incarnation = 1, .seq = 2, .content_seq = 3};
	size_t count_at;
	char bytes[BLOCK];

	memset(w, 0, sizeof(*w));
	w->seed = seed;
	w->size = 1 + number(w, SIZE_MAX_);
	page.size = (int64_t)w->size;
	buf_init(&w->page, 1024 * 1024);
	assert_int_equal(extent_page_begin(&w->page, &page, &count_at), 0);
	for (int64_t at = number(w, 200); at < (int64_t)w->size;) {
		const struct extent e = random_extent(w, at, bytes);

		assert_int_equal(extent_page_add(&w->page, &e), 0);
		page.count++;
		at += e.len + (number(w, 2) ? 0 : number(w, 300));
	}
	extent_page_end(&w->page, count_at, page.count, false);
}

static void make_ranges(struct world *w, struct range_set *set)
{
	set->count = number(w, 5);
	for (size_t i = 0; i < set->count; i++) {
		set->parts[i].from = number(w, (unsigned)w->size);
		set->parts[i].len = 1 + number(w, (unsigned)(w->size - (size_t)set->parts[i].from));
	}
}

/* Builds the answer that must come. */
static void expect(const struct world *w, const struct range_set *set, struct buf *ret)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct range *part = &set->parts[i];

		if (set->count > 1)
			(void)buf_printf(ret,
				"%s--cut\r\nContent-Type: a/b\r\nContent-Range: bytes %lld-%lld/%zu\r\n\r\n",
				i ? "\r\n" : "", (long long)part->from, (long long)(part->from + part->len - 1),
				w->size);
		(void)buf_append(ret, w->bytes + part->from, (size_t)part->len);
	}
	if (set->count == 0)
		(void)buf_append(ret, w->bytes, w->size);
	if (set->count > 1)
		(void)buf_append_str(ret, "\r\n--cut--\r\n");
}

static void add_piece(const struct piece *p, struct buf *ret)
{
	for (int64_t i = 0; i < p->len; i++) {
		const char byte = p->kind == PIECE_ZEROS ? 0
			: p->kind == PIECE_BYTES	 ? p->bytes.data[i]
							 : block_byte(p->sha256[0], p->from + (uint32_t)i);

		(void)buf_append(ret, &byte, 1);
	}
}

static void the_assembled_pieces_are_exactly_the_bytes_of_the_requested_ranges(void **state)
{
	struct world w;

	(void)state;
	for (unsigned seed = 1; seed <= 1500; seed++) {
		struct range_set set = {.count = 0};
		struct assembly a;
		struct piece p;
		struct buf got, wanted;
		int64_t size = 0;

		make_world(&w, seed);
		make_ranges(&w, &set);
		buf_init(&got, 1024 * 1024);
		buf_init(&wanted, 1024 * 1024);
		expect(&w, &set, &wanted);
		struct byteranges parts;
		const struct assembly_options options = {.page = buf_span(&w.page), .parts = &parts};

		assert_int_equal(byteranges_init(&parts, &set, "a/b", (int64_t)w.size), 0);
		strcpy(parts.boundary, "cut");
		assert_int_equal(assembly_check(options.page, &size), 0);
		assert_int_equal(size, w.size);
		assembly_init(&a, &options);
		for (int r = assembly_next(&a, &p); p.kind != PIECE_END; r = assembly_next(&a, &p)) {
			assert_int_equal(r, 0);
			assert_true(p.kind != PIECE_BLOCK ||
				(p.generation == p.sha256[0] + 100 && p.from + p.len <= p.block_size));
			add_piece(&p, &got);
		}
		if (got.size != wanted.size || memcmp(got.data, wanted.data, got.size) != 0)
			fail_msg("seed %u: %zu bytes of %zu", seed, got.size, wanted.size);
		assert_int_equal(byteranges_length(&parts, &size), 0);
		assert_int_equal(size, wanted.size);
		buf_fini(&got);
		buf_fini(&wanted);
		buf_fini(&w.page);
	}
}

static void a_copy_of_an_assembly_gives_the_same_next_piece_as_the_original(void **state)
{
	struct world w;
	struct assembly a, b;
	struct piece one, other;
	static const struct range_set WHOLE;
	struct byteranges parts;

	(void)state;
	make_world(&w, 4711);
	assert_int_equal(byteranges_init(&parts, &WHOLE, "a/b", (int64_t)w.size), 0);
	const struct assembly_options options = {.page = buf_span(&w.page), .parts = &parts};
	assembly_init(&a, &options);
	for (assert_int_equal(assembly_next(&a, &one), 0); one.kind != PIECE_END;) {
		b = a;
		assert_int_equal(assembly_next(&a, &one), 0);
		assert_int_equal(assembly_next(&b, &other), 0);
		assert_true(one.kind == other.kind && one.len == other.len && one.from == other.from);
	}
	buf_fini(&w.page);
}

static void a_list_of_extents_that_is_unordered_incomplete_or_cut_is_refused(void **state)
{
	struct extent_page page = {.size = 100, .count = 2};
	struct extent first = {.at = 50, .len = 10, .kind = EXTENT_INLINE, .data = span_str("0123456789")};
	struct extent second = first;
	struct buf bytes;
	size_t count_at;
	int64_t size = -1;

	(void)state;
	for (int64_t at = 30; at <= 70; at += 10) {
		buf_init(&bytes, 4096);
		second.at = at;
		assert_int_equal(extent_page_begin(&bytes, &page, &count_at), 0);
		assert_int_equal(extent_page_add(&bytes, &first), 0);
		assert_int_equal(extent_page_add(&bytes, &second), 0);
		extent_page_end(&bytes, count_at, 2, at == 70);
		assert_int_equal(assembly_check(buf_span(&bytes), &size), at == 60 ? 0 : -EBADMSG);
		assert_int_equal(assembly_check(span_of(bytes.data, bytes.size - 1), &size), -EBADMSG);
		buf_fini(&bytes);
	}
	assert_int_equal(size, 100);
	assert_int_equal(assembly_check(span_of(NULL, 0), &size), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_assembled_pieces_are_exactly_the_bytes_of_the_requested_ranges),
		cmocka_unit_test(a_copy_of_an_assembly_gives_the_same_next_piece_as_the_original),
		cmocka_unit_test(a_list_of_extents_that_is_unordered_incomplete_or_cut_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
