/*
 * clock_preload: loaded into a program (LD_PRELOAD), it sets that program's clock, and no other, off by as many seconds
 * as the file CLOCK_PRELOAD_FILE says: one number of 64 bits, as this machine writes it, which may change at any time.
 *
 * Only what tells the time of day is changed. What counts time for itself (CLOCK_MONOTONIC), and all waits, are the C
 * library's own, as they are when somebody sets a machine's clock.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

typedef int gettime(clockid_t id, struct timespec *ret);

static const _Atomic int64_t no_offset;
static const _Atomic int64_t *offset = &no_offset;

__attribute__((constructor)) static void map_offset(void)
{
	const char *path = getenv("CLOCK_PRELOAD_FILE");
	const int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	const void *at = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*offset), PROT_READ, MAP_SHARED, fd, 0);

	if (fd >= 0)
		(void)close(fd);
	/* A test whose clocks cannot be set would prove nothing. */
	if (at == MAP_FAILED)
		abort();
	offset = at;
}

static int real_gettime(clockid_t id, struct timespec *ret)
{
	static _Atomic(gettime *) found;
	gettime *real = atomic_load_explicit(&found, memory_order_relaxed);

	if (!real) {
		real = (gettime *)(uintptr_t)dlsym(RTLD_NEXT, "clock_gettime");
		atomic_store_explicit(&found, real, memory_order_relaxed);
	}
	return real(id, ret);
}

/* Their names for the linker are those of the C library's. */
int clock_gettime_off(clockid_t id, struct timespec *ret) __asm__("clock_gettime");
int gettimeofday_off(struct timeval *ret, void *zone) __asm__("gettimeofday");
time_t time_off(time_t *ret) __asm__("time");

int clock_gettime_off(clockid_t id, struct timespec *ret)
{
	const int r = real_gettime(id, ret);

	if (r == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		ret->tv_sec += atomic_load_explicit(offset, memory_order_relaxed);
	return r;
}

int gettimeofday_off(struct timeval *ret, void *zone)
{
	struct timespec now;

	(void)zone;
	(void)clock_gettime_off(CLOCK_REALTIME, &now);
	*ret = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
	return 0;
}

time_t time_off(time_t *ret)
{
	struct timespec now;

	(void)clock_gettime_off(CLOCK_REALTIME_COARSE, &now);
	if (ret)
		*ret = now.tv_sec;
	return now.tv_sec;
}
