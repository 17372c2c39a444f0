/*
 * notify: notifies the kernel of names, attributes and content that it must drop, from threads of its own. These
 * calls wait for locks of the kernel that may be held by requests which are not answered yet, so a thread that
 * answers requests must not make them.
 *
 * Calls that wait for different locks are queued in different lanes. A notice about a name waits for the lock of its
 * folder, which a create, unlink or rename of this mount in that folder holds until it is answered. Notices about
 * attributes and content wait only for reads and writes of the same document. Several threads work in each lane, but
 * at most one of them for any one folder or document: the others skip a folder or document that keeps a thread
 * waiting. A notice that is already queued is not queued twice.
 *
 * Queueing never blocks. The queues are bounded: when a lane is full, a new notice is counted as lost, and what the
 * kernel has cached then ends by the timeouts that the kernel was given (FS_TRUST_MS). Threads: any.
 */
#ifndef NEPHOS_FUSEFS_OPS_NOTIFY_H
#define NEPHOS_FUSEFS_OPS_NOTIFY_H

#include "common/base/span.h"

#include <stdbool.h>
#include <stdint.h>

/* names, or documents, per lane: 10 MiB of names at most; a storm of changes ends before a lane is full */
#define NOTIFY_QUEUE_MAX 65536u
/* per lane, started as needed: so many folders or documents may each keep a thread waiting before the others wait,
 * too */
#define NOTIFY_THREADS 4u

struct notify;
struct fuse_session;

/* The calls to the kernel, which block. They run on the threads of the lanes. */
struct notify_calls {
	void (*entry)(void *cookie, uint64_t folder, struct span name); /* the name has a NUL behind it */
	void (*attributes)(void *cookie, uint64_t node);
	void (*content)(void *cookie, uint64_t node); /* attributes and pages */
};

int notify_new(struct notify **ret);
void notify_free(struct notify *n); /* waits for the calls in progress; NULL is fine */
/* From now on the calls are made; before, notices are dropped. */
void notify_attach(struct notify *n, struct fuse_session *session);
void notify_attach_calls(struct notify *n, const struct notify_calls *calls, void *cookie);
void notify_entry(struct notify *n, uint64_t folder, struct span bytes); /* notice about a name in the folder */
void notify_attributes(struct notify *n, uint64_t node);
void notify_content(struct notify *n, uint64_t node);
/* A notice about attributes, or about pages and attributes. done is called on a thread of the lane when the kernel
 * has dropped them, or without that when the kernel cannot be notified; when the lane ends, done is called, too. */
void notify_then(struct notify *n, uint64_t node, bool pages, void (*done)(void *cookie), void *cookie);
/* True when notices about the document are queued or in progress: done is called, on a thread of the lane, when they
 * have been given. False: there are none, and done will not be called. */
bool notify_settles(struct notify *n, uint64_t node, void (*done)(void *cookie), void *cookie);
uint64_t notify_lost(struct notify *n); /* how many notices did not fit */

#endif
