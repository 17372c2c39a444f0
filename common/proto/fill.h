/*
 * fill: the rule of fills. A cache of a drive asks the store (a fill), and several readers wait for the answer.
 * While the answer is on its way, the drive may change, and the journal announces that. This rule decides what such
 * an answer may be used for. Every cache of answers goes by it: the mount for attributes, names, listings, xattrs
 * and content, and a gateway for everything that it keeps.
 *
 *   An answer states which position it saw. It serves every reader that came before the fill was sent, and a reader
 *   that came later if the answer is not older than what was known when that reader came. So no reader sees an older
 *   drive than the one that it, or any reader before it, was shown or told of.
 *   An answer may be kept unless a change of it behind that position was announced (`recent` in the mount records
 *   which changes were).
 *   A kept answer may be shown while it is known to be of the newest position that is known to exist, and while the
 *   cache is being told of changes. That ends by the clock: silence does not mean that nothing changed.
 *
 * Three sources tell which positions exist: the journal, in order and without gaps; answers to own changes, which
 * the journal repeats later; and any answer of the store. When an answer saw more than the first two sources
 * account for, somebody else made a change that is not announced yet. The journal mostly announces it within
 * milliseconds, and while others are at work there is always such a change. So the journal has a short grace; when
 * that is over, nothing kept may be used until the journal has caught up. Embedded. Pure: time and positions are
 * passed in. Not thread-safe.
 */
#ifndef NEPHOS_PROTO_FILL_H
#define NEPHOS_PROTO_FILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILL_OWN_MAX 16u /* own changes behind a gap; the journal repeats those that do not fit, later */

struct fill_range {
	int64_t first, last;
};

/* What is known of the positions of one drive. */
struct fill_view {
	int64_t incarnation;
	int64_t followed; /* every change up to this position is known */
	int64_t newest;	  /* the newest position that is known to exist */
	int64_t trusted_until_ns;
	int64_t grace_ns;
	int64_t behind_seq,
		behind_ns;  /* a known position that is not followed up yet, and since when it is known; 0: none */
	bool followed_once; /* false: no journal was read yet, so the view is never behind */
	struct fill_range own[FILL_OWN_MAX]; /* own changes behind a gap, in order */
	size_t own_count;
};

/* What a reader that waits for an answer knew when it came. */
struct fill_wish {
	int64_t floor;
	bool trusted;
};

/* At first nothing is known: the view is not trusted unless until_ns says so. For grace_ns see above. */
void fill_view_init(struct fill_view *v, int64_t trusted_until_ns, int64_t grace_ns);
/* The journal was read up to seq. The answer proves that there was nothing more at the time until_ns minus the
 * length of trust. until_ns 0: it proves nothing. */
void fill_view_follow(struct fill_view *v, int64_t seq, int64_t now_ns, int64_t until_ns);
/* The journal starts again here, perhaps in another incarnation. */
void fill_view_reset(struct fill_view *v, int64_t incarnation, int64_t seq, int64_t until_ns);
/* The answer to own changes [first, last] has come. */
void fill_view_own(struct fill_view *v, int64_t first, int64_t last, int64_t now_ns);
/* An answer saw this position; 0: it did not say which. */
void fill_view_saw(struct fill_view *v, int64_t incarnation, int64_t seq, int64_t now_ns);

/* Whether the cache is being told of changes. */
bool fill_trusted(const struct fill_view *v, int64_t now_ns);
/* How long fill_trusted stays true without further news. */
int64_t fill_trust_left_ns(const struct fill_view *v, int64_t now_ns);
/* Whether somebody else made a change that is not announced yet. */
bool fill_behind(const struct fill_view *v);
/* The position that a kept answer must have seen to be shown; 0: any kept answer may be. */
int64_t fill_needed(const struct fill_view *v, int64_t now_ns);

/* The wish of a reader that comes now. */
struct fill_wish fill_wish_now(const struct fill_view *v, int64_t now_ns);
/* Whether an answer that saw position seen serves this reader. first: the fill was sent when the reader came, or
 * later. */
bool fill_serves(const struct fill_wish *w, int64_t seen, bool first);

#endif
