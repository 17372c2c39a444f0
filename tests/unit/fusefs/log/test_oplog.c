#include "fusefs/log/oplog.h"

#include "common/base/clock.h"
#include "common/base/cond.h"
#include "common/base/error.h"
#include "fusefs/store/testing/fault.h"
#include "fusefs/store/testing/mem.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#define WAIT_MS 120000 /* a deadline of tests: only reached when something hangs */

struct fixture {
	struct mem_drive *drive;
	struct store *store; /* fails on purpose; wraps one in memory */
	struct oplog *log;
};

/* The result of one append. */
struct outcome {
	pthread_mutex_t lock;
	pthread_cond_t over;
	bool done;
	int error;
	int64_t ids[8];
	size_t count;
	unsigned *order; /* shared counter: the order in which the callbacks came */
	unsigned place;
};

static void outcome_init(struct outcome *o, unsigned *order)
{
	memset(o, 0, sizeof(*o));
	pthread_mutex_init(&o->lock, NULL);
	cond_init(&o->over);
	o->order = order;
}

static void on_done(void *cookie, int error, const struct op_result *results, size_t count)
{
	struct outcome *o = cookie;

	pthread_mutex_lock(&o->lock);
	assert_false(o->done);
	o->done = true;
	o->error = error;
	o->count = count;
	for (size_t i = 0; i < count && i < 8; i++)
		o->ids[i] = results[i].id;
	if (o->order)
		o->place = __atomic_add_fetch(o->order, 1, __ATOMIC_SEQ_CST);
	pthread_cond_signal(&o->over);
	pthread_mutex_unlock(&o->lock);
}

static int outcome_wait(struct outcome *o)
{
	const int64_t until_ns = clock_mono_ns() + WAIT_MS * NS_PER_MS;

	pthread_mutex_lock(&o->lock);
	while (!o->done && cond_wait_until(&o->over, &o->lock, until_ns))
		;
	pthread_mutex_unlock(&o->lock);
	assert_true(o->done);
	return o->error;
}

static bool outcome_is_done(struct outcome *o)
{
	bool done;

	pthread_mutex_lock(&o->lock);
	done = o->done;
	pthread_mutex_unlock(&o->lock);
	return done;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct store *memory;

	assert_int_equal(mem_drive_new(7, 0, &f->drive), 0);
	assert_int_equal(mem_store_new(f->drive, &memory), 0);
	assert_int_equal(fault_new(memory, &f->store), 0);
	assert_int_equal(oplog_new(f->store, &f->log), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(oplog_drain(f->log, WAIT_MS, NULL), 0);
	oplog_free(f->log);
	f->store->ops->free(f->store);
	mem_drive_free(f->drive);
	free(f);
	return 0;
}

static struct op create_op(const char *name)
{
	return (struct op){.kind = OP_CREATE, .parent = ITEM_ROOT(7), .name = span_str(name), .mode = S_IFREG | 0644};
}

static void append(struct fixture *f, const char *name, struct outcome *o, uint64_t *ret_group)
{
	struct op op = create_op(name);

	assert_int_equal(oplog_append(f->log, &op, 1, on_done, o, ret_group), 0);
}

/* Holds the first batch in flight: what is appended after it goes with the next batch. */
static void hold_first(struct fixture *f, struct outcome *o)
{
	fault_add(f->store, &(struct fault_rule){.call = FAULT_BATCH, .kind = FAULT_HOLD, .nth = 1});
	append(f, "first", o, NULL);
	assert_int_equal(fault_wait_held(f->store, FAULT_BATCH, 1, WAIT_MS), 0);
}

static uint64_t batches(struct fixture *f)
{
	struct mem_counts counts;

	mem_drive_counts(f->drive, &counts);
	return counts.batches;
}

static void oplog_append_sends_a_single_op_at_once_and_reports_its_result(void **state)
{
	struct fixture *f = *state;
	struct outcome o;
	char name[] = "short-lived";
	struct op op = create_op(name);

	outcome_init(&o, NULL);
	assert_int_equal(oplog_append(f->log, &op, 1, on_done, &o, NULL), 0);
	memset(name, 'x', sizeof(name) - 1); /* the op log has a copy */
	assert_int_equal(outcome_wait(&o), 0);
	assert_int_equal(o.count, 1);
	assert_true(o.ids[0] > 0);
	assert_int_equal(batches(f), 1);
}

static void oplog_append_during_a_batch_in_flight_is_sent_in_order_with_the_next_batch(void **state)
{
	struct fixture *f = *state;
	struct outcome first, o[5];
	unsigned order = 0;
	char name[16];

	outcome_init(&first, &order);
	hold_first(f, &first);
	for (int i = 0; i < 5; i++) {
		outcome_init(&o[i], &order);
		(void)snprintf(name, sizeof(name), "file-%d", i);
		append(f, name, &o[i], NULL);
	}
	assert_int_equal(fault_count(f->store, FAULT_BATCH), 1);
	fault_release(f->store, FAULT_BATCH);
	assert_int_equal(outcome_wait(&first), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(outcome_wait(&o[i]), 0);
	assert_int_equal(batches(f), 2);
	for (int i = 1; i < 5; i++) {
		assert_true(o[i].ids[0] > o[i - 1].ids[0]); /* ids grow in the order of creation */
		assert_true(o[i].place > o[i - 1].place);
	}
}

/* So many calls are more than the threads that a machine could give a test, and they fill many batches. */
static void oplog_append_queues_thousands_of_calls_in_order_while_the_store_stalls(void **state)
{
	enum { CALLS = 10000, CANCELLED = 7000 };
	struct fixture *f = *state;
	struct outcome first, *o = calloc(CALLS, sizeof(*o));
	uint64_t group = 0;
	unsigned order = 0;
	char name[16];

	assert_non_null(o);
	outcome_init(&first, &order);
	hold_first(f, &first);
	for (int i = 0; i < CALLS; i++) {
		outcome_init(&o[i], &order);
		(void)snprintf(name, sizeof(name), "file-%d", i);
		append(f, name, &o[i], i == CANCELLED ? &group : NULL);
	}
	assert_true(oplog_withdraw(f->log, group, -EINTR));
	assert_int_equal(outcome_wait(&o[CANCELLED]), -EINTR); /* while the other calls still wait */
	assert_false(outcome_is_done(&o[0]));
	fault_release(f->store, FAULT_BATCH);
	for (int i = 0; i < CALLS; i++)
		assert_int_equal(outcome_wait(&o[i]), i == CANCELLED ? -EINTR : 0);
	for (int i = 1; i < CALLS; i++)
		assert_true(i == CANCELLED || i - 1 == CANCELLED || o[i].place > o[i - 1].place);
	free(o);
}

static void oplog_append_is_refused_when_the_queue_has_its_maximum_of_bytes(void **state)
{
	struct fixture *f = *state;
	struct outcome first, o, *many = calloc(OPLOG_BYTES_MAX / XATTR_VALUE_BYTES_MAX, sizeof(*many));
	char *value = calloc(1, XATTR_VALUE_BYTES_MAX);
	uint64_t *groups = calloc(OPLOG_BYTES_MAX / XATTR_VALUE_BYTES_MAX, sizeof(*groups));
	struct op op = {.kind = OP_SETXATTR,
		.id = ITEM_ROOT(7),
		.name = SPAN_LITERAL("user.a"),
		.target = span_of(value, XATTR_VALUE_BYTES_MAX)};
	size_t count = 0;

	assert_true(many && value && groups);
	outcome_init(&first, NULL);
	outcome_init(&o, NULL);
	hold_first(f, &first);
	for (;; count++) {
		outcome_init(&many[count], NULL);
		int r = oplog_append(f->log, &op, 1, on_done, &many[count], &groups[count]);
		if (r == -EAGAIN)
			break;
		assert_int_equal(r, 0);
		assert_true(count + 1 < OPLOG_BYTES_MAX / XATTR_VALUE_BYTES_MAX);
	}
	assert_int_equal(count, OPLOG_BYTES_MAX / (XATTR_VALUE_BYTES_MAX + 6));
	for (size_t i = 0; i < count; i++)
		assert_true(oplog_withdraw(f->log, groups[i], -EINTR));
	for (size_t i = 0; i < count; i++)
		assert_int_equal(outcome_wait(&many[i]), -EINTR);
	assert_int_equal(oplog_append(f->log, &op, 1, on_done, &o, NULL), 0); /* there is room again */
	fault_release(f->store, FAULT_BATCH);
	(void)outcome_wait(&o);
	free(groups);
	free(value);
	free(many);
}

static void oplog_refusal_of_one_op_in_a_batch_fails_only_that_op(void **state)
{
	struct fixture *f = *state;
	struct outcome first, good[2], bad;

	outcome_init(&first, NULL);
	outcome_init(&good[0], NULL);
	outcome_init(&good[1], NULL);
	outcome_init(&bad, NULL);
	hold_first(f, &first);
	append(f, "a", &good[0], NULL);
	append(f, "first", &bad, NULL); /* the name exists by then */
	append(f, "b", &good[1], NULL);
	fault_release(f->store, FAULT_BATCH);
	assert_int_equal(outcome_wait(&bad), -EEXIST);
	assert_int_equal(outcome_wait(&good[0]), 0);
	assert_int_equal(outcome_wait(&good[1]), 0);
	assert_int_equal(batches(f), 3);
}

static void oplog_finds_the_refused_op_by_sending_each_alone_if_no_index_is_given(void **state)
{
	struct fixture *f = *state;
	struct outcome first, o[3];
	char name[16];

	outcome_init(&first, NULL);
	hold_first(f, &first);
	/* The second batch has all three ops; the third has the first of them alone. */
	fault_add(f->store,
		&(struct fault_rule){
			.call = FAULT_BATCH, .kind = FAULT_REFUSE, .nth = 1, .error = -EDQUOT, .index = -1});
	fault_add(f->store,
		&(struct fault_rule){
			.call = FAULT_BATCH, .kind = FAULT_REFUSE, .nth = 3, .error = -EDQUOT, .index = -1});
	for (int i = 0; i < 3; i++) {
		outcome_init(&o[i], NULL);
		(void)snprintf(name, sizeof(name), "file-%d", i);
		append(f, name, &o[i], NULL);
	}
	fault_release(f->store, FAULT_BATCH);
	assert_int_equal(outcome_wait(&o[0]), 0);
	assert_int_equal(outcome_wait(&o[1]), -EDQUOT);
	assert_int_equal(outcome_wait(&o[2]), 0);
}

static void oplog_group_with_a_refused_op_is_refused_whole_and_stores_nothing(void **state)
{
	struct fixture *f = *state;
	struct op group[2] = {create_op("one"), create_op("one")};
	struct outcome first, o, after;

	outcome_init(&first, NULL);
	outcome_init(&o, NULL);
	outcome_init(&after, NULL);
	hold_first(f, &first);
	assert_int_equal(oplog_append(f->log, group, 2, on_done, &o, NULL), 0);
	append(f, "one", &after, NULL);
	fault_release(f->store, FAULT_BATCH);
	assert_int_equal(outcome_wait(&o), -EEXIST);
	assert_int_equal(outcome_wait(&after), 0);
}

static void oplog_group_gets_the_results_of_its_own_ops(void **state)
{
	struct fixture *f = *state;
	struct op group[2] = {create_op("g1"), create_op("g2")};
	struct outcome first, before, o;

	outcome_init(&first, NULL);
	outcome_init(&before, NULL);
	outcome_init(&o, NULL);
	hold_first(f, &first);
	append(f, "before", &before, NULL);
	assert_int_equal(oplog_append(f->log, group, 2, on_done, &o, NULL), 0);
	fault_release(f->store, FAULT_BATCH);
	assert_int_equal(outcome_wait(&o), 0);
	assert_int_equal(outcome_wait(&before), 0);
	assert_int_equal(o.count, 2);
	assert_int_equal(o.ids[0], before.ids[0] + 1);
	assert_int_equal(o.ids[1], before.ids[0] + 2);
}

static void oplog_withdraw_keeps_a_waiting_group_from_being_sent(void **state)
{
	struct fixture *f = *state;
	struct outcome first, o, next;
	uint64_t group;

	outcome_init(&first, NULL);
	outcome_init(&o, NULL);
	outcome_init(&next, NULL);
	hold_first(f, &first);
	append(f, "dropped", &o, &group);
	append(f, "dropped", &next, NULL);
	assert_true(oplog_withdraw(f->log, group, -EINTR));
	assert_int_equal(outcome_wait(&o), -EINTR);
	assert_false(outcome_is_done(&first));
	fault_release(f->store, FAULT_BATCH);
	assert_int_equal(outcome_wait(&next), 0); /* the name was not taken */
}

static void oplog_withdraw_of_a_sent_group_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct outcome o;
	uint64_t group;

	outcome_init(&o, NULL);
	fault_add(f->store, &(struct fault_rule){.call = FAULT_BATCH, .kind = FAULT_HOLD, .nth = 1});
	append(f, "sent", &o, &group);
	assert_int_equal(fault_wait_held(f->store, FAULT_BATCH, 1, WAIT_MS), 0);
	assert_false(oplog_withdraw(f->log, group, -EINTR));
	fault_release(f->store, FAULT_BATCH);
	assert_int_equal(outcome_wait(&o), 0);
}

static void oplog_fails_the_groups_of_a_failed_batch_and_sends_later_ops(void **state)
{
	struct fixture *f = *state;
	struct outcome first, o[2], later;

	outcome_init(&first, NULL);
	outcome_init(&o[0], NULL);
	outcome_init(&o[1], NULL);
	outcome_init(&later, NULL);
	hold_first(f, &first);
	fault_add(f->store, &(struct fault_rule){.call = FAULT_BATCH, .kind = FAULT_FAIL, .nth = 1, .error = -EIO});
	append(f, "a", &o[0], NULL);
	append(f, "b", &o[1], NULL);
	fault_release(f->store, FAULT_BATCH);
	assert_int_equal(outcome_wait(&first), 0);
	assert_int_equal(outcome_wait(&o[0]), -EIO);
	assert_int_equal(outcome_wait(&o[1]), -EIO);
	append(f, "a", &later, NULL);
	assert_int_equal(outcome_wait(&later), 0);
}

static void oplog_fails_waiting_groups_unsent_when_their_outage_time_is_over(void **state)
{
	struct fixture *f = *state;
	struct outcome sent, waits, young, later;
	const int64_t now = clock_mono_ns();
	uint64_t group;

	outcome_init(&sent, NULL);
	outcome_init(&waits, NULL);
	outcome_init(&young, NULL);
	outcome_init(&later, NULL);
	hold_first(f, &sent);
	append(f, "waits", &waits, NULL);
	oplog_look(f->log, now + STORE_OUTAGE_NS - NS_PER_S);
	assert_false(outcome_is_done(&waits));
	append(f, "young", &young, &group);
	oplog_began(f->log, group, now + NS_PER_S); /* later than the time it has: nothing changes */
	/* The time is over for both: the store gives up the batch that was sent; the other groups are never sent. */
	oplog_look(f->log, clock_mono_ns() + STORE_OUTAGE_NS);
	assert_int_equal(outcome_wait(&sent), -ERR_NO_GATEWAY);
	assert_int_equal(outcome_wait(&waits), -ERR_NO_GATEWAY);
	assert_int_equal(outcome_wait(&young), -ERR_NO_GATEWAY);
	append(f, "waits", &later, NULL);
	assert_int_equal(outcome_wait(&later), 0); /* the name was not taken */
}

static void oplog_counts_the_outage_time_of_a_group_from_the_start_of_its_call(void **state)
{
	struct fixture *f = *state;
	struct outcome sent, old, young;
	const int64_t now = clock_mono_ns();
	uint64_t group;

	outcome_init(&sent, NULL);
	outcome_init(&old, NULL);
	outcome_init(&young, NULL);
	hold_first(f, &sent);
	append(f, "old", &old, &group);
	append(f, "young", &young, NULL);
	oplog_began(f->log, group, now - STORE_OUTAGE_NS);
	oplog_look(f->log, now);
	assert_int_equal(outcome_wait(&old), -ERR_NO_GATEWAY);
	assert_false(outcome_is_done(&young));
	fault_release(f->store, FAULT_BATCH);
	assert_int_equal(outcome_wait(&young), 0);
	assert_int_equal(outcome_wait(&sent), 0);
}

static void oplog_sends_a_single_group_first_after_an_unanswered_batch(void **state)
{
	struct fixture *f = *state;
	struct outcome sent, o[3];
	char name[16];

	outcome_init(&sent, NULL);
	/* The first batch gets no answer. The second is held, to show that it has only one group. */
	fault_add(f->store, &(struct fault_rule){.call = FAULT_BATCH, .kind = FAULT_HOLD, .nth = 1, .times = 2});
	append(f, "sent", &sent, NULL);
	assert_int_equal(fault_wait_held(f->store, FAULT_BATCH, 1, WAIT_MS), 0);
	for (int i = 0; i < 3; i++) {
		outcome_init(&o[i], NULL);
		(void)snprintf(name, sizeof(name), "file-%d", i);
		append(f, name, &o[i], NULL);
	}
	fault_cancel_held(f->store, FAULT_BATCH, -EIO);
	assert_int_equal(outcome_wait(&sent), -EIO);
	assert_int_equal(fault_wait_held(f->store, FAULT_BATCH, 1, WAIT_MS), 0);
	fault_cancel_held(f->store, FAULT_BATCH, -EIO);
	assert_int_equal(outcome_wait(&o[0]), -EIO);
	assert_int_equal(outcome_wait(&o[1]), 0);
	assert_int_equal(outcome_wait(&o[2]), 0);
}

static void oplog_append_refuses_empty_and_oversized_groups_and_a_full_queue(void **state)
{
	struct fixture *f = *state;
	struct op *many = calloc(OPS_PER_BATCH_MAX + 1, sizeof(*many));
	enum { GROUPS = OPLOG_OPS_MAX / OPS_PER_BATCH_MAX };
	struct outcome first;
	struct outcome *o = calloc(GROUPS + 1, sizeof(*o));

	outcome_init(&first, NULL);
	hold_first(f, &first);
	for (size_t i = 0; i <= OPS_PER_BATCH_MAX; i++)
		many[i] = (struct op){.kind = OP_SETATTR, .id = ITEM_ROOT(7), .fields = OP_HAS_MODE, .mode = 0755};
	assert_int_equal(oplog_append(f->log, many, 0, on_done, &o[0], NULL), -E2BIG);
	assert_int_equal(oplog_append(f->log, many, OPS_PER_BATCH_MAX + 1, on_done, &o[0], NULL), -E2BIG);
	for (int i = 0; i < GROUPS; i++) {
		outcome_init(&o[i], NULL);
		assert_int_equal(oplog_append(f->log, many, OPS_PER_BATCH_MAX, on_done, &o[i], NULL), 0);
	}
	assert_int_equal(oplog_append(f->log, many, 1, on_done, &o[GROUPS], NULL), -EAGAIN);
	fault_release(f->store, FAULT_BATCH);
	for (int i = 0; i < GROUPS; i++)
		assert_int_equal(outcome_wait(&o[i]), 0);
	free(many);
	free(o);
}

struct usage {
	int64_t used, quota;
	struct outcome *o; /* the outcome that must be told after on_reply */
	bool after;
};

static void on_reply(void *cookie, const struct store_batch_reply *reply)
{
	struct usage *u = cookie;

	u->after = u->after || outcome_is_done(u->o);
	u->used = reply->used;
	u->quota = reply->quota;
}

static void oplog_reports_the_usage_of_the_drive_before_the_callbacks_of_a_batch(void **state)
{
	struct fixture *f = *state;
	struct op_extent extent = {.len = 10, .kind = OP_EXTENT_DATA, .data = span_of("0123456789", 10)};
	struct outcome made, written;
	struct usage usage = {.used = -1, .o = &made};
	struct op op;

	outcome_init(&made, NULL);
	outcome_init(&written, NULL);
	oplog_set_listener(f->log, on_reply, &usage);
	append(f, "file", &made, NULL);
	assert_int_equal(outcome_wait(&made), 0);
	assert_int_equal(usage.used, 0);
	usage.o = &written;
	op = (struct op){.kind = OP_WRITE, .id = made.ids[0], .extents = &extent, .extent_count = 1};
	assert_int_equal(oplog_append(f->log, &op, 1, on_done, &written, NULL), 0);
	assert_int_equal(outcome_wait(&written), 0);
	assert_true(usage.used >= 10);
	assert_false(usage.after);
	/* A batch without a reply reports no usage. */
	usage.used = -7;
	fault_add(f->store, &(struct fault_rule){.call = FAULT_BATCH, .kind = FAULT_FAIL, .nth = 1, .error = -EIO});
	outcome_init(&made, NULL);
	append(f, "other", &made, NULL);
	assert_int_equal(outcome_wait(&made), -EIO);
	assert_int_equal(usage.used, -7);
	oplog_set_listener(f->log, NULL, NULL);
}

static void oplog_drain_waits_for_answers_and_refuses_appends(void **state)
{
	struct fixture *f = *state;
	struct op op = create_op("late");
	struct outcome first;
	size_t left = 0;

	outcome_init(&first, NULL);
	hold_first(f, &first);
	assert_int_equal(oplog_drain(f->log, 10, &left), -ETIMEDOUT);
	assert_int_equal(left, 1);
	assert_int_equal(oplog_append(f->log, &op, 1, on_done, &first, NULL), -ESHUTDOWN);
	fault_release(f->store, FAULT_BATCH);
	assert_int_equal(oplog_drain(f->log, WAIT_MS, &left), 0);
	assert_int_equal(left, 0);
	assert_true(outcome_is_done(&first));
}

struct writer {
	struct fixture *f;
	unsigned number;
	pthread_barrier_t *waiting; /* every writer has appended its first op */
};

static void *writer_main(void *cookie)
{
	struct writer *w = cookie;
	struct outcome o;
	char name[32];

	for (int i = 0; i < 25; i++) {
		outcome_init(&o, NULL);
		(void)snprintf(name, sizeof(name), "%u-%d", w->number, i);
		append(w->f, name, &o, NULL);
		if (i == 0)
			pthread_barrier_wait(w->waiting);
		assert_int_equal(outcome_wait(&o), 0);
	}
	return NULL;
}

static void oplog_applies_ops_of_concurrent_writers_once_and_sends_waiting_ones_in_one_batch(void **state)
{
	struct fixture *f = *state;
	struct writer writers[8];
	struct outcome first;
	struct mem_counts counts;
	pthread_barrier_t waiting;
	pthread_t threads[8];

	pthread_barrier_init(&waiting, NULL, 9);
	outcome_init(&first, NULL);
	hold_first(f, &first);
	for (unsigned i = 0; i < 8; i++) {
		writers[i] = (struct writer){f, i, &waiting};
		assert_int_equal(pthread_create(&threads[i], NULL, writer_main, &writers[i]), 0);
	}
	pthread_barrier_wait(&waiting);
	fault_release(f->store, FAULT_BATCH);
	assert_int_equal(outcome_wait(&first), 0);
	for (unsigned i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&waiting);
	mem_drive_counts(f->drive, &counts);
	assert_int_equal(counts.ops, 1 + 8 * 25);
	/* The first ops of all writers waited for the first batch, and went together in the second. */
	assert_true(counts.batches <= 1 + 1 + 8 * 24);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(oplog_append_sends_a_single_op_at_once_and_reports_its_result),
		TEST(oplog_append_during_a_batch_in_flight_is_sent_in_order_with_the_next_batch),
		TEST(oplog_append_queues_thousands_of_calls_in_order_while_the_store_stalls),
		TEST(oplog_append_is_refused_when_the_queue_has_its_maximum_of_bytes),
		TEST(oplog_refusal_of_one_op_in_a_batch_fails_only_that_op),
		TEST(oplog_finds_the_refused_op_by_sending_each_alone_if_no_index_is_given),
		TEST(oplog_group_with_a_refused_op_is_refused_whole_and_stores_nothing),
		TEST(oplog_group_gets_the_results_of_its_own_ops),
		TEST(oplog_withdraw_keeps_a_waiting_group_from_being_sent),
		TEST(oplog_withdraw_of_a_sent_group_changes_nothing),
		TEST(oplog_fails_the_groups_of_a_failed_batch_and_sends_later_ops),
		TEST(oplog_fails_waiting_groups_unsent_when_their_outage_time_is_over),
		TEST(oplog_counts_the_outage_time_of_a_group_from_the_start_of_its_call),
		TEST(oplog_sends_a_single_group_first_after_an_unanswered_batch),
		TEST(oplog_append_refuses_empty_and_oversized_groups_and_a_full_queue),
		TEST(oplog_reports_the_usage_of_the_drive_before_the_callbacks_of_a_batch),
		TEST(oplog_drain_waits_for_answers_and_refuses_appends),
		TEST(oplog_applies_ops_of_concurrent_writers_once_and_sends_waiting_ones_in_one_batch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
