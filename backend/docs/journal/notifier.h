/*
 * notifier: tells the other instances which drives have changed, and hears it from them: two threads, each with a
 * connection of its own. NOTIFY comes after the commit, several drives in one statement, so that commits never wait for
 * each other because of it.
 */
#ifndef NEPHOS_DOCS_NOTIFIER_H
#define NEPHOS_DOCS_NOTIFIER_H

#include <stdint.h>

#define NOTIFIER_DRIVES_MAX 256 /* that wait to be told; beyond: those polls elsewhere wait for their deadline */
#define NOTIFIER_WAIT_MS 500	/* of one wait for a notification: how soon the listener sees that it is to end */
#define NOTIFIER_RETRY_MS 500	/* between attempts to listen again, or to tell what could not be told twice */
#define NOTIFIER_REST_MS \
	20 /* between two NOTIFYs, each a commit: less than half of the time in which a change must be seen elsewhere */

struct feed;
struct notifier;

/* feed: who waits for changes; locks: who waits for file locks. Both are woken by what other instances say. */
int notifier_start(const char *conninfo, struct feed *feed, struct feed *locks, struct notifier **ret);
void notifier_free(struct notifier *n); /* NULL is fine */
/* A drive has a new seq. Never blocks for long. Any thread. */
void notifier_tell(struct notifier *n, uint32_t drive, int64_t seq);
/* The same of a file lock that was let go of. */
void notifier_tell_locks(struct notifier *n, uint32_t drive);

#endif
