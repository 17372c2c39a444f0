/* clock: time in nanoseconds. Monotonic for waits, real for what people see; boot is monotonic and goes on while the
 * machine sleeps: for what others hold us to. Any thread. */
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
 * The times that are kept, in whole seconds since 1970, both ends included: 1677-09-21 to 2262-04-11. int64_t holds 775
 * ms more at the one end and 855 ms at the other; whole seconds leave room for a difference of a few seconds.
 */
#define CLOCK_SECONDS_MAX 9223372036ll
#define CLOCK_SECONDS_MIN (-CLOCK_SECONDS_MAX)
/* A time as somebody gives it. One that is out of range becomes the end of the range, as on a local file system.
 * -EINVAL: nanoseconds that are none of a second. Every door takes times by this. */
int clock_from(int64_t seconds, int64_t nanoseconds, int64_t *ret_ns);
/* "SECONDS.NNNNNNNNN" as on the wire; ret needs CLOCK_TEXT_SIZE bytes. Seconds are floored, nanoseconds count up:
 * -1 ns is "-1.999999999". */
#define CLOCK_TEXT_SIZE 32
void clock_format(int64_t ns, char *ret);
/* The same form, or whole seconds: nine digits or no fraction; what is out of range as with clock_from. -EINVAL, also
 * for seconds that int64_t cannot hold. */
int clock_parse(const char *text, int64_t *ret_ns);

#endif
