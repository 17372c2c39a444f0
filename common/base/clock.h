/* clock: time in nanoseconds. clock_mono_ns is for waits, clock_real_ns for times that people see. clock_boot_ns is
 * monotonic as well, and also counts the time that the machine sleeps: for deadlines that other machines count,
 * too. Any thread. */
#ifndef NEPHOS_BASE_CLOCK_H
#define NEPHOS_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_S 1000000000ll
#define NS_PER_MS 1000000ll

int64_t clock_mono_ns(void);
int64_t clock_boot_ns(void);
int64_t clock_real_ns(void);
struct timespec clock_timespec(int64_t ns);
/*
 * The range of times that are kept, in whole seconds since 1970, both ends included: 1677-09-21 to 2262-04-11.
 * int64_t holds 775 ms more at one end and 855 ms more at the other. Whole seconds leave room for a difference of a
 * few seconds.
 */
#define CLOCK_SECONDS_MAX 9223372036ll
#define CLOCK_SECONDS_MIN (-CLOCK_SECONDS_MAX)
/* Converts a time that a caller or client gives. A time out of range becomes the end of the range, as on a local
 * file system. -EINVAL: nanoseconds is negative or a whole second or more. All times from outside pass through this
 * function. */
int clock_from(int64_t seconds, int64_t nanoseconds, int64_t *ret_ns);
/* "SECONDS.NNNNNNNNN" as on the wire; ret needs CLOCK_TEXT_SIZE bytes. Seconds are rounded down and the nanoseconds
 * count up from there: -1 ns is "-1.999999999". */
#define CLOCK_TEXT_SIZE 32
void clock_format(int64_t ns, char *ret);
/* Parses the same form, or whole seconds: nine digits of fraction, or none. A time out of range is treated as by
 * clock_from. -EINVAL: malformed, or seconds that int64_t cannot hold. */
int clock_parse(const char *text, int64_t *ret_ns);

#endif
