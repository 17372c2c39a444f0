/*
 * member: what one gateway knows of the ring, and what it may do by it. It calls the ring's book (membership) each
 * second, and looks at it more often, which writes nothing; in between it answers: is this gateway's lease still
 * running, is it the home of this drive, must it stop to be that.
 *
 * states     what they mean, and who leaves them
 *   OUTSIDE    it is no member: never was, or was left out. It is nobody's home.
 *   MEMBER     it is one, and knows the present epoch.
 *   STOPPING   the ring prepares. Drives that move away from it are to be stopped; it says nothing before they are.
 *   STOPPED    they are, and its next call says so. It goes on with those that stay.
 * Every way between them is in one table (member_fsm_print). A new epoch that it had no part in, as it stood still or
 * was cut off, takes away all that it holds: its drives may have been another's since.
 *
 * It names as silent whom it has watched for the length of a lease without a renewal. To watch is to hear an answer
 * within each such time: who did not, begins anew with everybody. (Otherwise the first one to be answered after an
 * outage of the database would leave out all others.)
 *
 * The lease counts from before the call that renewed it, on the clock that the caller passes in, which must be
 * monotonic and count the time that the machine sleeps (CLOCK_BOOTTIME). Ask for it after whatever is to be answered
 * has come: then no answer from memory is given after the lease. tests/model/ring.pml: renew, granted, lapse, stop,
 * say, learn. Pure. Not thread-safe.
 */
#ifndef NEPHOS_RING_MEMBER_H
#define NEPHOS_RING_MEMBER_H

#include "common/ring/membership.h"

#include <stdio.h>

#define MEMBER_LEASE_NS 3000000000ll
/* Who waits counts on a clock that may be faster than that of who has the lease, by no more than a thousandth. */
#define MEMBER_SILENCE_NS (MEMBER_LEASE_NS + MEMBER_LEASE_NS / 1000)
#define MEMBER_PERIOD_NS 1000000000ll /* between calls: two may be lost */
#define MEMBER_SOON_NS 50000000ll     /* … while the ring prepares: writes to a drive that moves wait for it */
/* Between looks, while there are others. By so much later than it was made a renewal may be seen, and for so long the
 * drives of who dies then wait in addition to his lease. */
#define MEMBER_LOOK_NS 200000000ll
/* … while one of them is late: who is told of the next epoch later than the others holds up all. */
#define MEMBER_LATE_NS (MEMBER_PERIOD_NS + 3 * MEMBER_LOOK_NS)
#define MEMBER_LATE_LOOK_NS 50000000ll

enum member_state { MEMBER_OUTSIDE, MEMBER_MEMBER, MEMBER_STOPPING, MEMBER_STOPPED, MEMBER_STATES };

enum member_duty {
	MEMBER_NOTHING,
	MEMBER_STOP,   /* stop to be home of what moves (member_moves), then say member_stopped */
	MEMBER_FORGET, /* nothing that is held of any drive counts any more: cache, claims, fills on their way */
};

/* Who it is, as it tells the others. */
struct member_self {
	char name[MEMBERSHIP_NAME_SIZE];
	char boot[MEMBERSHIP_BOOT_SIZE];
	char url[MEMBERSHIP_URL_SIZE];
	char hop_url[MEMBERSHIP_URL_SIZE]; /* empty: no requests of other gateways */
	uint32_t weight;
};

struct member {
	struct member_self self;
	bool leaving;
	enum member_state state;
	int64_t lease_until_ns;
	int64_t next_call_ns;
	int64_t next_look_ns;
	int64_t heard_ns;			   /* when the last answer came */
	struct membership book;			   /* of the last answer */
	int64_t since_ns[MEMBERSHIP_GATEWAYS_MAX]; /* by row: when its last renewal was first seen */
};

/* What a call says, and what it was sent with. */
struct member_call {
	bool look; /* it is a look at the book: there is no more to it, and its answer brings no lease */
	struct membership_call call;
	struct membership_silence
		silent[MEMBERSHIP_GATEWAYS_MAX]; /* borrows names from the member, until the next answer */
	int64_t sent_ns;
};

/* self is copied; its boot is from random, of this process alone. -EINVAL: membership_hear would refuse it. */
int member_init(struct member *m, const struct member_self *self);
/* It wants to be no member from now on: its next calls say so. */
void member_leave(struct member *m);
/* What to ask now: a call when one is due, else a look. The next one is due a period later, whatever comes of it. */
void member_ask(struct member *m, int64_t now_ns, struct member_call *ret);
/* The answer to a call: the book after it, and whether the lease was renewed. */
struct member_answer {
	const struct membership *book;
	bool lease;
};
/* Answers come in the order of their calls: the caller has one under way at a time. A book of an older epoch is that of
 * a database that was set back: nothing that is held counts any more. -EINVAL: no book; nothing has changed then. */
int member_hear(struct member *m, const struct member_call *call, const struct member_answer *answer, int64_t now_ns,
	enum member_duty *ret_duty);
/* What moves is stopped, after MEMBER_STOP. */
void member_stopped(struct member *m);
/* When the next call or look is due. */
int64_t member_next_call_ns(const struct member *m);

bool member_has_lease(const struct member *m, int64_t now_ns);
/* The gateways that own the key in the present epoch, as rows of m->book, the home first; returns how many. */
size_t member_owners(const struct member *m, struct span key, size_t *ret_rows, size_t max);
bool member_is_home(const struct member *m, struct span key); /* not any more where it said that it has stopped */
/* It is home now, and is not to be in the epoch that is prepared. */
bool member_moves(const struct member *m, struct span key);

const char *member_state_name(enum member_state state);
void member_fsm_print(FILE *out);

#endif
