#include "tests/unit/fusefs/ops/talk_fixture.h"

#include "common/base/error.h"
#include "fusefs/ops/device.h"

#include <fcntl.h>
#include <stdlib.h>

/* Requests about a node: LOOKUP, FORGET, GETATTR, STATX, SETATTR, READLINK, STATFS. */

/* -- LOOKUP -- */

static void a_name_is_asked_for_once(void **state)
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

static void a_name_that_does_not_exist_is_asked_for_once(void **state)
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

static void that_a_name_does_not_exist_may_be_kept_by_the_kernel_of_who_is_alone(void **state)
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

static void nothing_may_be_kept_by_the_kernel_while_others_are_at_work(void **state)
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

static void what_is_found_may_be_kept_by_the_kernel_of_who_is_alone(void **state)
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

static void a_name_that_cannot_be_is_not_asked_for(void **state)
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

static void why_a_lookup_failed_is_what_the_caller_hears_and_nothing_is_learnt(void **state)
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

static void a_lookup_ends_when_the_store_was_silent_for_an_outage(void **state)
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

static void a_lookup_of_who_is_dying_is_answered_at_once(void **state)
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

static void an_answer_that_the_kernel_never_got_is_not_counted(void **state)
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

static void a_node_is_known_as_long_as_the_kernel_remembers_it(void **state)
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

static void forgetting_more_than_was_looked_up_forgets_it_all(void **state)
{
	struct fixture *f = *state;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	fake_forget(&f->kernel, file, UINT64_MAX);
	assert_int_equal(talk_lookups(f, file), 0);
	fake_forget(&f->kernel, file, 1);
	assert_int_equal(talk_lookups(f, file), 0);
}

static void nodes_are_forgotten_many_at_once(void **state)
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

static void a_node_may_be_forgotten_while_its_attributes_are_asked_for(void **state)
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

static void attributes_are_asked_for_where_they_are_not_known(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a"), items = talk_counts(f).items;

	talk_know_nothing(f);
	assert_int_equal(fake_attr(k, fake_getattr(k, file))->ino, file);
	assert_int_equal(fake_attr(k, fake_getattr(k, file))->mode, S_IFREG | 0644);
	assert_int_equal(talk_counts(f).items, items + 1);
}

static void several_who_ask_for_attributes_cost_one_request(void **state)
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

static void a_document_that_does_not_exist_has_no_attributes(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fake_error(&f->kernel, fake_getattr(&f->kernel, NO_SUCH_NODE)), ENOENT);
}

static void attributes_that_the_store_does_not_give_are_an_error(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = (uint64_t)talk_make_elsewhere(f, "a", S_IFREG | 0640);

	talk_fault(f, FAULT_ITEM, FAULT_FAIL, -EACCES, 1);
	assert_int_equal(fake_error(k, fake_getattr(k, file)), EACCES);
	(void)fake_attr(k, fake_getattr(k, file));
}

static void who_joined_an_outage_late_asks_again(void **state)
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

static void statx_tells_when_a_document_was_made(void **state)
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

static void a_statx_that_is_too_short_is_not_understood(void **state)
{
	struct fixture *f = *state;
	const uint32_t in = 0;

	assert_int_equal(fake_error(&f->kernel, fake_send(&f->kernel, FAKE_STATX, ROOT, &in, sizeof(in))), ENOSYS);
}

/* -- SETATTR -- */

static void mode_owner_and_times_are_set(void **state)
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

static void times_become_now(void **state)
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

static void a_time_that_is_none_is_refused_and_one_too_far_away_is_the_last_there_is(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	const struct fuse_setattr_in far = {.valid = FATTR_ATIME, .atime = (uint64_t)INT64_MAX};
	const struct fuse_setattr_in wrong = {.valid = FATTR_MTIME, .mtime = 1, .mtimensec = 2000000000};

	assert_int_equal(fake_error(k, fake_setattr(k, file, &wrong)), EINVAL);
	assert_true(fake_attr(k, fake_setattr(k, file, &far))->atime >= CLOCK_SECONDS_MAX);
}

static void a_file_is_cut_and_made_longer(void **state)
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

static void no_file_is_longer_than_the_largest(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	assert_int_equal(fake_error(k, fake_truncate(k, file, FILE_BYTES_MAX + 1)), EFBIG);
	assert_int_equal(fake_error(k, fake_truncate(k, file, UINT64_MAX)), EFBIG);
}

static void a_folder_has_no_size_to_set(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;

	assert_int_equal(fake_error(k, fake_truncate(k, talk_make_folder(f, ROOT, "a"), 1)), EISDIR);
}

static void nothing_is_set_of_a_document_that_does_not_exist(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fake_error(&f->kernel, fake_chmod(&f->kernel, NO_SUCH_NODE, 0600)), ESTALE);
}

static void what_the_store_refuses_to_set_stays_as_it_was(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	talk_fault(f, FAULT_BATCH, FAULT_REFUSE, -ERR_FORBIDDEN, 1);
	assert_int_equal(fake_error(k, fake_chmod(k, file, 0600)), EPERM);
	assert_int_equal(fake_attr(k, fake_getattr(k, file))->mode, S_IFREG | 0644);
}

static void a_setattr_that_sets_nothing_tells_the_attributes(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	const uint64_t batches = talk_counts(f).batches;

	assert_int_equal(
		fake_attr(k, fake_setattr(k, file, &(struct fuse_setattr_in){.valid = 0}))->mode, S_IFREG | 0644);
	assert_int_equal(talk_counts(f).batches, batches);
}

static void who_owns_all_of_a_mount_gives_nothing_away(void **state)
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

static void times_of_what_is_append_only_may_only_become_now(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_protected(f, "a", ITEM_APPEND_ONLY);
	const struct fuse_setattr_in past = {.valid = FATTR_MTIME, .mtime = 9};
	const struct fuse_setattr_in now = {.valid = FATTR_MTIME | FATTR_MTIME_NOW};

	assert_int_equal(fake_error(k, fake_setattr(k, file, &past)), EPERM);
	assert_int_equal(fake_error(k, fake_setattr(k, file, &now)), 0);
}

static void a_mode_that_is_set_right_after_the_last_change_costs_nothing(void **state)
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

static void a_mode_that_is_set_behind_other_work_is_stored(void **state)
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

static void what_somebody_else_put_in_the_place_of_a_name_is_not_changed_by_it(void **state)
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

static void a_truncation_waits_behind_what_was_written_and_a_signal_ends_it_once_the_store_is_silent(void **state)
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

static void the_target_of_a_link_is_asked_for_once(void **state)
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

static void what_is_no_link_has_no_target(void **state)
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

static void what_is_free_is_what_the_quota_leaves(void **state)
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

static void how_full_the_drive_is_may_be_unknown(void **state)
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

static void a_signal_that_came_before_its_request_is_remembered(void **state)
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
		TEST(a_name_is_asked_for_once),
		TEST(a_name_that_does_not_exist_is_asked_for_once),
		TEST(that_a_name_does_not_exist_may_be_kept_by_the_kernel_of_who_is_alone),
		SHARED(nothing_may_be_kept_by_the_kernel_while_others_are_at_work),
		TEST(what_is_found_may_be_kept_by_the_kernel_of_who_is_alone),
		TEST(a_lookup_in_a_folder_that_does_not_exist_finds_nothing),
		TEST(a_name_that_cannot_be_is_not_asked_for),
		TEST(why_a_lookup_failed_is_what_the_caller_hears_and_nothing_is_learnt),
		TEST(a_signal_does_not_end_a_lookup),
		TEST(a_lookup_ends_when_the_store_was_silent_for_an_outage),
		TEST(a_lookup_of_who_is_dying_is_answered_at_once),
		TEST(an_answer_that_the_kernel_never_got_is_not_counted),
		TEST(a_node_is_known_as_long_as_the_kernel_remembers_it),
		TEST(forgetting_more_than_was_looked_up_forgets_it_all),
		TEST(nodes_are_forgotten_many_at_once),
		TEST(the_root_is_never_forgotten),
		TEST(a_node_may_be_forgotten_while_its_attributes_are_asked_for),
		TEST(attributes_are_asked_for_where_they_are_not_known),
		TEST(several_who_ask_for_attributes_cost_one_request),
		TEST(a_document_that_does_not_exist_has_no_attributes),
		TEST(attributes_that_the_store_does_not_give_are_an_error),
		TEST(who_joined_an_outage_late_asks_again),
		TEST(statx_tells_when_a_document_was_made),
		TEST(a_statx_that_is_too_short_is_not_understood),
		TEST(mode_owner_and_times_are_set),
		TEST(times_become_now),
		TEST(a_time_that_is_none_is_refused_and_one_too_far_away_is_the_last_there_is),
		TEST(a_file_is_cut_and_made_longer),
		TEST(no_file_is_longer_than_the_largest),
		TEST(a_folder_has_no_size_to_set),
		TEST(nothing_is_set_of_a_document_that_does_not_exist),
		TEST(what_the_store_refuses_to_set_stays_as_it_was),
		TEST(a_setattr_that_sets_nothing_tells_the_attributes),
		OWNED(who_owns_all_of_a_mount_gives_nothing_away),
		TEST(times_of_what_is_append_only_may_only_become_now),
		TEST(a_mode_that_is_set_right_after_the_last_change_costs_nothing),
		TEST(a_mode_that_is_set_behind_other_work_is_stored),
		SHARED(what_somebody_else_put_in_the_place_of_a_name_is_not_changed_by_it),
		TEST(a_truncation_waits_behind_what_was_written_and_a_signal_ends_it_once_the_store_is_silent),
		TEST(the_target_of_a_link_is_asked_for_once),
		TEST(what_is_no_link_has_no_target),
		SMALL(what_is_free_is_what_the_quota_leaves),
		TEST(how_full_the_drive_is_may_be_unknown),
		TEST(a_signal_ends_statfs_once_the_store_is_silent),
		TEST(a_signal_that_came_before_its_request_is_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
