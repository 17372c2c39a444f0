/*
 * fill: the rule of fills. A cache of a drive asks the store (a fill), several wait for the answer, and while it is on
 * its way the drive may change, which the journal announces. What an answer is good for then, everybody who keeps
 * answers decides by this one rule: the mount for attributes, names, listings, xattrs and content, and a gateway for
 * whatever it keeps.
 *
 *   An answer says which position it saw. It is good for whoever came before the fill was sent, and for whoever came
 *   later when it is not older than what was known when he came. So nobody sees an
 *   older drive than the one that he, or anybody before him, was shown or told of.
 *   It may be kept unless a change of it behind that position was announced (`recent` in the mount remembers which).
 *   What is kept may be shown while it is known to be of the newest position that is known to exist, and while somebody
 *   tells what changes. That ends by the clock: silence is no news.
 *
 * Positions that exist are known from three sides: the journal in its order, without gaps; own changes, from their
 * answers, which the journal repeats later; and any answer of the store. When an answer saw more than the first two
 * account for, somebody else changed something that is not announced yet. The journal mostly tells within milliseconds,
 * and while others are at work there is always something: so it has a short grace, and when that is over, what is kept
 * counts for nothing until it has told. Embedded. Pure: time and positions are passed in. Not thread-safe.
 */
#ifndef NEPHOS_PROTO_FILL_H
#define NEPHOS_PROTO_FILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILL_OWN_MAX 16u /* ranges of own changes behind a gap; what does not fit is told by the journal, later */

struct fill_range {
	int64_t first, last;
};

/* What is known of one drive's positions. */
struct fill_view {
	int64_t incarnation;
	int64_t followed; /* every change up to here is known */
	int64_t newest;	  /* that exists */
	int64_t trusted_until_ns;
	int64_t grace_ns;
	int64_t behind_seq,
		behind_ns;  /* a position that exists and was not followed up, and since when that is known; 0: none */
	bool followed_once; /* before, nothing was said, and nothing is asked for */
	struct fill_range own[FILL_OWN_MAX]; /* own changes that others' come before, in order */
	size_t own_count;
};

/* Who waits for an answer: what was known when he came. */
struct fill_wish {
	int64_t floor;
	bool trusted;
};

/* Nothing is known: not trusted unless until_ns says so. grace_ns: as above. */
void fill_view_init(struct fill_view *v, int64_t trusted_until_ns, int64_t grace_ns);
/* The journal was read up to seq: by an answer that proves that there was nothing more at until_ns less the length of
 * trust. 0: it proves nothing. */
void fill_view_follow(struct fill_view *v, int64_t seq, int64_t now_ns, int64_t until_ns);
/* The journal begins anew here, perhaps in another incarnation. */
void fill_view_reset(struct fill_view *v, int64_t incarnation, int64_t seq, int64_t until_ns);
/* Changes [first, last] are ours: their answer came. */
void fill_view_own(struct fill_view *v, int64_t first, int64_t last, int64_t now_ns);
/* An answer saw this position; 0: it did not say. */
void fill_view_saw(struct fill_view *v, int64_t incarnation, int64_t seq, int64_t now_ns);

/* Somebody tells us what changes. */
bool fill_trusted(const struct fill_view *v, int64_t now_ns);
/* How long that holds, without more news. */
int64_t fill_trust_left_ns(const struct fill_view *v, int64_t now_ns);
/* Somebody else changed something that is not told yet. */
bool fill_behind(const struct fill_view *v);
/* What must have been seen for it to be shown; 0: anything that is kept. */
int64_t fill_needed(const struct fill_view *v, int64_t now_ns);

/* Who comes now. */
struct fill_wish fill_wish_now(const struct fill_view *v, int64_t now_ns);
/* Whether an answer of position seen serves him. first: the fill was sent when he came, or later. */
bool fill_serves(const struct fill_wish *w, int64_t seen, bool first);

#endif
