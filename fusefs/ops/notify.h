/*
 * notify: tells the kernel what it must drop, from threads of its own: these calls wait for locks that requests which
 * are not answered yet may hold, so that nobody who answers requests may make them.
 *
 * What waits for different locks waits in different lanes. A name waits for its folder, which an own unanswered create,
 * unlink or rename in it holds; attributes and content wait for nobody but reads and writes of the same document. In
 * each lane several threads work, and at most one of them for any one folder or document: those that keep a thread
 * waiting are passed by. What waits already is not queued twice.
 *
 * Queueing never blocks. Bounded: when a lane is full, what comes is counted as lost, and the timeouts that the kernel
 * was given (FS_TRUST_MS) end what it still believes. Threads: any.
 */
#ifndef NEPHOS_FUSEFS_OPS_NOTIFY_H
#define NEPHOS_FUSEFS_OPS_NOTIFY_H

#include "common/base/span.h"

#include <stdbool.h>
#include <stdint.h>

#define NOTIFY_QUEUE_MAX 65536u /* names, and documents: 10 MiB of names at most; a storm of changes is over before */
/* of each lane, as they are needed: so many folders, or documents, may keep one waiting before the others wait, too */
#define NOTIFY_THREADS 4u

struct notify;
struct fuse_session;

/* The calls, which block; on threads of the lanes. */
struct notify_calls {
	void (*entry)(void *cookie, uint64_t folder, struct span name); /* the name has a NUL behind it */
	void (*attributes)(void *cookie, uint64_t node);
	void (*content)(void *cookie, uint64_t node); /* attributes and pages */
};

int notify_new(struct notify **ret);
void notify_free(struct notify *n); /* waits for the calls under way; NULL is fine */
/* From now on they are made; before, there is nobody to tell. */
void notify_attach(struct notify *n, struct fuse_session *session);
void notify_attach_calls(struct notify *n, const struct notify_calls *calls, void *cookie);
void notify_entry(struct notify *n, uint64_t folder, struct span bytes); /* a name in it */
void notify_attributes(struct notify *n, uint64_t node);
void notify_content(struct notify *n, uint64_t node);
/* The same, of pages and attributes or of attributes alone; done comes when the kernel has dropped them, or without
 * that when it cannot be told, on a thread of the lane; also when that ends. */
void notify_then(struct notify *n, uint64_t node, bool pages, void (*done)(void *cookie), void *cookie);
uint64_t notify_lost(struct notify *n); /* how many did not fit */

#endif
