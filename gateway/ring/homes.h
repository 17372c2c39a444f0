/*
 * homes: the drives that this gateway is the home of, and how far it has followed each. What it keeps of a drive may be
 * served from memory only while it has dropped all that is known to have changed. Whose home it is to be, and whether
 * its lease runs, is not said here (ring.h).
 *
 *   followed   the position up to which everything that was touched has been dropped from the cache
 *   known      the highest position that an answer has named. Whoever was told of it, was told after it was noted here
 *
 * states      what they mean                                              served from memory   changes are sent
 *   NONE        nothing is known; of a drive that is not in the table       no                   no
 *   CLAIMING    its row is asked to take this gateway's epoch               no                   no
 *   HELD        it has the claim, and followed = known                      yes                  with the epoch
 *   BEHIND      it has the claim, and something is known that was not       no                   with the epoch
 *               dropped yet: the journal has to tell
 *
 * An answer to a change says what it touched as a stretch of the journal (touched.h). Answers overtake each other: a
 * stretch that does not follow on what was followed is dropped at once, and remembered until the gap is closed, by the
 * answers that are late or by the journal. How many are remembered is bounded; what is not, the journal tells again.
 *
 * tests/model/ring.pml: claim, have, apply, ask, hear, tell. LATE_CLAIM is what the number of a claim is for.
 *
 * Bounded: HOMES_MAX drives; the one that was used the longest ago gives way, and is claimed anew when it is asked for.
 * Pure: no I/O, no clock. Not thread-safe.
 */
#ifndef NEPHOS_GATEWAY_RING_HOMES_H
#define NEPHOS_GATEWAY_RING_HOMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOMES_MAX 65536u       /* drives in use at one gateway; 300 bytes each */
#define HOMES_STRETCHES_MAX 8u /* as many changes of one drive as overtake each other */

enum home_state { HOME_NONE, HOME_CLAIMING, HOME_HELD, HOME_BEHIND, HOME_STATES };

struct homes;

struct home_view {
	enum home_state state;
	int64_t owner; /* the user whose drive it is; 0: not known yet */
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
	HOME_FORGET, /* all of the drive: it is in another life, or it is not this gateway's any more */
};

int homes_new(size_t max, struct homes **ret); /* max: HOMES_MAX, or fewer for tests. -ENOMEM */
void homes_free(struct homes *h);	       /* NULL is fine */

struct home_view homes_view(struct homes *h, uint32_t drive);
/* Its row is about to be asked, as this user has asked for it. Returns the number of this claim, for its answer; 0: no
 * memory, or nobody may be asked now, as it has the claim or is asking. ret_forgotten: a drive that gave way, whose
 * answers must go; 0: none. */
uint64_t homes_claim(struct homes *h, uint32_t drive, int64_t epoch, int64_t user, uint32_t *ret_forgotten);
/* What the row has said. */
struct home_claim {
	int64_t owner, incarnation, seq;
};
/* The row has it. false: too late, it is not that claim's any more; or the drive is not the user's who has asked for
 * it: it takes no place here, so that nobody can fill the table with what is not his. */
bool homes_claimed(struct homes *h, uint32_t drive, uint64_t number, const struct home_claim *claim);
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

/* It holds this drive no longer. */
void homes_give_up(struct homes *h, uint32_t drive);
void homes_give_up_all(struct homes *h);
/* Gives up those of which `moves` says so, and tells of each. */
void homes_give_up_if(struct homes *h, bool (*moves)(void *cookie, uint32_t drive),
	void (*gone)(void *cookie, uint32_t drive), void *cookie);

struct homes_counters {
	size_t held, behind, claiming;
};
void homes_count(const struct homes *h, struct homes_counters *ret);
const char *home_state_name(enum home_state state);

#endif
