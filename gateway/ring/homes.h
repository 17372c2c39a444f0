/*
 * homes: the drives of which this gateway keeps something, and how far it has followed each: those that it is the home
 * of, and replicas of others'. What it keeps of a drive may be served from memory only while it has the claim, and has
 * dropped all that is known to have changed. Whose home it is to be, and whether its lease runs, is not said here
 * (ring.h).
 *
 *   followed   the position up to which everything that was touched has been dropped from the cache
 *   known      the highest position that an answer has named. Whoever was told of it, was told after it was noted here
 *
 * states      what they mean                                              served from memory   changes are sent
 *   NONE        nothing is known; of a drive that is not in the table       no                   no
 *   REPLICA     what is kept is true at followed, and nobody tells what     no                   no
 *               has become of it since, or its home does from time to time
 *   CLAIMING    its row is asked to take this gateway's epoch               no                   no
 *   HELD        it has the claim, and followed = known                      yes                  with the epoch
 *   BEHIND      it has the claim, and something is known that was not       no                   with the epoch
 *               dropped yet: the journal has to tell
 *
 * An answer to a change says what it touched as a stretch of the journal (touched.h). Answers overtake each other: a
 * stretch that does not follow on what was followed is dropped at once, and remembered until the gap is closed, by the
 * answers that are late or by the journal. How many are remembered is bounded; what is not, the journal tells again.
 *
 * Replicas. Who gives a claim up keeps what he has: it is as true as it was. Who gets one (again) does not begin from
 * where the row stands, but from where his replica does, in doubt: the journal has to tell what was touched since, also
 * if no seq has come since, as it knows of a drive in the trash. So nothing of a replica is served before that. A
 * replica of another incarnation, of positions that the row does not have, or of an epoch that is yet to come, is
 * forgotten.
 *
 * A home copies what it keeps to another gateway, and says with it up to where it has followed: homes_offered. What
 * comes is true there, at least. It is taken only if nothing behind that position has been dropped here; then the fence
 * of the cache sees whatever overtakes it. A replica follows by what its home tells it of changes, as a home does by
 * answers, and closes gaps by the journal in the same way.
 *
 * tests/model/ring.pml: claim, have, apply, ask, hear, tell, lift, put. LATE_CLAIM is what the number of a claim is
 * for.
 *
 * Bounded: HOMES_MAX drives; the one that was used the longest ago gives way, and is claimed anew when it is asked for.
 * A replica of a drive that is not in the table yet makes no other one give way.
 * Pure: no I/O, no clock. Not thread-safe.
 */
#ifndef NEPHOS_GATEWAY_RING_HOMES_H
#define NEPHOS_GATEWAY_RING_HOMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOMES_MAX 65536u       /* drives in use at one gateway; 300 bytes each */
#define HOMES_STRETCHES_MAX 8u /* as many changes of one drive as overtake each other */

enum home_state { HOME_NONE, HOME_REPLICA, HOME_CLAIMING, HOME_HELD, HOME_BEHIND, HOME_STATES };

struct homes;

struct home_view {
	enum home_state state;
	int64_t owner; /* the user whose drive it is; 0: not known, or of a replica */
	int64_t epoch; /* of the claim */
	int64_t incarnation, followed, known;
};

/* A stretch of the journal, as a docs service tells it. */
struct home_stretch {
	int64_t incarnation, first, last;
};

/* What is to be done about the cache, before anybody is answered. */
enum home_duty {
	HOME_NOTHING,
	HOME_DROP,   /* the tags that came with the stretch, at its last position */
	HOME_FORGET, /* all answers of the drive: it began another life, or this gateway is not its home any more */
};

int homes_new(size_t max, struct homes **ret); /* max: HOMES_MAX, or fewer for tests. -ENOMEM */
void homes_free(struct homes *h);	       /* NULL is fine */

struct home_view homes_view(struct homes *h, uint32_t drive);
/* Its row is about to be asked, as this user has asked for it. Returns the number of this claim, for its answer; 0: no
 * memory, or nobody may be asked now, as it has the claim or is asking. ret_forgotten: a drive that gave way, whose
 * answers must go; 0: none. A replica is kept until the row has said whether it counts. */
uint64_t homes_claim(struct homes *h, uint32_t drive, int64_t epoch, int64_t user, uint32_t *ret_forgotten);
/* What the row has said. */
struct home_claim {
	int64_t owner, incarnation, seq;
};
/* The row has it. false: too late, it is not that claim's any more; or the drive is not the user's who has asked for
 * it: it takes no place here, so that nobody can fill the table with what is not his. ret_duty: the replica does not
 * count. */
bool homes_claimed(
	struct homes *h, uint32_t drive, uint64_t number, const struct home_claim *claim, enum home_duty *ret_duty);
void homes_refused(struct homes *h, uint32_t drive, uint64_t number); /* or nobody has answered */

/* The answer to a change told what it touched. Of a drive that it does not hold: HOME_NOTHING. */
enum home_duty homes_touched(struct homes *h, uint32_t drive, const struct home_stretch *stretch);
/* An answer has seen this position. HOME_FORGET: it is of another incarnation. */
enum home_duty homes_saw(struct homes *h, uint32_t drive, int64_t incarnation, int64_t seq);
/* An answer may have seen more than is known, and does not say how much: the journal has to tell. */
void homes_doubt(struct homes *h, uint32_t drive);

/* The journal is to be asked: since followed; one question at a time. Returns its number, 0: not now. What is doubted
 * while it is under way has another one follow. */
uint64_t homes_ask(struct homes *h, uint32_t drive, int64_t *ret_since);
/* It has told a stretch (its tags are to be dropped first, if the duty says so), or nothing (NULL: it failed). One that
 * ends before what was known when it was asked is of a drive that was set back: HOME_FORGET. */
enum home_duty homes_told(struct homes *h, uint32_t drive, uint64_t number, const struct home_stretch *stretch);

/* Nothing is known of it any more: its answers must go. */
void homes_forget(struct homes *h, uint32_t drive);
/* It holds this drive no longer, and keeps a replica of it. */
void homes_give_up(struct homes *h, uint32_t drive);
void homes_give_up_all(struct homes *h);
/* Gives up those of which `moves` says so. */
void homes_give_up_if(struct homes *h, bool (*moves)(void *cookie, uint32_t drive), void *cookie);

/* Where the home of a drive stands that copies it. */
struct home_stand {
	int64_t epoch, incarnation, followed;
};
/* Of a drive that it holds. */
bool homes_stand(struct homes *h, uint32_t drive, struct home_stand *ret);
/* A home offers copies. true: what is true there may be kept here, if it was not dropped since (cache_fence, taken
 * after this). false: not from there, or not yet: this gateway has the claim or asks for it, knows of more, or has no
 * room. ret_duty: what is here is of another life. */
bool homes_offered(struct homes *h, uint32_t drive, const struct home_stand *stand, enum home_duty *ret_duty);
bool homes_is_of(struct homes *h, uint32_t drive, int64_t incarnation); /* it is in the table, in that life */

struct homes_counters {
	size_t held, behind, claiming, replicas, lagging; /* lagging: of the replicas, those that
							     * the journal is to tell of */
};
void homes_count(const struct homes *h, struct homes_counters *ret);
const char *home_state_name(enum home_state state);

#endif
