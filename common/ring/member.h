/*
 * member: what one gateway knows of the ring, and what that allows it to do. The gateway calls the ring's book
 * (membership) each second, and looks at it more often, which writes nothing. In between this module answers: is
 * the gateway's lease still running, is the gateway the home of this drive, must it stop being its home.
 *
 * states     what they mean
 *   OUTSIDE    the gateway is no member: it never was, or was left out. It is the home of no drive.
 *   MEMBER     it is a member, and has the present epoch.
 *   STOPPING   the ring prepares. It has to stop the drives that move away from it, and reports nothing before that.
 *   STOPPED    the drives that move are stopped, and its next call says so. It goes on with those that stay.
 * One table has all transitions (member_fsm_print). A new epoch that the gateway had no part in, because it stood
 * still or was cut off, takes away everything that it holds: its drives may have had another home since.
 *
 * A gateway reports a member as silent when it has watched the member for the length of a lease without a renewal.
 * Watching needs an answer of the book within each such time; a gateway without one starts again with all members.
 * (Otherwise the first gateway to get an answer after an outage of the database would leave out all others.)
 *
 * The lease counts from before the call that renewed it, on the clock that the caller passes in, which must be
 * monotonic and count the time that the machine sleeps (CLOCK_BOOTTIME). Check the lease after the request that is
 * to be answered has come: then no answer from memory is given after the lease. tests/model/ring.pml: renew,
 * granted, lapse, stop, say, learn. Pure. Not thread-safe.
 */
#ifndef NEPHOS_RING_MEMBER_H
#define NEPHOS_RING_MEMBER_H

#include "common/ring/membership.h"

#include <stdio.h>

#define MEMBER_LEASE_NS 3000000000ll
/* A gateway that waits counts on a clock that may be faster than the lease holder's, by no more than a thousandth. */
#define MEMBER_SILENCE_NS (MEMBER_LEASE_NS + MEMBER_LEASE_NS / 1000)
#define MEMBER_PERIOD_NS 1000000000ll /* between calls: two may be lost */
#define MEMBER_SOON_NS 50000000ll     /* … while the ring prepares: writes to a drive that moves wait for that */
/* Between looks, while there are other members. A renewal may be seen this much later than it was made, and the
 * drives of a gateway that dies wait this long in addition to its lease. */
#define MEMBER_LOOK_NS 200000000ll
/* … while one of the members is late: a member that learns of the next epoch later than the others holds up all. */
#define MEMBER_LATE_NS (MEMBER_PERIOD_NS + 3 * MEMBER_LOOK_NS)
#define MEMBER_LATE_LOOK_NS 50000000ll

enum member_state { MEMBER_OUTSIDE, MEMBER_MEMBER, MEMBER_STOPPING, MEMBER_STOPPED, MEMBER_STATES };

enum member_duty {
	MEMBER_NOTHING,
	MEMBER_STOP,   /* stop being the home of drives that move (member_moves), then call member_stopped */
	MEMBER_FORGET, /* everything that is held of any drive is invalid: cache, claims, fills in flight */
};

/* How the gateway describes itself to the others. */
struct member_self {
	char name[MEMBERSHIP_NAME_SIZE];
	char boot[MEMBERSHIP_BOOT_SIZE];
	char url[MEMBERSHIP_URL_SIZE];
	char hop_url[MEMBERSHIP_URL_SIZE]; /* empty: it takes no requests of other gateways */
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
	int64_t since_ns[MEMBERSHIP_GATEWAYS_MAX]; /* by row: when the row's last renewal was first seen */
};

/* The content of a call, and when it was sent. */
struct member_call {
	bool look; /* only look at the book: call and silent are not set, and the answer brings no lease */
	struct membership_call call;
	struct membership_silence
		silent[MEMBERSHIP_GATEWAYS_MAX]; /* borrows names from the member, valid until the next answer */
	int64_t sent_ns;
};

/* self is copied; its boot is random, and only this process has it. -EINVAL: membership_hear would refuse it. */
int member_init(struct member *m, const struct member_self *self);
/* The gateway wants to be no member from now on: its next calls say so. */
void member_leave(struct member *m);
/* What to send now: a call if one is due, else a look. The next one is due a period later, whatever becomes of this
 * one. */
void member_ask(struct member *m, int64_t now_ns, struct member_call *ret);
/* The answer to a call: the book after it, and whether the lease was renewed. */
struct member_answer {
	const struct membership *book;
	bool lease;
};
/* Answers come in the order of their calls: the caller has one in flight at a time. A book with an older epoch
 * comes from a database that was set back: nothing that is held counts any more. -EINVAL: not a book; nothing has
 * changed then. */
int member_hear(struct member *m, const struct member_call *call, const struct member_answer *answer, int64_t now_ns,
	enum member_duty *ret_duty);
/* Called after MEMBER_STOP, when the drives that move are stopped. */
void member_stopped(struct member *m);
/* When the next call or look is due. */
int64_t member_next_call_ns(const struct member *m);

bool member_has_lease(const struct member *m, int64_t now_ns);
/* Whether the ring cannot go on to another epoch before this gateway has said that it is ready, or its lease has run
 * out: it is a member, and has not said so. */
bool member_holds_epoch(const struct member *m);
/* The gateways that own the key in the present epoch, as rows of m->book, the home first; returns how many. */
size_t member_owners(const struct member *m, struct span key, size_t *ret_rows, size_t max);
bool member_is_home(const struct member *m, struct span key); /* false for a drive that moves, once it has stopped */
/* Whether the gateway is the home now, and will not be in the epoch that is prepared. */
bool member_moves(const struct member *m, struct span key);

const char *member_state_name(enum member_state state);
void member_fsm_print(FILE *out);

#endif
