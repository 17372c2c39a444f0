/*
 * notifier: tells other instances which drives have changed, and receives the same from them. It has two
 * threads, each with a connection of its own. NOTIFY is sent after the commit, with several drives in one
 * statement, so that it never makes commits wait for each other.
 */
#ifndef NEPHOS_DOCS_NOTIFIER_H
#define NEPHOS_DOCS_NOTIFIER_H

#include <stdint.h>

/* most drives that wait to be told; for further ones, polls at other instances wait for their deadline */
#define NOTIFIER_DRIVES_MAX 256
/* longest wait for one notification, so also the time until the listener notices that it must end */
#define NOTIFIER_WAIT_MS 500
/* between attempts to listen again, and between attempts to send after two failures in a row */
#define NOTIFIER_RETRY_MS 500
/* Between two NOTIFYs, each of which is a commit: less than half of the time within which other instances must
 * see a change. */
#define NOTIFIER_REST_MS 20

struct feed;
struct notifier;

/* feed: waiters for changes; locks: waiters for file locks. Notifications of other instances fire both. */
int notifier_start(const char *conninfo, struct feed *feed, struct feed *locks, struct notifier **ret);
void notifier_free(struct notifier *n); /* NULL is fine */
/* A drive has a new seq. Never blocks for long. Any thread. */
void notifier_tell(struct notifier *n, uint32_t drive, int64_t seq);
/* The same for a file lock that was let go of. */
void notifier_tell_locks(struct notifier *n, uint32_t drive);

#endif
