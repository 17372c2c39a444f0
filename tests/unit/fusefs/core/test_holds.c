#include "fusefs/core/holds.h"

#include "common/base/clock.h"
#include "common/base/cond.h"
#include "fusefs/core/core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define WAIT_NS (30 * NS_PER_S)
#define NEVER (INT64_MAX / 2)

struct reader {
	struct hold hold; /* must be first */
	struct fixture *f;
	bool over;
};

struct fixture {
	struct core core;
	struct holds holds;
	pthread_cond_t some_over;
	struct inode a, b;
};

static void on_over(struct hold *hold)
{
	struct reader *r = (struct reader *)hold;

	assert_false(r->over);
	assert_false(hold->listed); /* the callback may hold it again at once */
	r->over = true;
	pthread_cond_signal(&r->f->some_over);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	core_init(&f->core, &(struct core_options){.store = NULL});
	holds_init(&f->holds, &f->core);
	cond_init(&f->some_over);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	/* After a failed test this thread still holds the lock. */
	(void)pthread_mutex_trylock(&f->core.lock);
	core_unlock(&f->core);
	holds_stop(&f->holds);
	pthread_cond_destroy(&f->some_over);
	core_fini(&f->core);
	free(f);
	return 0;
}

static struct reader reader_of(struct fixture *f, struct inode *inode, int64_t due_ns)
{
	return (struct reader){.f = f, .hold = {.inode = inode, .due_ns = due_ns, .over = on_over}};
}

/* The caller holds the lock of the core. */
static void await_over(const struct reader *r)
{
	const int64_t until_ns = clock_mono_ns() + WAIT_NS;

	while (!r->over && clock_mono_ns() < until_ns)
		core_wait(&r->f->core, &r->f->some_over, until_ns);
	assert_true(r->over);
}

static void a_hold_ends_at_its_due_time_and_a_later_hold_stays(void **state)
{
	struct fixture *f = *state;
	struct reader late = reader_of(f, &f->a, NEVER), due = reader_of(f, &f->b, clock_mono_ns());

	core_lock(&f->core);
	assert_true(holds_add(&f->holds, &late.hold));
	assert_true(holds_add(&f->holds, &due.hold));
	assert_false(due.over); /* never called from inside holds_add */
	await_over(&due);
	assert_false(late.over);
	holds_drop(&f->holds, &late.hold);
	core_unlock(&f->core);
}

static void holds_release_ends_all_holds_of_its_document_and_no_others(void **state)
{
	struct fixture *f = *state;
	struct reader first = reader_of(f, &f->a, NEVER), second = reader_of(f, &f->a, NEVER),
		      other = reader_of(f, &f->b, NEVER);

	core_lock(&f->core);
	assert_true(holds_add(&f->holds, &first.hold));
	assert_true(holds_add(&f->holds, &other.hold));
	assert_true(holds_add(&f->holds, &second.hold));
	holds_release(&f->holds, &f->a);
	await_over(&first);
	await_over(&second);
	assert_false(other.over);
	holds_drop(&f->holds, &other.hold);
	core_unlock(&f->core);
}

static void a_dropped_hold_is_never_called_back(void **state)
{
	struct fixture *f = *state;
	struct reader gone = reader_of(f, &f->a, NEVER), mark = reader_of(f, &f->a, NEVER);

	core_lock(&f->core);
	assert_true(holds_add(&f->holds, &gone.hold));
	assert_true(holds_add(&f->holds, &mark.hold));
	holds_drop(&f->holds, &gone.hold);
	holds_drop(&f->holds, &gone.hold); /* dropping a hold that is not listed does nothing */
	holds_release(&f->holds, &f->a);
	await_over(&mark);
	assert_false(gone.over);
	core_unlock(&f->core);
}

static void holds_add_refuses_a_hold_after_the_stop(void **state)
{
	struct fixture *f = *state;
	struct reader r = reader_of(f, &f->a, NEVER);

	core_lock(&f->core);
	assert_true(holds_add(&f->holds, &r.hold)); /* so that the thread runs */
	holds_drop(&f->holds, &r.hold);
	f->holds.stop = true;
	assert_false(holds_add(&f->holds, &r.hold));
	assert_false(r.hold.listed);
	core_unlock(&f->core);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_hold_ends_at_its_due_time_and_a_later_hold_stays),
		TEST(holds_release_ends_all_holds_of_its_document_and_no_others),
		TEST(a_dropped_hold_is_never_called_back),
		TEST(holds_add_refuses_a_hold_after_the_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
