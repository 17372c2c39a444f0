#include "backend/docs/rows/pg/drive_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define DRIVE 5u
#define FOLDER ITEM_ROOT(DRIVE)

static const struct tree_drive ROW = {.id = DRIVE, .owner = 1, .incarnation = 1, .seq = 10, .next_number = 100};

struct fixture {
	struct drive_cache *known;
	struct cached_drive *drive;
	struct tree *tree;
};

static int setup(void **state)
{
	static struct fixture f;

	f = (struct fixture){0};
	if (drive_cache_new(&f.known) < 0)
		return -1;
	f.drive = drive_cache_take(f.known, DRIVE);
	*state = &f;
	return f.drive && tree_new(&ROW, 0, &f.tree) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	tree_free(f->tree);
	drive_cache_give(f->known, f->drive);
	drive_cache_free(f->known);
	return 0;
}

static struct tree_node node(uint32_t n, uint32_t mode, int64_t allocated)
{
	return (struct tree_node){.item = {.id = ITEM_ID(DRIVE, n),
					  .parent = FOLDER,
					  .name = SPAN_LITERAL("name"),
					  .mode = mode,
					  .nlink = 1,
					  .allocated = allocated}};
}

/* Puts into the cache: the folder, and in it an empty file `there`; `absent` is known to be missing. */
static void fill(struct fixture *f)
{
	const struct tree_node root = node(1, S_IFDIR | 0755, 0), file = node(7, S_IFREG | 0644, 0);

	drive_cache_found(f->drive, &ROW);
	drive_cache_node(f->drive, &root);
	drive_cache_node(f->drive, &file);
	drive_cache_entry(f->drive, FOLDER, SPAN_LITERAL("there"), file.item.id);
	drive_cache_entry(f->drive, FOLDER, SPAN_LITERAL("absent"), 0);
}

static bool loads(struct fixture *f, const struct tree_wants *wants, bool *ret_assumed)
{
	bool assumed = false;
	bool known = drive_cache_load(f->drive, wants, f->tree, &assumed);

	if (ret_assumed)
		*ret_assumed = assumed;
	return known;
}

static bool loads_name(struct fixture *f, const char *text, bool fresh, bool *ret_assumed)
{
	int64_t folder = FOLDER;
	struct tree_name name = {.parent = FOLDER, .name = span_str(text), .fresh = fresh};
	const struct tree_wants wants = {.nodes = &folder, .node_count = 1, .names = &name, .name_count = 1};

	return loads(f, &wants, ret_assumed);
}

static void the_cache_knows_present_and_absent_names_but_no_others(void **state)
{
	struct fixture *f = *state;
	bool assumed;

	fill(f);
	assert_true(loads_name(f, "there", false, &assumed));
	assert_false(assumed);
	assert_true(loads_name(f, "absent", true, &assumed));
	assert_false(assumed);
	assert_false(loads_name(f, "other", false, NULL));
}

static void a_fresh_uncached_name_is_loaded_as_free_and_flagged_as_assumed(void **state)
{
	struct fixture *f = *state;
	bool assumed;

	fill(f);
	assert_true(loads_name(f, "other", true, &assumed));
	assert_true(assumed);
}

static void loading_fails_if_the_folder_or_the_root_is_not_cached(void **state)
{
	struct fixture *f = *state;
	int64_t nodes[] = {ITEM_ID(DRIVE, 50)};
	struct tree_name name = {.parent = nodes[0], .name = SPAN_LITERAL("x"), .fresh = true};
	struct tree_wants wants = {.nodes = nodes, .node_count = 1, .names = &name, .name_count = 1};

	fill(f);
	assert_false(loads(f, &wants, NULL));
	drive_cache_found(f->drive, &(struct tree_drive){.id = DRIVE, .seq = 11});
	nodes[0] = ITEM_ROOT(DRIVE);
	name.parent = ITEM_ID(DRIVE, 50);
	assert_false(loads(f, &wants, NULL));
}

static void the_cache_knows_the_content_of_empty_files_only(void **state)
{
	struct fixture *f = *state;
	const struct tree_node full = node(8, S_IFREG | 0644, 4096);
	struct tree_range range = {.node = ITEM_ID(DRIVE, 7), .from = 0, .to = 10};
	const struct tree_wants wants = {.ranges = &range, .range_count = 1};

	fill(f);
	drive_cache_node(f->drive, &full);
	assert_true(loads(f, &wants, NULL));
	range.node = full.item.id;
	assert_false(loads(f, &wants, NULL));
}

static void blocks_and_user_xattrs_are_never_loaded_from_the_cache(void **state)
{
	struct fixture *f = *state;
	uint8_t hash[1][32] = {{1}};
	struct tree_name xattr = {.parent = ITEM_ID(DRIVE, 7), .name = SPAN_LITERAL("user.a")};

	fill(f);
	assert_false(loads(f, &(struct tree_wants){.blocks = hash, .block_count = 1}, NULL));
	assert_false(loads(f, &(struct tree_wants){.xattrs = &xattr, .xattr_count = 1}, NULL));
}

static void the_cache_knows_that_a_bare_document_has_no_capability(void **state)
{
	struct fixture *f = *state;
	struct tree_node dressed = node(9, S_IFREG | 0755, 0), bare = node(10, S_IFREG | 0755, 0);
	struct tree_name xattr = {.parent = dressed.item.id, .name = SPAN_LITERAL("security.capability")};
	const struct tree_wants wants = {.xattrs = &xattr, .xattr_count = 1};

	fill(f);
	dressed.item.bare = false;
	bare.item.bare = true;
	drive_cache_node(f->drive, &dressed);
	assert_false(loads(f, &wants, NULL));
	xattr.parent = bare.item.id;
	assert_false(loads(f, &wants, NULL)); /* nothing is known of this document yet */
	drive_cache_node(f->drive, &bare);
	assert_true(loads(f, &wants, NULL));
}

static void ancestors_are_loaded_only_if_all_up_to_the_root_are_cached(void **state)
{
	struct fixture *f = *state;
	struct tree_node upper = node(20, S_IFDIR | 0755, 0), lower = node(21, S_IFDIR | 0755, 0);
	int64_t ancestor = ITEM_ID(DRIVE, 21);
	const struct tree_wants wants = {.ancestors = &ancestor, .ancestor_count = 1};

	fill(f);
	lower.item.parent = upper.item.id;
	drive_cache_node(f->drive, &lower);
	assert_false(loads(f, &wants, NULL));
	drive_cache_node(f->drive, &upper);
	assert_true(loads(f, &wants, NULL));
}

static void a_changed_drive_row_empties_the_cache_and_pauses_guesses(void **state)
{
	struct fixture *f = *state;
	struct tree_drive moved = ROW;
	struct tree_delta delta = {.drive = ROW};

	fill(f);
	drive_cache_committed(f->drive, &delta, NULL);
	assert_true(drive_cache_is_sure(f->drive));
	moved.epoch++;
	drive_cache_found(f->drive, &moved);
	assert_false(loads_name(f, "there", false, NULL));
	for (unsigned i = 0; i < DRIVE_CACHE_PAUSE; i++) {
		delta.drive = moved;
		drive_cache_committed(f->drive, &delta, NULL);
		assert_false(drive_cache_is_sure(f->drive));
		drive_cache_found(f->drive, &moved);
	}
	drive_cache_committed(f->drive, &delta, NULL);
	assert_true(drive_cache_is_sure(f->drive));
}

static void an_unchanged_drive_row_keeps_the_cached_names(void **state)
{
	struct fixture *f = *state;

	fill(f);
	drive_cache_found(f->drive, &ROW);
	assert_true(loads_name(f, "there", false, NULL));
	assert_false(drive_cache_is_sure(f->drive));
}

static void drive_cache_forget_removes_names_that_a_broken_load_marked_absent(void **state)
{
	struct fixture *f = *state;
	struct tree_name name = {.parent = FOLDER, .name = SPAN_LITERAL("there")};
	bool assumed;

	fill(f);
	drive_cache_wanted(f->drive, &(struct tree_wants){.names = &name, .name_count = 1});
	assert_true(loads_name(f, "there", true, &assumed));
	assert_false(assumed);
	drive_cache_forget(f->drive);
	assert_false(loads_name(f, "there", false, NULL));
	assert_false(drive_cache_is_sure(f->drive));
}

static void committed_rows_are_loaded_from_the_cache(void **state)
{
	struct fixture *f = *state;
	const struct tree_node made = node(30, S_IFREG | 0600, 0);
	const struct tree_node *created[] = {&made};
	const struct tree_entry added = {FOLDER, made.item.id, SPAN_LITERAL("made")},
				removed = {FOLDER, ITEM_ID(DRIVE, 7), SPAN_LITERAL("there")};
	const struct tree_delta delta = {.drive = {.id = DRIVE, .seq = 12},
		.created = created,
		.created_count = 1,
		.added_entries = &added,
		.added_entry_count = 1,
		.removed_entries = &removed,
		.removed_entry_count = 1};
	const struct cached_session session = {.id = 3, .user = 1, .number = 9};
	bool assumed;

	fill(f);
	drive_cache_committed(f->drive, &delta, &session);
	assert_true(loads_name(f, "made", false, NULL));
	assert_true(loads_name(f, "there", true, &assumed));
	assert_false(assumed);
	assert_int_equal(drive_cache_row(f->drive)->seq, 12);
	assert_int_equal(drive_cache_peek_session(f->drive)->number, 9);
	drive_cache_doubt(f->drive);
	assert_false(drive_cache_is_sure(f->drive));
}

static void an_orphan_is_removed_from_the_cache(void **state)
{
	struct fixture *f = *state;
	struct tree_node orphan = node(7, S_IFREG | 0644, 0);
	int64_t id = orphan.item.id;

	fill(f);
	orphan.orphan = true;
	drive_cache_node(f->drive, &orphan);
	assert_false(loads(f, &(struct tree_wants){.nodes = &id, .node_count = 1}, NULL));
}

static void a_cached_drive_cannot_be_taken_twice_at_a_time(void **state)
{
	struct fixture *f = *state;

	assert_null(drive_cache_take(f->known, DRIVE));
	struct cached_drive *other = drive_cache_take(f->known, DRIVE + 1);
	assert_non_null(other);
	drive_cache_give(f->known, other);
}

static void the_oldest_cached_names_of_a_drive_are_evicted_above_its_limit(void **state)
{
	struct fixture *f = *state;
	char name[NAME_BYTES_MAX + 1];

	fill(f);
	memset(name, 'n', sizeof(name));
	for (int i = 0; i < 40000; i++) {
		(void)snprintf(name, sizeof(name), "%0200d", i);
		drive_cache_entry(f->drive, FOLDER, span_str(name), 0);
	}
	assert_false(loads_name(f, "there", false, NULL));
	drive_cache_node(
		f->drive, &(struct tree_node){.item = {.id = FOLDER, .parent = FOLDER, .mode = S_IFDIR | 0755}});
	assert_true(loads_name(f, name, false, NULL));
}

static void the_least_recently_used_drives_are_evicted_above_the_limit(void **state)
{
	struct fixture *f = *state;
	const unsigned drives = DRIVE_CACHE_BYTES_MAX / DRIVE_CACHE_DRIVE_BYTES_MAX + 4;
	char name[NAME_BYTES_MAX + 1];

	for (unsigned d = 1; d <= drives; d++) {
		struct cached_drive *drive = drive_cache_take(f->known, DRIVE + d);

		for (int i = 0; i < 36000; i++) {
			(void)snprintf(name, sizeof(name), "%0200d", i);
			drive_cache_entry(drive, ITEM_ROOT(DRIVE + d), span_str(name), 0);
		}
		const struct tree_delta delta = {.drive = {.id = DRIVE + d}};
		drive_cache_committed(drive, &delta, NULL);
		drive_cache_give(f->known, drive);
	}
	struct cached_drive *first = drive_cache_take(f->known, DRIVE + 1),
			    *last = drive_cache_take(f->known, DRIVE + drives);
	assert_false(drive_cache_is_sure(first));
	assert_true(drive_cache_is_sure(last));
	drive_cache_give(f->known, first);
	drive_cache_give(f->known, last);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_cache_knows_present_and_absent_names_but_no_others),
		CASE(a_fresh_uncached_name_is_loaded_as_free_and_flagged_as_assumed),
		CASE(loading_fails_if_the_folder_or_the_root_is_not_cached),
		CASE(the_cache_knows_the_content_of_empty_files_only),
		CASE(blocks_and_user_xattrs_are_never_loaded_from_the_cache),
		CASE(the_cache_knows_that_a_bare_document_has_no_capability),
		CASE(ancestors_are_loaded_only_if_all_up_to_the_root_are_cached),
		CASE(a_changed_drive_row_empties_the_cache_and_pauses_guesses),
		CASE(an_unchanged_drive_row_keeps_the_cached_names),
		CASE(drive_cache_forget_removes_names_that_a_broken_load_marked_absent),
		CASE(committed_rows_are_loaded_from_the_cache),
		CASE(an_orphan_is_removed_from_the_cache),
		CASE(a_cached_drive_cannot_be_taken_twice_at_a_time),
		CASE(the_oldest_cached_names_of_a_drive_are_evicted_above_its_limit),
		CASE(the_least_recently_used_drives_are_evicted_above_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
