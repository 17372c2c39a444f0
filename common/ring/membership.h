/*
 * membership: who is a member of the ring of gateways, as the database keeps it. A gateway calls each second, through
 * any docs service, which takes the rows, lets this module change them, and writes them back, in one transaction that
 * holds the ring's row: so all calls come one after the other, whichever service they went by.
 *
 * A gateway is one process: it has a name, which placement goes by, and a boot, which no other process ever had. Who
 * comes back after a crash is another gateway of the same name, and waits until the lease of the former one is over.
 * Whoever else waits by that name is dead, and forgotten.
 *
 * Members change in two steps. *Propose*: the next members are written down, the ring prepares, and no second change
 * begins. Each member then stops to be the home of what moves away from it, and says so in its next call. *Activate*:
 * each member has said so, or is silent; the next members are the members, and the epoch is one higher. An epoch's
 * members never change.
 *
 * *Silent* is a member of whom the caller says so, and proves that it has looked for long enough: callers see which
 * call was the last to renew each member's lease, and who has seen the same one for the length of a lease, on its own
 * monotonic clock, names the member with it. It is compared here: a member that renewed meanwhile is not silent. Calls
 * are numbered for ever. (A count of a member's own renewals would begin anew with its row, and could be met again.)
 *
 * A member is granted its lease anew by each call that knows the present epoch, also while the ring prepares, and when
 * it was silent before: only who is no member any more gets none. tests/model/ring.pml is the protocol; the steps
 * renew, propose, say and activate are here. Pure. Not thread-safe.
 */
#ifndef NEPHOS_RING_MEMBERSHIP_H
#define NEPHOS_RING_MEMBERSHIP_H

#include "common/ring/placement.h"

#include <stdbool.h>
#include <stdint.h>

#define MEMBERSHIP_GATEWAYS_MAX PLACEMENT_MEMBERS_MAX /* rows: members, and who waits to be one */
#define MEMBERSHIP_NAME_SIZE 64
#define MEMBERSHIP_BOOT_SIZE 33 /* 32 hexadecimal digits and the NUL */
#define MEMBERSHIP_URL_SIZE 256
/* Who is no member and has not called for so many calls of others is forgotten: it is dead, or it calls again and is
 * noted anew. With 16 gateways that call each second this is a minute. */
#define MEMBERSHIP_FORGET_CALLS 1000
/* A member that calls so often while the ring prepares, and does not say that it has stopped, is granted nothing any
 * more, and so becomes silent: it cannot stop, or hears no answers, and the others do not wait for it without end. At
 * 50 ms between calls these are three seconds. */
#define MEMBERSHIP_UNSAID_MAX 60

/* A gateway as the others know it. */
struct membership_gateway {
	char name[MEMBERSHIP_NAME_SIZE];
	char boot[MEMBERSHIP_BOOT_SIZE];
	char url[MEMBERSHIP_URL_SIZE];	   /* where clients reach it */
	char hop_url[MEMBERSHIP_URL_SIZE]; /* where other gateways do; empty: it takes no requests of theirs */
	uint32_t weight;
	bool member;
	bool next;	    /* only while the ring prepares: it is one afterwards */
	bool leaving;	    /* it said so */
	int64_t renewed_at; /* number of the call that renewed its lease last; no number comes twice */
	int64_t unsaid;	    /* calls since the ring prepares in which it did not say that it has stopped */
	int64_t said;	    /* the highest epoch for the sake of which it has stopped */
	int64_t called_at;  /* number of the call that was its last */
};

struct membership {
	int64_t epoch; /* 0: there never was a member */
	int64_t calls;
	bool preparing;
	size_t count;
	struct membership_gateway list[MEMBERSHIP_GATEWAYS_MAX]; /* in no order */
};

/* Somebody whom the caller has seen silent for the length of a lease. */
struct membership_silence {
	const char *name, *boot;
	int64_t renewed_at;
};

struct membership_call {
	const char *name, *boot, *url, *hop_url;
	uint32_t weight;
	int64_t view; /* the epoch that the caller knows; 0: none */
	int64_t said; /* the epoch for the sake of which it has stopped; 0: none */
	bool leaving; /* it wants to be no member */
	const struct membership_silence *silent;
	size_t silent_count;
};

/* Takes the call, and whatever becomes due by it. ret_lease: the caller has its lease anew, counted from before it
 * asked. -EINVAL: a name, boot or URL that is empty, too long or has other characters than it may (hop_url may be
 * empty, but not NULL); a weight, epoch or count that cannot be; -ENOSPC: so many are members. Nothing is to be written
 * back then. */
int membership_hear(struct membership *m, const struct membership_call *call, bool *ret_lease);

/* -EINVAL: no state that membership_hear leaves behind: two members of one name, next members without a preparation,
 * and the like. For who reads rows. */
int membership_check(const struct membership *m);

#endif
