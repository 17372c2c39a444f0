/*
 * notify: tells the kernel what it must drop, from a thread of its own: these calls wait for locks that requests which are not answered yet may hold,
 * so that nobody who answers requests may make them. Queueing never blocks. Bounded: when the queue is full, what comes is counted as lost, and the
 * timeouts that the kernel was given (FS_TIMEOUT_S) end what it still believes.
 * Threads: any.
 */
#ifndef NEPHOS_FUSEFS_NOTIFY_H
#define NEPHOS_FUSEFS_NOTIFY_H

#include "common/base/span.h"

#include <stdbool.h>
#include <stdint.h>

#define NOTIFY_QUEUE_MAX 65536u /* 10 MiB of names at most; a storm of changes is over before */

struct notify;
struct fuse_session;

int notify_new(struct notify **ret);
void notify_free(struct notify *n); /* NULL is fine */
void notify_attach(struct notify *n, struct fuse_session *session);
void notify_entry(struct notify *n, uint64_t folder, struct span name);
void notify_attributes(struct notify *n, uint64_t node);
void notify_content(struct notify *n, uint64_t node); /* attributes and pages */
/* The same, of pages and attributes or of attributes alone; done comes when the kernel has dropped them, or without that when it cannot be told, on the thread of the notices; also when they end. */
void notify_then(struct notify *n, uint64_t node, bool pages, void (*done)(void *cookie), void *cookie);
uint64_t notify_lost(struct notify *n); /* how many did not fit */

#endif
