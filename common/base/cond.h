/*
 * cond: a condition variable whose deadlines are those of clock_mono_ns. pthread's own waits on the time of day, which
 * somebody may set: a wait of a second would then last an hour, or no time at all. Any thread, under the usual rules:
 * who waits holds the lock.
 */
#ifndef NEPHOS_BASE_COND_H
#define NEPHOS_BASE_COND_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* A deadline that never comes: the wait ends only when it is told to. */
#define COND_FOREVER INT64_MAX

/* For pthread_cond_signal, _broadcast and _destroy as any other. */
void cond_init(pthread_cond_t *cond);
/* One wait, at most until then. false: the time is over. As with any condition variable, true says only that it is
 * worth to look again. */
bool cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_ns);

#endif
