#include "common/base/clock.h"

#include "common/base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define FRACTION_DIGITS 9

static int64_t clock_read(clockid_t id)
{
	struct timespec t;

	(void)clock_gettime(id, &t); /* cannot fail for the clocks used here */
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

int64_t clock_mono_ns(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

int64_t clock_boot_ns(void)
{
	return clock_read(CLOCK_BOOTTIME);
}

int64_t clock_real_ns(void)
{
	return clock_read(CLOCK_REALTIME);
}

struct timespec clock_timespec(int64_t ns)
{
	int64_t seconds = ns / NS_PER_S;
	int64_t rest = ns % NS_PER_S;

	if (rest < 0) {
		rest += NS_PER_S;
		seconds--;
	}
	return (struct timespec){.tv_sec = seconds, .tv_nsec = (long)rest};
}

int clock_from(int64_t seconds, int64_t nanoseconds, int64_t *ret_ns)
{
	if (nanoseconds < 0 || nanoseconds >= NS_PER_S)
		return -EINVAL;
	if (seconds >= CLOCK_SECONDS_MAX)
		*ret_ns = CLOCK_SECONDS_MAX * NS_PER_S;
	else if (seconds < CLOCK_SECONDS_MIN)
		*ret_ns = CLOCK_SECONDS_MIN * NS_PER_S;
	else
		*ret_ns = seconds * NS_PER_S + nanoseconds;
	return 0;
}

void clock_format(int64_t ns, char *ret)
{
	struct timespec t = clock_timespec(ns);

	(void)snprintf(ret, CLOCK_TEXT_SIZE, "%" PRId64 ".%09ld", (int64_t)t.tv_sec, t.tv_nsec);
}

int clock_parse(const char *text, int64_t *ret_ns)
{
	struct span whole = span_str(text);
	const char *dot = text ? strchr(text, '.') : NULL;
	int64_t seconds;
	uint64_t fraction = 0;

	if (dot) {
		struct span digits = span_str(dot + 1);

		whole.size = (size_t)(dot - text);
		if (digits.size != FRACTION_DIGITS || text_parse_u64(digits, NS_PER_S - 1, &fraction) < 0)
			return -EINVAL;
	}
	if (text_parse_i64(whole, &seconds) < 0)
		return -EINVAL;
	if (seconds == 0 && whole.data[0] == '-')
		return -EINVAL; /* nobody writes "-0", and readers would take it for a small negative time */
	return clock_from(seconds, (int64_t)fraction, ret_ns);
}
