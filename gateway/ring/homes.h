/*
 * homes: the drives of which this gateway keeps answers, and how far it has followed each of them: drives whose
 * home it is, and replicas of drives of other homes. Answers about a drive may be served from memory only while
 * this gateway has the claim and has dropped everything that is known to have changed. Which gateway is to be the
 * home, and whether the lease runs, this module does not say (ring.h).
 *
 *   followed   the position up to which everything that was touched has been dropped from the cache
 *   known      the highest position that an answer has named. It is noted here before a client gets that answer
 *
 * states      what they mean                                              served from memory   changes are sent
 *   NONE        nothing is known of the drive: it is not in the table       no                   no
 *   REPLICA     what is kept is true at followed. Later changes come from   no                   no
 *               the home from time to time, or not at all
 *   CLAIMING    its row is asked to take this gateway's epoch               no                   no
 *   HELD        it has the claim, and followed = known                      yes                  with the epoch
 *   BEHIND      it has the claim, but something that is known was not       no                   with the epoch
 *               dropped yet: the journal has to be asked
 *
 * The answer to a change says what the change touched, as a stretch of the journal (touched.h). Answers can
 * overtake each other. The tags of a stretch that does not begin right after `followed` are dropped at once, and
 * the stretch is remembered until the gap before it is closed, by the late answers or by the journal. The number
 * of remembered stretches is bounded; the journal repeats those that were not remembered.
 *
 * Replicas. A gateway that gives up a claim keeps its answers: they are as true as they were. A gateway that gets
 * a claim (again) starts not at the position of the drive's row but at that of its replica, and in doubt: it asks
 * the journal what was touched since, even if no seq has come since, because the journal's answer also shows that a
 * drive is in the trash. So nothing of a replica is served before the journal has answered. A replica is
 * dropped if it is of another incarnation, of positions that the row does not have, or of an epoch later than
 * that of the claim.
 *
 * A home copies what it keeps to another gateway, and sends along the position up to which it has followed the
 * drive (homes_offered). The copies are true at that position or a later one. They are taken only if this gateway
 * has dropped nothing later than that position; the fence of the cache then catches every drop that overtakes them. A
 * replica follows by the changes that its home sends, as a home does by answers, and closes gaps by the journal
 * in the same way.
 *
 * tests/model/ring.pml: claim, have, apply, ask, hear, tell, lift, put. The number of a claim is the guard that
 * LATE_CLAIM takes away.
 *
 * Bounded: HOMES_MAX drives. The one that was used the longest ago is evicted, and is claimed anew at the next
 * request for it. A replica of a drive that is not in the table yet evicts no other drive. Pure: no I/O, no
 * clock. Not thread-safe.
 */
#ifndef NEPHOS_GATEWAY_RING_HOMES_H
#define NEPHOS_GATEWAY_RING_HOMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOMES_MAX 65536u       /* drives in use at one gateway; 300 bytes each */
#define HOMES_STRETCHES_MAX 8u /* remembered for one drive: changes that overtook earlier ones */

enum home_state { HOME_NONE, HOME_REPLICA, HOME_CLAIMING, HOME_HELD, HOME_BEHIND, HOME_STATES };

struct homes;

struct home_view {
	enum home_state state;
	int64_t owner; /* the user whose drive it is; 0: not known, or the drive is a replica */
	int64_t epoch; /* of the claim */
	int64_t incarnation, followed, known;
};

/* A stretch of the journal, as a docs service reports it. */
struct home_stretch {
	int64_t incarnation, first, last;
};

/* What the caller has to do to the cache before it answers anybody. */
enum home_duty {
	HOME_NOTHING,
	HOME_DROP,   /* drop the tags that came with the stretch, at its last position */
	HOME_FORGET, /* drop all answers of the drive: another incarnation, or another home */
};

int homes_new(size_t max, struct homes **ret); /* max: HOMES_MAX, or fewer for tests. -ENOMEM */
void homes_free(struct homes *h);	       /* NULL is fine */

struct home_view homes_view(struct homes *h, uint32_t drive);
/* The caller is about to send the claim to the drive's row, for a request of this user; 0: of a user who may change
 * the drive whoever owns it. Returns the number of the claim, which its answer must name; 0: no memory, or no claim
 * may be sent now, because this gateway has the claim or is asking for it. ret_forgotten: a drive that was evicted,
 * whose answers must be dropped; 0: none. A replica is kept until the row's answer shows whether it can be used. */
uint64_t homes_claim(struct homes *h, uint32_t drive, int64_t epoch, int64_t user, uint32_t *ret_forgotten);
/* What the row's answer says. */
struct home_claim {
	int64_t owner, incarnation, seq;
};
/* The row has taken the claim. false: the answer is too late, as its claim does not stand any more; or the drive
 * does not belong to the user who asked for it. Such a drive takes no place in the table, so that nobody can fill
 * the table with drives of others. ret_duty: HOME_FORGET if the replica cannot be used. */
bool homes_claimed(
	struct homes *h, uint32_t drive, uint64_t number, const struct home_claim *claim, enum home_duty *ret_duty);
void homes_refused(struct homes *h, uint32_t drive, uint64_t number); /* also when no service has answered */

/* The answer to a change says what the change touched. HOME_NOTHING for a drive that is not in the table. */
enum home_duty homes_touched(struct homes *h, uint32_t drive, const struct home_stretch *stretch);
/* An answer has seen this position. HOME_FORGET: the position is of another incarnation. */
enum home_duty homes_saw(struct homes *h, uint32_t drive, int64_t incarnation, int64_t seq);
/* An answer may have seen more than `known`, and does not say how much: the journal has to be asked. */
void homes_doubt(struct homes *h, uint32_t drive);

/* Says whether the journal is to be asked for what came after `followed` (ret_since). One question is in flight
 * at a time for each drive. Returns the number of the question; 0: not now. Doubt that arises while the question
 * is in flight leads to another one afterwards. */
uint64_t homes_ask(struct homes *h, uint32_t drive, int64_t *ret_since);
/* The journal has answered with a stretch, whose tags the caller drops if the returned duty says so; NULL: the
 * question failed. HOME_FORGET: the stretch is of another incarnation, or ends before the position that was known
 * when the question was sent, so the drive was set back. */
enum home_duty homes_told(struct homes *h, uint32_t drive, uint64_t number, const struct home_stretch *stretch);

/* Removes the drive from the table. The caller must drop its answers. */
void homes_forget(struct homes *h, uint32_t drive);
/* This gateway gives up the claim of the drive, and keeps a replica of it. */
void homes_give_up(struct homes *h, uint32_t drive);
void homes_give_up_all(struct homes *h);
/* Gives up the drives for which `moves` returns true. */
void homes_give_up_if(struct homes *h, bool (*moves)(void *cookie, uint32_t drive), void *cookie);

/* The position at which the home of a drive copies it. */
struct home_stand {
	int64_t epoch, incarnation, followed;
};
/* false: this gateway does not have the claim of the drive. */
bool homes_stand(struct homes *h, uint32_t drive, struct home_stand *ret);
/* A home offers copies. true: copies that are true at this position may be kept here, if their tags have not been
 * dropped since (cache_fence, noted before this call). false: they cannot, or not yet: this gateway has the claim
 * or asks for it, knows of a later position, or has no room. ret_duty: HOME_FORGET if the entries here are of
 * another incarnation. */
bool homes_offered(struct homes *h, uint32_t drive, const struct home_stand *stand, enum home_duty *ret_duty);
/* Whether the drive is in the table, in that incarnation. */
bool homes_is_of(struct homes *h, uint32_t drive, int64_t incarnation);

struct homes_counters {
	size_t held, behind, claiming, replicas, lagging; /* lagging: replicas about which the journal is to be asked */
};
void homes_count(const struct homes *h, struct homes_counters *ret);
const char *home_state_name(enum home_state state);

#endif
