#include "tests/unit/fusefs/names/listing_fixture.h"

#include "common/base/clock.h"

static void a_listing_has_all_entries_in_order_at_stable_offsets(void **state)
{
	struct fixture *f = *state;
	struct listing_entry entry;
	struct listing *l;

	core_lock(&f->fs->core);
	l = listing_open(&f->fs->names, &f->fs->core, f->root);
	assert_int_equal(read_all(f, l), FILES);
	assert_int_equal(at(f, l, 3, &entry), 1);
	assert_true(span_eq_str(entry.name, "file-0003"));
	assert_int_equal(at(f, l, FILES, &entry), 0);
	listing_close(l);
	core_unlock(&f->fs->core);
}

static void a_folder_is_complete_after_it_was_listed_to_its_end(void **state)
{
	struct fixture *f = *state;
	struct inode *inode = NULL;
	struct listing *l;

	core_lock(&f->fs->core);
	assert_int_equal(names_find(&f->fs->names, f->root->id, span_str("file-0001"), &inode), NAME_UNKNOWN);
	l = listing_open(&f->fs->names, &f->fs->core, f->root);
	(void)read_all(f, l);
	listing_close(l);
	assert_true(inode_is_complete(f->root));
	assert_int_equal(names_find(&f->fs->names, f->root->id, span_str("file-0001"), &inode), NAME_PRESENT);
	assert_true(inode_valid(inode));
	assert_int_equal(names_find(&f->fs->names, f->root->id, span_str("nothing"), &inode), NAME_ABSENT);
	core_unlock(&f->fs->core);
}

static void an_unchanged_folder_is_listed_from_the_cache(void **state)
{
	struct fixture *f = *state;
	struct listing *l;
	uint64_t before;

	core_lock(&f->fs->core);
	refresh_root(f);
	l = listing_open(&f->fs->names, &f->fs->core, f->root);
	(void)read_all(f, l);
	listing_close(l);
	before = pages(f);
	l = listing_open(&f->fs->names, &f->fs->core, f->root);
	assert_int_equal(read_all(f, l), FILES);
	assert_int_equal(pages(f), before);
	listing_close(l);
	core_unlock(&f->fs->core);
}

static void a_name_made_by_another_mount_is_unknown_and_listed_after_a_rewind(void **state)
{
	struct fixture *f = *state;
	struct inode *inode = NULL;
	struct listing_entry entry;
	struct listing *l;
	int64_t seq;

	core_lock(&f->fs->core);
	refresh_root(f);
	l = listing_open(&f->fs->names, &f->fs->core, f->root);
	(void)read_all(f, l);
	seq = create(f, "file-0700");
	announce(f, "file-0700", seq);
	assert_int_equal(names_find(&f->fs->names, f->root->id, span_str("file-0700"), &inode), NAME_UNKNOWN);
	assert_int_equal(names_find(&f->fs->names, f->root->id, span_str("other"), &inode), NAME_ABSENT);
	assert_int_equal(at(f, l, FILES, &entry), 0); /* an open listing stays as it was when it was read */
	l = listing_rewind(l);
	assert_int_equal(read_all(f, l), FILES + 1);
	listing_close(l);
	core_unlock(&f->fs->core);
}

static void a_listing_that_began_before_a_change_does_not_make_its_folder_complete(void **state)
{
	struct fixture *f = *state;
	struct inode *inode = NULL;
	struct listing_entry entry;
	const struct fault_rule held = {.call = FAULT_CHILDREN, .kind = FAULT_HOLD, .nth = 2};
	struct listing *l;

	fault_add(f->store, &held);
	core_lock(&f->fs->core);
	l = listing_open(&f->fs->names, &f->fs->core, f->root);
	assert_int_equal(at(f, l, 0, &entry), 1);
	assert_int_equal(fault_wait_held(f->store, FAULT_CHILDREN, 1, WAIT_MS), 0);
	announce(f, "aaaa", 1000000); /* a position later than that of any page */
	assert_int_equal(fault_release(f->store, FAULT_CHILDREN), 1);
	assert_int_equal(read_all(f, l), FILES);
	assert_false(inode_is_complete(f->root));
	assert_int_equal(names_find(&f->fs->names, f->root->id, span_str("aaaa"), &inode), NAME_UNKNOWN);
	listing_close(l);
	core_unlock(&f->fs->core);
}

static void a_page_requested_before_a_journal_reset_is_not_cached(void **state)
{
	struct fixture *f = *state;
	const struct store_changes reset = {.reset = true, .last = {.seq = 1000000}};
	const struct fault_rule held = {.call = FAULT_CHILDREN, .kind = FAULT_HOLD, .nth = 2};
	struct inode *inode = NULL;
	struct listing_entry entry;
	struct listing *l;

	fault_add(f->store, &held);
	core_lock(&f->fs->core);
	l = listing_open(&f->fs->names, &f->fs->core, f->root);
	assert_int_equal(at(f, l, 0, &entry), 1);
	assert_int_equal(fault_wait_held(f->store, FAULT_CHILDREN, 1, WAIT_MS), 0);
	core_unlock(&f->fs->core);
	fs_on_changes(f->fs, &reset, clock_boot_ns());
	core_lock(&f->fs->core);
	assert_int_equal(fault_release(f->store, FAULT_CHILDREN), 1);
	assert_int_equal(read_all(f, l), FILES);
	assert_int_equal(names_find(&f->fs->names, f->root->id, span_str("file-0650"), &inode), NAME_UNKNOWN);
	listing_close(l);
	core_unlock(&f->fs->core);
}

static void a_listing_older_than_the_attributes_of_its_folder_is_not_kept(void **state)
{
	struct fixture *f = *state;
	struct listing_entry entry;
	const struct fault_rule held = {.call = FAULT_CHILDREN, .kind = FAULT_HOLD, .nth = 2};
	struct listing *l;
	int64_t seq;

	fault_add(f->store, &held);
	core_lock(&f->fs->core);
	l = listing_open(&f->fs->names, &f->fs->core, f->root);
	assert_int_equal(at(f, l, 0, &entry), 1);
	assert_int_equal(fault_wait_held(f->store, FAULT_CHILDREN, 1, WAIT_MS), 0);
	seq = create(f, "file-"); /* its place is on the page that has come already */
	refresh_root(f);	  /* … and the attributes include it before the journal does */
	assert_int_equal(f->root->attr.content_seq, seq);
	assert_int_equal(fault_release(f->store, FAULT_CHILDREN), 1);
	assert_int_equal(read_all(f, l), FILES);
	listing_close(l);
	announce(f, "file-", seq);
	l = listing_open(&f->fs->names, &f->fs->core, f->root);
	assert_int_equal(at(f, l, 0, &entry), 1);
	assert_true(span_eq_str(entry.name, "file-"));
	listing_close(l);
	core_unlock(&f->fs->core);
}

static void a_change_of_a_document_keeps_its_name_and_the_folder_attributes_cached(void **state)
{
	static const enum op_kind kinds[] = {OP_WRITE, OP_SETATTR, OP_SETXATTR, OP_REMOVEXATTR, OP_CLONE};
	struct fixture *f = *state;
	struct inode *inode = NULL;
	struct listing *l;

	core_lock(&f->fs->core);
	refresh_root(f);
	l = listing_open(&f->fs->names, &f->fs->core, f->root);
	(void)read_all(f, l);
	listing_close(l);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		announce_op(f, kinds[i], "file-0001");
		assert_int_equal(names_find(&f->fs->names, f->root->id, span_str("file-0001"), &inode), NAME_PRESENT);
		assert_true(inode_valid(f->root));
	}
	announce_op(f, OP_KINDS, "file-0001"); /* a kind of a newer store: it may have changed anything */
	assert_int_equal(names_find(&f->fs->names, f->root->id, span_str("file-0001"), &inode), NAME_UNKNOWN);
	assert_false(inode_valid(f->root));
	core_unlock(&f->fs->core);
}

static void a_listing_can_be_closed_while_its_first_page_is_in_flight(void **state)
{
	struct fixture *f = *state;
	struct listing *l;

	core_lock(&f->fs->core);
	l = listing_open(&f->fs->names, &f->fs->core, f->root);
	listing_close(l); /* while its first page is in flight */
	core_unlock(&f->fs->core);
}

static void repeated_misses_of_names_in_a_folder_fetch_the_whole_folder(void **state)
{
	struct fixture *f = *state;
	uint64_t before = pages(f);

	core_lock(&f->fs->core);
	for (unsigned i = 0; i < LISTING_MISSES; i++) {
		assert_int_equal(pages(f), before);
		listing_missed(&f->fs->names, &f->fs->core, f->root);
	}
	for (int i = 0; i < WAIT_MS && !inode_is_complete(f->root); i++) {
		/* This request is behind the page: when it is answered, the page has come, too. */
		refresh_root(f);
	}
	assert_true(inode_is_complete(f->root));
	core_unlock(&f->fs->core);
}

/* -- from what is known -- */

static void a_folder_made_by_this_mount_is_listed_without_asking_the_store(void **state)
{
	struct fixture *f = *state;
	struct inode *folder;

	core_lock(&f->fs->core);
	folder = make_folder(f);
	assert_listed(f, folder, "", 0);
	(void)make_file(f, folder, "b");
	(void)make_file(f, folder, "a");
	assert_listed(f, folder, "a b ", 0);
	(void)remove_file(f, folder, "a");
	assert_listed(f, folder, "b ", 0);
	chmod_file(f, folder, "b");
	assert_listed(f, folder, "b ", 0);
	inode_unref(folder);
	core_unlock(&f->fs->core);
}

static void a_listing_from_cached_names_has_the_order_of_the_store(void **state)
{
	const char *const names[] = {"b", "a.c", "\xff", "a", "B", "ab", "a\x01", "\xc3\xa4", "a-"};
	char known[TEXT_MAX], asked[TEXT_MAX];
	struct fixture *f = *state;
	struct inode *folder;
	struct listing *l;

	core_lock(&f->fs->core);
	folder = make_folder(f);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		(void)make_file(f, folder, names[i]);
	inode_unref(make(f, folder, "aa", S_IFDIR | 0755));
	l = listing_open(&f->fs->names, &f->fs->core, folder);
	read_text(f, l, known);
	listing_close(l);
	assert_int_equal(pages(f), 0);
	folder->complete = false;
	l = listing_open(&f->fs->names, &f->fs->core, folder);
	read_text(f, l, asked);
	listing_close(l);
	assert_int_equal(pages(f), 1);
	assert_string_equal(known, asked);
	inode_unref(folder);
	core_unlock(&f->fs->core);
}

static void after_a_foreign_change_of_one_name_the_store_is_asked_for_the_listing(void **state)
{
	struct fixture *f = *state;
	struct inode *folder;

	core_lock(&f->fs->core);
	folder = make_folder(f);
	(void)make_file(f, folder, "mine");
	announce_in(f, folder->id, "theirs", create_in(f, folder->id, "theirs"));
	(void)make_file(f, folder, "next"); /* the answer has the new attributes of the folder */
	assert_true(inode_valid(folder));
	assert_listed(f, folder, "mine next theirs ", 1);
	(void)make_file(f, folder, "last");
	others_are_over(f, folder);
	assert_listed(f, folder, "last mine next theirs ", 0); /* what the store listed is cached as well */
	inode_unref(folder);
	core_unlock(&f->fs->core);
}

static void during_foreign_changes_in_a_folder_every_listing_asks_the_store(void **state)
{
	struct fixture *f = *state;
	struct inode *folder;

	core_lock(&f->fs->core);
	folder = make_folder(f);
	(void)make_file(f, folder, "mine");
	follow_up_to(f, create_in(f, folder->id, "first"));
	folder->complete = false;
	assert_listed(f, folder, "first mine ", 1);
	assert_listed(f, folder, "first mine ", 0);
	announce_in(f, folder->id, "second", create_in(f, folder->id, "second"));
	follow_up_to(f, make_file(f, folder, "next")); /* the answer has the new attributes of the folder */
	assert_listed(f, folder, "first mine next second ", 1);
	(void)create_in(f, folder->id, "third"); /* this mount is not notified */
	assert_listed(f, folder, "first mine next second third ", 1);
	follow_up_to(f, make_file(f, folder, "zero"));
	others_are_over(f, folder);
	assert_listed(f, folder, "first mine next second third zero ", 0);
	inode_unref(folder);
	core_unlock(&f->fs->core);
}

static void with_other_mounts_a_new_folder_is_fetched_once_and_then_listed_from_cache(void **state)
{
	struct fixture *f = *state;
	struct inode *folder;

	core_lock(&f->fs->core);
	folder = make_folder(f);
	f->fs->core.others = true;
	(void)create_in(f, folder->id, "theirs"); /* this mount is not notified */
	(void)make_file(f, folder, "mine");
	assert_listed(f, folder, "mine theirs ", 1);
	assert_listed(f, folder, "mine theirs ", 0);
	inode_unref(folder);
	core_unlock(&f->fs->core);
}

static void a_late_journal_entry_ends_the_use_of_a_cached_listing(void **state)
{
	struct fixture *f = *state;
	struct inode *folder;
	int64_t theirs;

	core_lock(&f->fs->core);
	folder = make_folder(f);
	theirs = create_in(f, folder->id, "theirs");
	(void)make_file(f, folder, "mine"); /* a later change: the folder's attributes stay valid */
	assert_listed(f, folder, "mine ", 0);
	announce_in(f, folder->id, "theirs", theirs);
	assert_true(inode_valid(folder));
	assert_listed(f, folder, "mine theirs ", 1);
	inode_unref(folder);
	core_unlock(&f->fs->core);
}

static void a_listing_is_cached_while_the_journal_has_been_followed_to_its_position(void **state)
{
	struct fixture *f = *state;
	struct inode *folder;
	struct listing *l;

	core_lock(&f->fs->core);
	folder = make_folder(f);
	follow_up_to(f, make_file(f, folder, "a"));
	l = listing_open(&f->fs->names, &f->fs->core, folder);
	assert_ptr_equal(folder->listing, l);
	assert_ptr_equal(listing_open(&f->fs->names, &f->fs->core, folder), l);
	listing_close(l);
	listing_close(l);
	(void)make_file(f, folder, "b");
	assert_listed(f, folder, "a b ", 0);
	assert_non_null(folder->listing); /* the last change was our own, and so is the next */
	f->fs->core.view.grace_ns = 0;
	(void)create_in(f, folder->id, "theirs");
	(void)make_file(f, folder, "c");
	assert_listed(
		/* Another mount made a change before ours, and the journal has not reported it yet. */
		f, folder, "a b c theirs ", 1);
	inode_unref(folder);
	core_unlock(&f->fs->core);
}

static void an_open_listing_does_not_change_until_it_is_rewound(void **state)
{
	struct fixture *f = *state;
	struct listing_entry entry;
	char names[TEXT_MAX];
	struct inode *folder;
	struct listing *l;

	core_lock(&f->fs->core);
	folder = make_folder(f);
	(void)make_file(f, folder, "b");
	(void)make_file(f, folder, "c");
	l = listing_open(&f->fs->names, &f->fs->core, folder);
	assert_int_equal(at(f, l, 0, &entry), 1);
	(void)make_file(f, folder, "a");
	(void)remove_file(f, folder, "c");
	assert_int_equal(at(f, l, 2, &entry), 0);
	assert_int_equal(at(f, l, 1, &entry), 1);
	assert_true(span_eq_str(entry.name, "c"));
	assert_int_equal(at(f, l, 0, &entry), 1);
	assert_true(span_eq_str(entry.name, "b"));
	l = listing_rewind(l);
	read_names(f, l, names);
	assert_string_equal(names, "a b ");
	assert_int_equal(pages(f), 0);
	listing_close(l);
	inode_unref(folder);
	core_unlock(&f->fs->core);
}

static void a_folder_with_too_many_cached_absent_names_is_listed_by_the_store(void **state)
{
	struct fixture *f = *state;
	struct inode *folder;
	char name[32];

	core_lock(&f->fs->core);
	folder = make_folder(f);
	(void)make_file(f, folder, "file");
	for (int i = 0; i < (int)LISTING_RECALL_MAX; i++) {
		if (i == 500 || i == (int)LISTING_RECALL_MAX - 1)
			assert_listed(f, folder, "file ", 0);
		name_of(i, name, sizeof(name));
		names_learn(&f->fs->names, folder->id, span_str(name), NULL, folder->seen);
	}
	assert_listed(f, folder, "file ", 1);
	inode_unref(folder);
	core_unlock(&f->fs->core);
}

static void a_folder_is_listed_by_the_store_after_one_of_its_names_was_evicted(void **state)
{
	struct fixture *f = *state;
	struct inode *folder;

	core_lock(&f->fs->core);
	folder = make_folder(f);
	(void)make_file(f, folder, "a");
	(void)make_file(f, folder, "b");
	f->fs->names.max = 3; /* includes the name "made" of the folder, which is evicted first */
	(void)make_file(f, folder, "c");
	assert_listed(f, folder, "a b c ", 0);
	(void)make_file(f, folder, "d");
	assert_listed(f, folder, "a b c d ", 1);
	inode_unref(folder);
	core_unlock(&f->fs->core);
}

static void while_the_journal_is_not_followed_every_listing_asks_the_store(void **state)
{
	struct fixture *f = *state;
	struct inode *folder, *other;
	int64_t seq;

	core_lock(&f->fs->core);
	folder = make_folder(f);
	seq = make_file(f, folder, "a");
	core_unlock(&f->fs->core);
	core_lock(&f->fs->core);
	f->fs->core.view.trusted_until_ns = 0; /* as if the journal had not been read for too long */
	core_unlock(&f->fs->core);
	core_lock(&f->fs->core);
	(void)make_file(f, folder, "b");
	assert_listed(f, folder, "a b ", 1);
	other = make(f, folder, "other", S_IFDIR | 0755);
	assert_listed(f, other, "", 1); /* all its names are cached, but may be out of date */
	follow_up_to(f, seq + 1);
	assert_listed(f, folder, "a b other ", 0); /* the journal goes on without a gap: all that is cached is valid */
	inode_unref(other);
	inode_unref(folder);
	core_unlock(&f->fs->core);
}

static void a_listing_asks_the_store_if_the_attributes_of_an_entry_are_not_valid(void **state)
{
	struct fixture *f = *state;
	struct inode *folder, *file;

	core_lock(&f->fs->core);
	folder = make_folder(f);
	file = make(f, folder, "a", S_IFREG | 0644);
	announce_change(f,
		&(struct store_change){
			.seq = create(f, "other"), .op = OP_SETATTR, .id = file->id, .attributes = true});
	assert_false(inode_valid(file));
	assert_listed(f, folder, "a ", 1);
	assert_true(inode_valid(file));
	inode_unref(file);
	inode_unref(folder);
	core_unlock(&f->fs->core);
}

static void a_folder_that_another_mount_changed_or_that_is_gone_is_listed_by_the_store(void **state)
{
	struct op gone = {.kind = OP_RMDIR, .parent = ITEM_ROOT(7), .name = SPAN_LITERAL("made")};
	struct fixture *f = *state;
	struct inode *folder;

	core_lock(&f->fs->core);
	folder = make_folder(f);
	announce_change(f,
		&(struct store_change){
			.seq = create(f, "other"), .op = OP_SETATTR, .id = folder->id, .attributes = true});
	assert_listed(f, folder, "", 1);
	inode_unref(folder);
	(void)send_op(f, &gone);
	folder = make_folder(f);
	(void)send_op(f, &gone);
	folder->orphan = true; /* as after an own rmdir, but nothing else has changed */
	assert_listed(f, folder, "", 1);
	inode_unref(folder);
	core_unlock(&f->fs->core);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, listing_setup, listing_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_listing_has_all_entries_in_order_at_stable_offsets),
		CASE(a_folder_is_complete_after_it_was_listed_to_its_end),
		CASE(an_unchanged_folder_is_listed_from_the_cache),
		CASE(a_name_made_by_another_mount_is_unknown_and_listed_after_a_rewind),
		CASE(a_listing_that_began_before_a_change_does_not_make_its_folder_complete),
		CASE(a_page_requested_before_a_journal_reset_is_not_cached),
		CASE(a_listing_older_than_the_attributes_of_its_folder_is_not_kept),
		CASE(a_change_of_a_document_keeps_its_name_and_the_folder_attributes_cached),
		CASE(a_listing_can_be_closed_while_its_first_page_is_in_flight),
		CASE(repeated_misses_of_names_in_a_folder_fetch_the_whole_folder),
		CASE(a_folder_made_by_this_mount_is_listed_without_asking_the_store),
		CASE(a_listing_from_cached_names_has_the_order_of_the_store),
		CASE(after_a_foreign_change_of_one_name_the_store_is_asked_for_the_listing),
		CASE(during_foreign_changes_in_a_folder_every_listing_asks_the_store),
		CASE(with_other_mounts_a_new_folder_is_fetched_once_and_then_listed_from_cache),
		CASE(a_late_journal_entry_ends_the_use_of_a_cached_listing),
		CASE(a_listing_is_cached_while_the_journal_has_been_followed_to_its_position),
		CASE(an_open_listing_does_not_change_until_it_is_rewound),
		CASE(a_folder_with_too_many_cached_absent_names_is_listed_by_the_store),
		CASE(a_folder_is_listed_by_the_store_after_one_of_its_names_was_evicted),
		CASE(while_the_journal_is_not_followed_every_listing_asks_the_store),
		CASE(a_listing_asks_the_store_if_the_attributes_of_an_entry_are_not_valid),
		CASE(a_folder_that_another_mount_changed_or_that_is_gone_is_listed_by_the_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
