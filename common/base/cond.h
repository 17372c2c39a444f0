/*
 * cond: a condition variable whose deadlines are on the clock of clock_mono_ns. The default of pthread is the time
 * of day, which an administrator may set: a wait of a second would then last an hour, or no time at all. Any
 * thread, under the usual rules: the caller holds the lock while it waits.
 */
#ifndef NEPHOS_BASE_COND_H
#define NEPHOS_BASE_COND_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* A deadline that never comes: only a signal ends the wait. */
#define COND_FOREVER INT64_MAX

/* Use pthread_cond_signal, _broadcast and _destroy on it as on any other. */
void cond_init(pthread_cond_t *cond);
/* Waits once, at most until until_ns. false: the time is over. As with any condition variable, true only means that
 * the caller should check its condition again. */
bool cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_ns);

#endif
