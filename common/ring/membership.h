/*
 * membership: which gateways are members of the ring, as the database has it. Each gateway calls once a second,
 * through any docs service. The service takes the rows, lets this module change them, and writes them back, in one
 * transaction that holds the lock of the ring's row. So all calls come one after the other, whichever service they
 * go through.
 *
 * A gateway is one process. It has a name, which placement uses, and a boot, which no other process ever had. A
 * process that starts again after a crash is another gateway of the same name, and waits until the lease of the
 * former one is over. Any other waiting process of that name is dead, and is forgotten.
 *
 * Members change in two steps. *Propose*: the next members are written down, the ring prepares, and no second
 * change begins. Each member then stops being the home of the drives that move away from it, and says so in its
 * next call. *Activate*: when each member has said so or is silent, the next members become the members, and the
 * epoch grows by one. An epoch's members never change.
 *
 * *Silent* is a member that the caller reports as silent, with proof that it has watched for long enough. Callers
 * see which call was the last to renew each member's lease. A caller that has seen the same number for the length
 * of a lease, on its own monotonic clock, reports the member with this number. This module compares it: a member
 * that has renewed meanwhile is not silent. Calls are numbered for ever. (A count of a member's own renewals would
 * start again with its row, and the same number could come again.)
 *
 * Each call of a member that has the present epoch renews its lease, also while the ring prepares (within
 * MEMBERSHIP_UNSAID_MAX), and also after it was silent: only a gateway that is no member any more gets none.
 * tests/model/ring.pml is the protocol; the steps renew, propose, say and activate are here. Pure. Not thread-safe.
 */
#ifndef NEPHOS_RING_MEMBERSHIP_H
#define NEPHOS_RING_MEMBERSHIP_H

#include "common/ring/placement.h"

#include <stdbool.h>
#include <stdint.h>

#define MEMBERSHIP_GATEWAYS_MAX PLACEMENT_MEMBERS_MAX /* rows: members, and gateways that wait to be one */
#define MEMBERSHIP_NAME_SIZE 64
#define MEMBERSHIP_BOOT_SIZE 33 /* 32 hexadecimal digits and the NUL */
#define MEMBERSHIP_URL_SIZE 256
/* A gateway that is no member and has not called during so many calls of others is forgotten: it is dead, or it
 * calls again and is noted anew. With 16 gateways that call each second this is a minute. */
#define MEMBERSHIP_FORGET_CALLS 1000
/* A member that makes so many calls while the ring prepares, and does not say that it has stopped, gets no lease
 * any more, and so becomes silent: it cannot stop, or gets no answers, and the others do not wait for it without
 * end. At 50 ms between calls these are three seconds. */
#define MEMBERSHIP_UNSAID_MAX 60

/* A gateway as the others know it. */
struct membership_gateway {
	char name[MEMBERSHIP_NAME_SIZE];
	char boot[MEMBERSHIP_BOOT_SIZE];
	char url[MEMBERSHIP_URL_SIZE];	   /* where clients reach it */
	char hop_url[MEMBERSHIP_URL_SIZE]; /* where other gateways reach it; empty: it takes no requests of theirs */
	uint32_t weight;
	bool member;
	bool next;	    /* a member of the next epoch; only while the ring prepares */
	bool leaving;	    /* it said that it wants to leave */
	int64_t renewed_at; /* number of the last call that renewed its lease; no number comes twice */
	int64_t unsaid;	    /* its calls during the preparation without saying that it has stopped */
	int64_t said;	    /* the highest epoch for which it has said that it stopped */
	int64_t called_at;  /* number of its last call */
};

struct membership {
	int64_t epoch; /* 0: there never was a member */
	int64_t calls;
	bool preparing;
	size_t count;
	struct membership_gateway list[MEMBERSHIP_GATEWAYS_MAX]; /* in no order */
};

/* A member that the caller has seen silent for the length of a lease. */
struct membership_silence {
	const char *name, *boot;
	int64_t renewed_at;
};

struct membership_call {
	const char *name, *boot, *url, *hop_url;
	uint32_t weight;
	int64_t view; /* the epoch that the caller has; 0: none */
	int64_t said; /* the epoch for which the caller has stopped; 0: none */
	bool leaving; /* the caller wants to be no member */
	const struct membership_silence *silent;
	size_t silent_count;
};

/* Processes the call, and every step that it makes due. ret_lease: the caller's lease is renewed, counted from
 * before it sent the call. -EINVAL: a name, boot or URL that is empty, too long or has invalid characters (hop_url
 * may be empty, but not NULL), or an impossible weight, epoch or count. -ENOSPC: the table is full of members.
 * After an error nothing must be written back. */
int membership_hear(struct membership *m, const struct membership_call *call, bool *ret_lease);

/* -EINVAL: a state that membership_hear never leaves behind: two members of one name, next members without a
 * preparation, and the like. For code that reads rows. */
int membership_check(const struct membership *m);

#endif
