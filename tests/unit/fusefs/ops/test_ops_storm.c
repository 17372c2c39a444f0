#include "tests/unit/fusefs/ops/talk_fixture.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * Requests in random order, while the store refuses, fails, holds and releases calls, other mounts change the
 * drive, and callers are interrupted and die. In every case nothing crashes, every request is answered exactly
 * once, and what is read at the end is what is stored. A seed determines the order, so that a failure can be
 * reproduced.
 */

#define STEPS 1500
#define NAMES 6 /* of files and folders in the root */
#define PENDING_MAX 256
#define HANDLES_MAX 12
#define FILE_BYTES 5000 /* writes go to about this range */

enum wants { NOTHING, A_HANDLE, A_FOLDER };

struct pending {
	uint64_t unique, handle; /* handle: the one that the request uses, 0: none */
	enum wants wants;
};

struct handle {
	uint64_t fh;
	bool folder;
};

struct storm {
	struct fixture *f;
	struct fake_kernel *k;
	unsigned seed;
	struct pending pending[PENDING_MAX];
	size_t pending_count;
	struct handle handles[HANDLES_MAX];
	size_t handle_count;
	unsigned faults; /* rules of the store that may still be in force */
};

static unsigned pick(struct storm *s, unsigned count)
{
	s->seed = s->seed * 1103515245u + 12345u;
	return (s->seed >> 8) % count;
}

static const char *any_name(struct storm *s)
{
	static const char *const names[NAMES] = {"a", "b", "c", "d", "e", "f"};

	return names[pick(s, NAMES)];
}

/* One of the first documents that are created, or a number that no document gets. */
static uint64_t any_node(struct storm *s)
{
	const unsigned n = pick(s, 20);

	return n == 0 ? ROOT : (uint64_t)ITEM_ID(DRIVE, 1 + n);
}

static uint64_t any_handle(struct storm *s, bool folder)
{
	const size_t first = s->handle_count > 0 ? pick(s, (unsigned)s->handle_count) : 0;

	for (size_t i = 0; i < s->handle_count; i++) {
		const struct handle *h = &s->handles[(first + i) % s->handle_count];

		if (h->folder == folder)
			return h->fh;
	}
	return 0;
}

/* -- what was asked -- */

static void note(struct storm *s, uint64_t unique, uint64_t handle, enum wants wants)
{
	assert_true(s->pending_count < PENDING_MAX);
	s->pending[s->pending_count++] = (struct pending){unique, handle, wants};
}

static void take_answer(struct storm *s, const struct pending *p)
{
	const struct fake_answer *a = fake_answer(s->k, p->unique);
	const size_t before =
		a->size > sizeof(struct fuse_open_out) ? sizeof(struct fuse_entry_out) : 0; /* of a CREATE */
	const struct fuse_open_out *out = (const void *)((const char *)a->body + before);

	if (p->wants == NOTHING || a->error != 0)
		return;
	assert_true(s->handle_count < HANDLES_MAX);
	s->handles[s->handle_count++] = (struct handle){out->fh, p->wants == A_FOLDER};
}

/* Takes the answers that have come. */
static void look(struct storm *s)
{
	for (size_t i = 0; i < s->pending_count;) {
		const struct pending p = s->pending[i];

		if (!fake_is_answered(s->k, p.unique)) {
			i++;
			continue;
		}
		s->pending[i] = s->pending[--s->pending_count];
		take_answer(s, &p);
	}
}

static bool is_used(const struct storm *s, uint64_t handle)
{
	for (size_t i = 0; i < s->pending_count; i++)
		if (s->pending[i].handle == handle)
			return true;
	return false;
}

static size_t opens_under_way(const struct storm *s)
{
	size_t count = 0;

	for (size_t i = 0; i < s->pending_count; i++)
		count += s->pending[i].wants != NOTHING;
	return count;
}

/* -- the steps -- */

static void open_something(struct storm *s)
{
	static const uint32_t flags[] = {
		O_RDWR, O_RDWR | O_TRUNC, O_RDWR | O_SYNC, O_RDWR | O_APPEND, O_RDWR | O_DIRECT};
	const uint32_t how = flags[pick(s, 5)];

	if (s->handle_count + opens_under_way(s) >= HANDLES_MAX)
		return;
	switch (pick(s, 3)) {
	case 0:
		note(s, fake_create(s->k, ROOT, any_name(s), S_IFREG | 0644, how), 0, A_HANDLE);
		break;
	case 1:
		/* A CREATE and no OPEN: the kernel opens a node only as the kind of document that it was told. */
		note(s, fake_create(s->k, ROOT, any_name(s), S_IFREG | 0644, how | O_EXCL), 0, A_HANDLE);
		break;
	default:
		note(s, fake_opendir(s->k, ROOT), 0, A_FOLDER);
		break;
	}
}

static void close_something(struct storm *s)
{
	const size_t n = s->handle_count > 0 ? pick(s, (unsigned)s->handle_count) : 0;
	struct handle h;

	if (s->handle_count == 0 || is_used(s, s->handles[n].fh))
		return; /* requests that use the handle are answered first */
	h = s->handles[n];
	s->handles[n] = s->handles[--s->handle_count];
	if (h.folder)
		note(s, fake_releasedir(s->k, h.fh), 0, NOTHING);
	else
		note(s, fake_release(s->k, h.fh), 0, NOTHING);
}

static void change_names(struct storm *s)
{
	const struct fake_rename move = {.from = ROOT,
		.name = any_name(s),
		.to = ROOT,
		.new_name = any_name(s),
		.flags = pick(s, 3)}; /* none, NOREPLACE, EXCHANGE */

	switch (pick(s, 6)) {
	case 0:
		note(s, fake_mkdir(s->k, ROOT, any_name(s), 0755), 0, NOTHING);
		break;
	case 1:
		note(s, fake_unlink(s->k, ROOT, any_name(s)), 0, NOTHING);
		break;
	case 2:
		note(s, fake_rmdir(s->k, ROOT, any_name(s)), 0, NOTHING);
		break;
	case 3:
		note(s, fake_rename(s->k, &move), 0, NOTHING);
		break;
	case 4:
		note(s, fake_link(s->k, any_node(s), ROOT, any_name(s)), 0, NOTHING);
		break;
	default:
		note(s, fake_symlink(s->k, ROOT, any_name(s), "target"), 0, NOTHING);
		break;
	}
}

static void use_file(struct storm *s)
{
	static char data[FILE_BYTES];
	const uint64_t h = any_handle(s, false), at = pick(s, FILE_BYTES);
	const struct fuse_copy_file_range_in in = {
		.fh_in = h, .off_in = at, .fh_out = h, .off_out = pick(s, FILE_BYTES), .len = pick(s, 3000)};
	const uint32_t size = 1 + pick(s, FILE_BYTES - 1);

	if (h == 0)
		return;
	memset(data, 'A' + (int)pick(s, 26), sizeof(data));
	switch (pick(s, 9)) {
	case 0:
	case 1:
		note(s, fake_write(s->k, h, at, data, size), h, NOTHING);
		break;
	case 2:
		note(s, fake_read(s->k, h, at, size), h, NOTHING);
		break;
	case 3:
		note(s, fake_fsync(s->k, h), h, NOTHING);
		break;
	case 4:
		note(s, fake_flush(s->k, h, 1 + pick(s, 3)), h, NOTHING);
		break;
	case 5:
		note(s, fake_lseek(s->k, h, at, pick(s, 2) ? SEEK_DATA : SEEK_HOLE), h, NOTHING);
		break;
	case 6:
		note(s, fake_fallocate(s->k, h, pick(s, 2) ? 0 : FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, size),
			h, NOTHING);
		break;
	case 7:
		note(s,
			fake_write_as(s->k,
				&(struct fake_write){
					.handle = h, .offset = at, .data = data, .size = size, .flags = O_APPEND}),
			h, NOTHING);
		break;
	default:
		note(s, fake_copy(s->k, &in), h, NOTHING);
		break;
	}
}

static void use_node(struct storm *s)
{
	const uint64_t node = any_node(s);

	switch (pick(s, 8)) {
	case 0:
		note(s, fake_lookup(s->k, ROOT, any_name(s)), 0, NOTHING);
		break;
	case 1:
		note(s, fake_getattr(s->k, node), 0, NOTHING);
		break;
	case 2:
		note(s, fake_truncate(s->k, node, pick(s, FILE_BYTES)), 0, NOTHING);
		break;
	case 3:
		note(s, fake_chmod(s->k, node, 0600 + pick(s, 8)), 0, NOTHING);
		break;
	case 4:
		note(s, fake_setxattr(s->k, node, "user.x", (struct iovec){(void *)"value", pick(s, 6)}, 0), 0,
			NOTHING);
		break;
	case 5:
		note(s, fake_getxattr(s->k, node, "user.x", 10), 0, NOTHING);
		break;
	case 6:
		note(s, fake_listxattr(s->k, node, 100), 0, NOTHING);
		break;
	default:
		fake_forget(s->k, node, 1 + pick(s, 2));
		break;
	}
}

static void read_folder(struct storm *s)
{
	const uint64_t h = any_handle(s, true);

	if (h != 0 && !is_used(s, h))
		note(s,
			pick(s, 2) ? fake_readdirplus(s->k, h, pick(s, 9), 4096)
				   : fake_readdir(s->k, h, pick(s, 9), 300),
			h, NOTHING);
}

static void use_locks(struct storm *s)
{
	static const uint32_t types[] = {F_RDLCK, F_WRLCK, F_UNLCK};
	const uint64_t h = any_handle(s, false);
	const struct fuse_lk_in in = {.fh = h,
		.owner = 1 + pick(s, 3),
		.lk = {.start = pick(s, 10), .end = pick(s, 2) ? INT64_MAX : 20, .type = types[pick(s, 3)], .pid = 9},
		.lk_flags = pick(s, 2) ? FUSE_LK_FLOCK : 0};
	static const uint32_t opcodes[] = {FUSE_SETLK, FUSE_SETLKW, FUSE_GETLK};
	const uint32_t opcode = opcodes[pick(s, 3)];

	if (h != 0 && !(opcode == FUSE_GETLK && in.lk_flags))
		note(s, fake_lock(s->k, opcode, &in), h, NOTHING);
}

static void interrupt_somebody(struct storm *s)
{
	if (s->pending_count > 0)
		fake_interrupt(s->k, s->pending[pick(s, (unsigned)s->pending_count)].unique);
}

static void let_store_go(struct storm *s)
{
	fault_clear(s->f->store);
	for (int call = 0; call < FAULT_CALLS; call++)
		(void)fault_release(s->f->store, (enum fault_call)call);
	s->faults = 0;
}

static void disturb(struct storm *s)
{
	const enum fault_call call = (enum fault_call)pick(s, FAULT_POLL);
	const unsigned what = pick(s, 5);

	if (s->faults == FAULT_RULES_MAX || what > 2) {
		let_store_go(s);
		return;
	}
	s->faults++;
	switch (what) {
	case 0:
		talk_fault(s->f, call, FAULT_HOLD, 0, 1 + pick(s, 3));
		break;
	case 1:
		talk_fault(s->f, call, FAULT_FAIL, -EIO, 1);
		break;
	default:
		talk_fault(s->f, FAULT_BATCH, FAULT_REFUSE, -EACCES, 1);
		break;
	}
}

static void change_elsewhere(struct storm *s)
{
	const struct op make = {.kind = OP_CREATE,
		.fields = OP_HAS_MODE,
		.parent = ITEM_ROOT(DRIVE),
		.name = span_str(any_name(s)),
		.mode = S_IFREG | 0644};

	switch (pick(s, 4)) {
	case 0:
		(void)talk_elsewhere(s->f, &make);
		break;
	case 1:
		(void)talk_remove_elsewhere(s->f, any_name(s));
		break;
	case 2:
		talk_know_nothing(s->f);
		break;
	default:
		talk_forget_content(s->f);
		break;
	}
}

static void step(struct storm *s)
{
	static void (*const steps[])(struct storm * s) = {open_something, open_something, close_something, change_names,
		change_names, use_file, use_file, use_file, use_file, use_node, use_node, read_folder, use_locks,
		interrupt_somebody, disturb, change_elsewhere};

	s->k->pid = pick(s, 4) == 0 ? DEAD_PID : (uint32_t)getpid();
	s->k->uid = pick(s, 4) == 0 ? NOBODY : 0;
	steps[pick(s, sizeof(steps) / sizeof(steps[0]))](s);
	look(s);
}

/* -- the end -- */

static void let_everything_go(struct storm *s)
{
	let_store_go(s);
	/* Some requests wait for a lock that is never released. */
	for (size_t i = 0; i < s->pending_count; i++)
		fake_interrupt(s->k, s->pending[i].unique);
	for (size_t i = 0; i < s->pending_count; i++)
		take_answer(s, &s->pending[i]);
	s->pending_count = 0;
}

static void check_content(struct storm *s, uint64_t handle)
{
	const struct fake_answer *before, *after;

	(void)fake_answer(s->k, fake_fsync(s->k, handle)); /* reports an error of earlier writes */
	if (fake_error(s->k, fake_fsync(s->k, handle)) != 0)
		return;
	before = fake_answer(s->k, fake_read(s->k, handle, 0, 4 * FILE_BYTES));
	talk_know_nothing(s->f);
	talk_forget_content(s->f);
	after = fake_answer(s->k, fake_read(s->k, handle, 0, 4 * FILE_BYTES));
	assert_int_equal(before->error, after->error);
	assert_int_equal(before->size, after->size);
	assert_memory_equal(before->body, after->body, before->size);
}

static void storm(struct fixture *f, unsigned seed)
{
	struct storm *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->f = f;
	s->k = &f->kernel;
	s->seed = seed;
	for (int i = 0; i < STEPS; i++) {
		step(s);
		if (s->pending_count > PENDING_MAX / 2)
			let_everything_go(s);
	}
	let_everything_go(s);
	s->k->uid = 0;
	for (size_t i = 0; i < s->handle_count; i++)
		if (!s->handles[i].folder)
			check_content(s, s->handles[i].fh);
	free(s);
}

static void a_storm_of_calls_is_answered_and_reads_match_the_stored_content(void **state)
{
	const char *seed = getenv("STORM_SEED");

	storm(*state, seed ? (unsigned)strtoul(seed, NULL, 10) : 1);
}

static void a_storm_of_calls_on_a_shared_drive_reads_the_stored_content(void **state)
{
	const char *seed = getenv("STORM_SEED");

	storm(*state, seed ? (unsigned)strtoul(seed, NULL, 10) : 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, talk_setup, talk_teardown)
#define SHARED(name) cmocka_unit_test_setup_teardown(name, talk_setup_shared, talk_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_storm_of_calls_is_answered_and_reads_match_the_stored_content),
		SHARED(a_storm_of_calls_on_a_shared_drive_reads_the_stored_content),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
