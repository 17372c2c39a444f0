#include "tests/unit/fusefs/ops/talk_fixture.h"

#include "common/base/error.h"
#include "fusefs/ops/device.h"

#include <fcntl.h>
#include <stdlib.h>

/* Requests about a node: LOOKUP, FORGET, GETATTR, STATX, SETATTR, READLINK, STATFS. */

/* -- LOOKUP -- */

static void a_second_lookup_of_a_name_is_answered_from_the_cache(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t id = (uint64_t)talk_make_elsewhere(f, "a", S_IFREG | 0644);
	uint64_t lookups;

	assert_int_equal(fake_entry(k, fake_lookup(k, ROOT, "a"))->nodeid, id);
	lookups = talk_counts(f).lookups;
	assert_int_equal(fake_entry(k, fake_lookup(k, ROOT, "a"))->nodeid, id);
	assert_int_equal(talk_counts(f).lookups, lookups);
}

static void a_second_lookup_of_an_absent_name_is_answered_from_the_cache(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	uint64_t lookups;

	(void)talk_make_file(f, ROOT, "other"); /* so that a position of the drive is known */
	assert_true(fake_is_absent(k, fake_lookup(k, ROOT, "a")));
	lookups = talk_counts(f).lookups;
	assert_true(fake_is_absent(k, fake_lookup(k, ROOT, "a")));
	assert_int_equal(talk_counts(f).lookups, lookups);
}

static void the_kernel_may_keep_absent_names_while_no_other_mount_uses_the_drive(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;

	(void)talk_make_file(f, ROOT, "other"); /* so that a position of the drive is known */
	for (int i = 0; i < 2; i++) {
		const struct fuse_entry_out *entry = fake_entry(k, fake_lookup(k, ROOT, "a"));

		assert_int_equal(entry->nodeid, 0);
		assert_true(entry->entry_valid > 0);
	}
}

static void the_kernel_may_keep_no_entries_while_other_mounts_use_the_drive(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const struct fuse_entry_out *entry;

	(void)talk_make_file(f, ROOT, "a");
	entry = fake_entry(k, fake_lookup(k, ROOT, "a"));
	assert_int_equal(entry->entry_valid, 0);
	assert_int_equal(entry->attr_valid, 0);
	assert_int_equal(fake_error(k, fake_lookup(k, ROOT, "b")), ENOENT);
}

static void the_kernel_may_keep_found_names_while_no_other_mount_uses_the_drive(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const struct fuse_entry_out *entry;

	(void)talk_make_file(f, ROOT, "a");
	entry = fake_entry(k, fake_lookup(k, ROOT, "a"));
	assert_true(entry->entry_valid > 0);
	assert_true(entry->attr_valid > 0);
}

static void a_lookup_in_a_folder_that_does_not_exist_finds_nothing(void **state)
{
	struct fixture *f = *state;

	assert_true(fake_is_absent(&f->kernel, fake_lookup(&f->kernel, NO_SUCH_NODE, "a")));
}

static void a_lookup_of_an_invalid_name_is_refused_without_asking_the_store(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t lookups = talk_counts(f).lookups;
	char name[257];

	memset(name, 'n', 256);
	name[256] = '\0';
	assert_int_equal(fake_error(k, fake_lookup(k, ROOT, name)), ENAMETOOLONG);
	assert_int_equal(fake_error(k, fake_lookup(k, ROOT, "")), EINVAL);
	assert_int_equal(fake_error(k, fake_lookup(k, ROOT, "a/b")), EINVAL);
	assert_int_equal(talk_counts(f).lookups, lookups);
}

static void an_error_of_the_store_becomes_the_errno_of_a_lookup_and_is_not_cached(void **state)
{
	static const struct {
		int error, heard;
	} cases[] = {{-ERR_NO_GATEWAY, EIO}, {-ERR_FORBIDDEN, EPERM}};
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;

	(void)talk_make_elsewhere(f, "a", S_IFREG | 0644);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		talk_fault(f, FAULT_LOOKUP, FAULT_FAIL, cases[i].error, 0);
		assert_int_equal(fake_error(k, fake_lookup(k, ROOT, "a")), cases[i].heard);
		fault_clear(f->store);
	}
	(void)fake_entry(k, fake_lookup(k, ROOT, "a"));
}

static void a_signal_does_not_end_a_lookup(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	uint64_t asked;

	(void)talk_make_elsewhere(f, "a", S_IFREG | 0644);
	talk_hold(f, FAULT_LOOKUP);
	asked = fake_lookup(k, ROOT, "a");
	talk_wait_held(f, FAULT_LOOKUP, 1);
	fake_interrupt(k, asked);
	talk_age(f, 20 * NS_PER_S);
	assert_false(fake_is_answered(k, asked));
	talk_let_go(f, FAULT_LOOKUP);
	(void)fake_entry(k, asked);
}

static void a_lookup_fails_with_eio_when_the_store_is_silent_for_an_outage(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	uint64_t asked;

	talk_hold(f, FAULT_LOOKUP);
	asked = fake_lookup(k, ROOT, "a");
	talk_wait_held(f, FAULT_LOOKUP, 1);
	talk_age(f, STORE_OUTAGE_NS + NS_PER_S);
	assert_int_equal(fake_error(k, asked), EIO);
}

static void a_lookup_of_a_dying_caller_ends_at_once(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	uint64_t asked;

	talk_hold(f, FAULT_LOOKUP);
	k->pid = DEAD_PID;
	asked = fake_lookup(k, ROOT, "a");
	talk_wait_held(f, FAULT_LOOKUP, 1);
	fake_interrupt(k, asked);
	assert_int_equal(fake_error(k, asked), EINTR);
}

static void a_lookup_whose_answer_the_kernel_did_not_get_is_not_counted(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const int64_t id = talk_make_elsewhere(f, "a", S_IFREG | 0644);

	talk_hold(f, FAULT_LOOKUP);
	(void)fake_lookup(k, ROOT, "a");
	talk_wait_held(f, FAULT_LOOKUP, 1);
	fake_hang_up(k);
	talk_let_go(f, FAULT_LOOKUP);
	talk_wait_quiet(f);
	assert_int_equal(talk_lookups(f, (uint64_t)id), 0);
}

/* -- FORGET -- */

static void a_node_is_referenced_until_the_kernel_forgets_its_last_lookup(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	(void)fake_entry(k, fake_lookup(k, ROOT, "a"));
	assert_int_equal(talk_lookups(f, file), 2);
	fake_forget(k, file, 1);
	assert_int_equal(talk_lookups(f, file), 1);
	fake_forget(k, file, 1);
	assert_int_equal(talk_lookups(f, file), 0);
}

static void a_forget_of_more_lookups_than_were_made_forgets_all_of_them(void **state)
{
	struct fixture *f = *state;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	fake_forget(&f->kernel, file, UINT64_MAX);
	assert_int_equal(talk_lookups(f, file), 0);
	fake_forget(&f->kernel, file, 1);
	assert_int_equal(talk_lookups(f, file), 0);
}

static void a_batch_forget_forgets_several_nodes(void **state)
{
	struct fixture *f = *state;
	const uint64_t a = talk_make_file(f, ROOT, "a"), b = talk_make_file(f, ROOT, "b");
	struct {
		struct fuse_batch_forget_in in;
		struct fuse_forget_one list[3];
	} body = {{.count = 3}, {{a, 1}, {NO_SUCH_NODE, 7}, {b, 1}}};

	(void)fake_send(&f->kernel, FUSE_BATCH_FORGET, 0, &body, sizeof(body));
	assert_int_equal(talk_lookups(f, a), 0);
	assert_int_equal(talk_lookups(f, b), 0);
}

static void the_root_is_never_forgotten(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;

	fake_forget(k, ROOT, 1000);
	assert_true(S_ISDIR(fake_attr(k, fake_getattr(k, ROOT))->mode));
}

static void a_node_can_be_forgotten_while_its_attributes_are_fetched(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	uint64_t asked;

	talk_know_nothing(f);
	talk_hold(f, FAULT_ITEM);
	asked = fake_getattr(k, file);
	talk_wait_held(f, FAULT_ITEM, 1);
	fake_forget(k, file, 1);
	talk_let_go(f, FAULT_ITEM);
	assert_int_equal(fake_attr(k, asked)->ino, file);
}

/* -- GETATTR -- */

static void getattr_fetches_attributes_that_are_not_valid_once(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a"), items = talk_counts(f).items;

	talk_know_nothing(f);
	assert_int_equal(fake_attr(k, fake_getattr(k, file))->ino, file);
	assert_int_equal(fake_attr(k, fake_getattr(k, file))->mode, S_IFREG | 0644);
	assert_int_equal(talk_counts(f).items, items + 1);
}

static void concurrent_getattrs_of_one_file_share_one_request(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = (uint64_t)talk_make_elsewhere(f, "a", S_IFREG | 0640);
	const uint64_t items = talk_counts(f).items;
	uint64_t asked[3];

	talk_hold(f, FAULT_ITEM);
	for (int i = 0; i < 3; i++)
		asked[i] = fake_getattr(k, file);
	talk_wait_held(f, FAULT_ITEM, 1);
	talk_let_go(f, FAULT_ITEM);
	for (int i = 0; i < 3; i++)
		assert_int_equal(fake_attr(k, asked[i])->mode, S_IFREG | 0640);
	assert_int_equal(talk_counts(f).items, items + 1);
}

static void getattr_of_a_missing_document_fails_with_enoent(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fake_error(&f->kernel, fake_getattr(&f->kernel, NO_SUCH_NODE)), ENOENT);
}

static void a_failure_of_the_store_is_the_error_of_getattr(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = (uint64_t)talk_make_elsewhere(f, "a", S_IFREG | 0640);

	talk_fault(f, FAULT_ITEM, FAULT_FAIL, -EACCES, 1);
	assert_int_equal(fake_error(k, fake_getattr(k, file)), EACCES);
	(void)fake_attr(k, fake_getattr(k, file));
}

static void a_getattr_that_joined_an_outage_late_asks_the_store_again(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = (uint64_t)talk_make_elsewhere(f, "a", S_IFREG | 0640);
	uint64_t early, late;

	talk_hold(f, FAULT_ITEM);
	early = fake_getattr(k, file);
	talk_wait_held(f, FAULT_ITEM, 1);
	talk_age(f, STORE_OUTAGE_NS + NS_PER_S);
	assert_int_equal(fake_error(k, early), EIO);
	late = fake_getattr(k, file);
	talk_fail_held(f, FAULT_ITEM, -ERR_NO_GATEWAY);
	assert_int_equal(fake_attr(k, late)->mode, S_IFREG | 0640);
}

static void statx_returns_the_creation_time_of_a_document(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = (uint64_t)talk_make_elsewhere(f, "a", S_IFREG | 0640);
	const uint64_t in[3] = {0};
	const struct fake_answer *asked = fake_answer(k, fake_send(k, FAKE_STATX, file, in, sizeof(in)));
	const struct fake_answer *known = fake_answer(k, fake_send(k, FAKE_STATX, file, in, sizeof(in)));
	const struct device_statx *out = (const void *)asked->body;

	assert_int_equal(asked->error, 0);
	assert_int_equal(asked->size, sizeof(*out));
	assert_int_equal(out->ino, file);
	assert_true(out->mask & STATX_BTIME);
	assert_true(out->btime.sec > 0);
	assert_int_equal(known->size, sizeof(*out));
	assert_int_equal(fake_error(k, fake_send(k, FAKE_STATX, NO_SUCH_NODE, in, sizeof(in))), ENOENT);
}

static void a_statx_request_that_is_too_short_gets_enosys(void **state)
{
	struct fixture *f = *state;
	const uint32_t in = 0;

	assert_int_equal(fake_error(&f->kernel, fake_send(&f->kernel, FAKE_STATX, ROOT, &in, sizeof(in))), ENOSYS);
}

/* -- SETATTR -- */

static void setattr_sets_mode_owner_and_times(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	const struct fuse_attr *attr = fake_attr(k,
		fake_setattr(k, file,
			&(struct fuse_setattr_in){
				.valid = FATTR_MODE | FATTR_UID | FATTR_GID | FATTR_ATIME | FATTR_MTIME,
				.mode = S_IFREG | 0600,
				.uid = 5,
				.gid = 6,
				.atime = 7,
				.atimensec = 8,
				.mtime = 9,
				.mtimensec = 10}));

	assert_int_equal(attr->mode, S_IFREG | 0600);
	assert_int_equal(attr->uid, 5);
	assert_int_equal(attr->gid, 6);
	assert_int_equal(attr->atime, 7);
	assert_int_equal(attr->atimensec, 8);
	assert_int_equal(attr->mtime, 9);
	assert_int_equal(attr->mtimensec, 10);
}

static void setattr_sets_times_to_now(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	const struct fuse_setattr_in past = {.valid = FATTR_ATIME | FATTR_MTIME, .atime = 7, .mtime = 9};
	const struct fuse_setattr_in now = {
		.valid = FATTR_ATIME | FATTR_ATIME_NOW | FATTR_MTIME | FATTR_MTIME_NOW, .atime = 7, .mtime = 9};
	const struct fuse_attr *attr;

	assert_int_equal(fake_attr(k, fake_setattr(k, file, &past))->mtime, 9);
	attr = fake_attr(k, fake_setattr(k, file, &now));
	assert_true(attr->atime > 1000000000);
	assert_true(attr->mtime > 1000000000);
}

static void setattr_refuses_an_invalid_time_and_caps_one_in_the_far_future(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	const struct fuse_setattr_in far = {.valid = FATTR_ATIME, .atime = (uint64_t)INT64_MAX};
	const struct fuse_setattr_in wrong = {.valid = FATTR_MTIME, .mtime = 1, .mtimensec = 2000000000};

	assert_int_equal(fake_error(k, fake_setattr(k, file, &wrong)), EINVAL);
	assert_true(fake_attr(k, fake_setattr(k, file, &far))->atime >= CLOCK_SECONDS_MAX);
}

static void truncate_shortens_and_extends_a_file(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	const uint64_t handle = talk_open(f, file, O_RDWR);

	talk_write_text(f, handle, 0, "abcdef");
	assert_int_equal(fake_attr(k, fake_truncate(k, file, 3))->size, 3);
	talk_check_content(f, handle, "abc");
	assert_int_equal(fake_attr(k, fake_truncate(k, file, 5))->size, 5);
	fake_check_bytes(k, fake_read(k, handle, 0, 100), "abc\0\0", 5);
}

static void truncate_beyond_the_maximum_file_size_fails_with_efbig(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	assert_int_equal(fake_error(k, fake_truncate(k, file, FILE_BYTES_MAX + 1)), EFBIG);
	assert_int_equal(fake_error(k, fake_truncate(k, file, UINT64_MAX)), EFBIG);
}

static void truncate_of_a_folder_fails_with_eisdir(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;

	assert_int_equal(fake_error(k, fake_truncate(k, talk_make_folder(f, ROOT, "a"), 1)), EISDIR);
}

static void chmod_of_a_missing_document_fails_with_estale(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fake_error(&f->kernel, fake_chmod(&f->kernel, NO_SUCH_NODE, 0600)), ESTALE);
}

static void a_chmod_that_the_store_refuses_leaves_the_mode_unchanged(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	talk_fault(f, FAULT_BATCH, FAULT_REFUSE, -ERR_FORBIDDEN, 1);
	assert_int_equal(fake_error(k, fake_chmod(k, file, 0600)), EPERM);
	assert_int_equal(fake_attr(k, fake_getattr(k, file))->mode, S_IFREG | 0644);
}

static void a_setattr_without_fields_returns_the_attributes_and_sends_no_batch(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	const uint64_t batches = talk_counts(f).batches;

	assert_int_equal(
		fake_attr(k, fake_setattr(k, file, &(struct fuse_setattr_in){.valid = 0}))->mode, S_IFREG | 0644);
	assert_int_equal(talk_counts(f).batches, batches);
}

static void a_mount_that_shows_one_owner_refuses_chown_to_others(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	const struct fuse_setattr_in others = {.valid = FATTR_UID, .uid = OWNER + 1};
	const struct fuse_setattr_in group = {.valid = FATTR_GID, .gid = OWNER + 1};
	const struct fuse_setattr_in own = {.valid = FATTR_UID | FATTR_GID, .uid = OWNER, .gid = OWNER};

	assert_int_equal(fake_error(k, fake_setattr(k, file, &others)), EPERM);
	assert_int_equal(fake_error(k, fake_setattr(k, file, &group)), EPERM);
	assert_int_equal(fake_attr(k, fake_setattr(k, file, &own))->uid, OWNER);
}

static void the_mtime_of_an_append_only_file_can_only_be_set_to_now(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_protected(f, "a", ITEM_APPEND_ONLY);
	const struct fuse_setattr_in past = {.valid = FATTR_MTIME, .mtime = 9};
	const struct fuse_setattr_in now = {.valid = FATTR_MTIME | FATTR_MTIME_NOW};

	assert_int_equal(fake_error(k, fake_setattr(k, file, &past)), EPERM);
	assert_int_equal(fake_error(k, fake_setattr(k, file, &now)), 0);
}

static void a_chmod_to_the_current_mode_right_after_a_change_sends_no_batch(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	uint64_t batches;

	/* The second chmod may come later than a tick after the first. Then it is stored, and the loop tries
	 * again. */
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(fake_error(k, fake_chmod(k, file, 0600 + (uint32_t)(i & 7))), 0);
		batches = talk_counts(f).batches;
		assert_int_equal(fake_error(k, fake_chmod(k, file, 0600 + (uint32_t)(i & 7))), 0);
		if (talk_counts(f).batches == batches)
			return;
	}
	fail();
}

static void a_chmod_that_waits_for_another_chmod_is_stored_after_it(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	uint64_t first, second;

	talk_hold(f, FAULT_BATCH);
	first = fake_chmod(k, file, 0600);
	second = fake_chmod(k, file, 0644);
	talk_wait_held(f, FAULT_BATCH, 1);
	assert_false(fake_is_answered(k, second));
	talk_let_go(f, FAULT_BATCH);
	assert_int_equal(fake_attr(k, first)->mode, S_IFREG | 0600);
	assert_int_equal(fake_attr(k, second)->mode, S_IFREG | 0644);
}

static void a_chmod_by_a_name_that_another_mount_replaced_fails_with_estale(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	uint64_t file, theirs;

	(void)talk_make_elsewhere(f, "a", S_IFREG | 0644);
	file = fake_entry(k, fake_lookup(k, ROOT, "a"))->nodeid;
	(void)fake_entry(k, fake_lookup(k, ROOT, "a")); /* answered from the cache: the name has to be checked */
	assert_true(talk_remove_elsewhere(f, "a") > 0);
	theirs = (uint64_t)talk_make_elsewhere(f, "a", S_IFREG | 0644);
	assert_int_equal(fake_error(k, fake_chmod(k, file, 0600)), ESTALE);
	assert_int_equal(fake_entry(k, fake_lookup(k, ROOT, "a"))->nodeid, theirs);
	assert_int_equal(fake_attr(k, fake_chmod(k, theirs, 0600))->mode, S_IFREG | 0600);
}

static void a_signal_ends_a_waiting_truncation_once_the_store_is_silent(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	uint64_t first, asked;

	talk_hold(f, FAULT_BATCH);
	first = fake_chmod(k, file, 0600);
	talk_wait_held(f, FAULT_BATCH, 1);
	asked = fake_truncate(k, file, 5);
	fake_interrupt(k, asked);
	assert_false(fake_is_answered(k, asked));
	talk_age(f, 11 * NS_PER_S);
	assert_int_equal(fake_error(k, asked), EINTR);
	talk_let_go(f, FAULT_BATCH);
	assert_int_equal(fake_attr(k, first)->size, 0);
}

/* -- READLINK -- */

static void a_second_readlink_is_answered_from_the_cache(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const struct op op = {.kind = OP_CREATE,
		.fields = OP_HAS_MODE,
		.parent = ITEM_ROOT(DRIVE),
		.name = SPAN_LITERAL("link"),
		.mode = S_IFLNK | 0777,
		.target = SPAN_LITERAL("there")};
	const uint64_t link = (uint64_t)talk_elsewhere(f, &op);
	uint64_t items;

	fake_check_bytes(k, fake_send(k, FUSE_READLINK, link, NULL, 0), "there", 5);
	items = talk_counts(f).items;
	(void)fake_entry(k, fake_lookup(k, ROOT, "link"));
	fake_check_bytes(k, fake_send(k, FUSE_READLINK, link, NULL, 0), "there", 5);
	assert_int_equal(talk_counts(f).items, items);
}

static void readlink_of_a_file_or_a_missing_node_fails(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;

	assert_int_equal(fake_error(k, fake_send(k, FUSE_READLINK, talk_make_file(f, ROOT, "a"), NULL, 0)), EINVAL);
	assert_int_equal(fake_error(k, fake_send(k, FUSE_READLINK, NO_SUCH_NODE, NULL, 0)), ENOENT);
}

/* -- STATFS -- */

static const struct fuse_kstatfs *statfs_of(struct fake_kernel *k, uint64_t unique)
{
	const struct fake_answer *a = fake_answer(k, unique);
	const struct fuse_statfs_out *out = (const void *)a->body;

	assert_int_equal(a->error, 0);
	return &out->st;
}

static void statfs_reports_the_quota_minus_unstored_data_as_free(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const struct fuse_kstatfs *st = statfs_of(k, fake_send(k, FUSE_STATFS, ROOT, NULL, 0));
	const uint64_t handle = talk_open(f, talk_make_file(f, ROOT, "a"), O_RDWR);
	char data[8192] = {0};

	assert_int_equal(st->namelen, NAME_BYTES_MAX);
	assert_int_equal(st->bfree, QUOTA_BYTES / st->bsize);
	/* Data that is not stored yet counts as used. */
	assert_int_equal(fake_written(k, fake_write(k, handle, 0, data, sizeof(data))), sizeof(data));
	st = statfs_of(k, fake_send(k, FUSE_STATFS, ROOT, NULL, 0));
	assert_int_equal(st->bfree, (QUOTA_BYTES - sizeof(data)) / st->bsize);
}

static void statfs_fails_with_eio_when_the_store_fails(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;

	talk_fault(f, FAULT_DRIVE, FAULT_FAIL, -ERR_NO_GATEWAY, 1);
	assert_int_equal(fake_error(k, fake_send(k, FUSE_STATFS, ROOT, NULL, 0)), EIO);
	(void)statfs_of(k, fake_send(k, FUSE_STATFS, ROOT, NULL, 0));
}

static void a_signal_ends_statfs_once_the_store_is_silent(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	uint64_t asked;

	talk_hold(f, FAULT_DRIVE);
	asked = fake_send(k, FUSE_STATFS, ROOT, NULL, 0);
	talk_wait_held(f, FAULT_DRIVE, 1);
	fake_interrupt(k, asked);
	assert_false(fake_is_answered(k, asked));
	talk_age(f, 11 * NS_PER_S);
	assert_int_equal(fake_error(k, asked), EINTR);
}

static void a_signal_that_arrives_before_its_request_is_remembered(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	uint64_t asked;

	talk_hold(f, FAULT_DRIVE);
	fake_interrupt(k, k->unique + 4); /* the request before this one takes the number between */
	asked = fake_send(k, FUSE_STATFS, ROOT, NULL, 0);
	talk_wait_held(f, FAULT_DRIVE, 1);
	talk_age(f, 11 * NS_PER_S);
	assert_int_equal(fake_error(k, asked), EINTR);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, talk_setup, talk_teardown)
#define SHARED(name) cmocka_unit_test_setup_teardown(name, talk_setup_shared, talk_teardown)
#define OWNED(name) cmocka_unit_test_setup_teardown(name, talk_setup_owned, talk_teardown)
#define SMALL(name) cmocka_unit_test_setup_teardown(name, talk_setup_small, talk_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_second_lookup_of_a_name_is_answered_from_the_cache),
		TEST(a_second_lookup_of_an_absent_name_is_answered_from_the_cache),
		TEST(the_kernel_may_keep_absent_names_while_no_other_mount_uses_the_drive),
		SHARED(the_kernel_may_keep_no_entries_while_other_mounts_use_the_drive),
		TEST(the_kernel_may_keep_found_names_while_no_other_mount_uses_the_drive),
		TEST(a_lookup_in_a_folder_that_does_not_exist_finds_nothing),
		TEST(a_lookup_of_an_invalid_name_is_refused_without_asking_the_store),
		TEST(an_error_of_the_store_becomes_the_errno_of_a_lookup_and_is_not_cached),
		TEST(a_signal_does_not_end_a_lookup),
		TEST(a_lookup_fails_with_eio_when_the_store_is_silent_for_an_outage),
		TEST(a_lookup_of_a_dying_caller_ends_at_once),
		TEST(a_lookup_whose_answer_the_kernel_did_not_get_is_not_counted),
		TEST(a_node_is_referenced_until_the_kernel_forgets_its_last_lookup),
		TEST(a_forget_of_more_lookups_than_were_made_forgets_all_of_them),
		TEST(a_batch_forget_forgets_several_nodes),
		TEST(the_root_is_never_forgotten),
		TEST(a_node_can_be_forgotten_while_its_attributes_are_fetched),
		TEST(getattr_fetches_attributes_that_are_not_valid_once),
		TEST(concurrent_getattrs_of_one_file_share_one_request),
		TEST(getattr_of_a_missing_document_fails_with_enoent),
		TEST(a_failure_of_the_store_is_the_error_of_getattr),
		TEST(a_getattr_that_joined_an_outage_late_asks_the_store_again),
		TEST(statx_returns_the_creation_time_of_a_document),
		TEST(a_statx_request_that_is_too_short_gets_enosys),
		TEST(setattr_sets_mode_owner_and_times),
		TEST(setattr_sets_times_to_now),
		TEST(setattr_refuses_an_invalid_time_and_caps_one_in_the_far_future),
		TEST(truncate_shortens_and_extends_a_file),
		TEST(truncate_beyond_the_maximum_file_size_fails_with_efbig),
		TEST(truncate_of_a_folder_fails_with_eisdir),
		TEST(chmod_of_a_missing_document_fails_with_estale),
		TEST(a_chmod_that_the_store_refuses_leaves_the_mode_unchanged),
		TEST(a_setattr_without_fields_returns_the_attributes_and_sends_no_batch),
		OWNED(a_mount_that_shows_one_owner_refuses_chown_to_others),
		TEST(the_mtime_of_an_append_only_file_can_only_be_set_to_now),
		TEST(a_chmod_to_the_current_mode_right_after_a_change_sends_no_batch),
		TEST(a_chmod_that_waits_for_another_chmod_is_stored_after_it),
		SHARED(a_chmod_by_a_name_that_another_mount_replaced_fails_with_estale),
		TEST(a_signal_ends_a_waiting_truncation_once_the_store_is_silent),
		TEST(a_second_readlink_is_answered_from_the_cache),
		TEST(readlink_of_a_file_or_a_missing_node_fails),
		SMALL(statfs_reports_the_quota_minus_unstored_data_as_free),
		TEST(statfs_fails_with_eio_when_the_store_fails),
		TEST(a_signal_ends_statfs_once_the_store_is_silent),
		TEST(a_signal_that_arrives_before_its_request_is_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
