/* clock: time in nanoseconds. Monotonic for waits and leases, real for what people see. Any thread. */
#ifndef NEPHOS_BASE_CLOCK_H
#define NEPHOS_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_S 1000000000ll
#define NS_PER_MS 1000000ll

int64_t clock_mono_ns(void);
int64_t clock_real_ns(void);
struct timespec clock_timespec(int64_t ns);
/* "SECONDS.NNNNNNNNN" as on the wire; ret needs CLOCK_TEXT_SIZE bytes. Seconds are floored, nanoseconds count up:
 * -1 ns is "-1.999999999". */
#define CLOCK_TEXT_SIZE 32
void clock_format(int64_t ns, char *ret);
/* The same form, or whole seconds: nine digits or no fraction. -EINVAL, also for what int64_t cannot hold. */
int clock_parse(const char *text, int64_t *ret_ns);

#endif
