/*
 * upload_turns: which uploads have a buffer. There are UPLOADS_MAX buffers; a user may have no more than are left
 * free for others, so that another user who comes with a single upload gets a buffer at once, however many the
 * first could use. Waiting uploads are served by user: the user with the fewest buffers first, and for each user
 * in order of arrival. A turn is meant for uploads that arrive at the speed of a disk: while others wait, an
 * upload that is behind UPLOAD_RATE_MIN after UPLOAD_GRACE_MS is slow, and its turn ends with what has arrived.
 * No I/O, no clock, no lock: these are the caller's.
 */
#ifndef NEPHOS_DOCS_UPLOAD_TURNS_H
#define NEPHOS_DOCS_UPLOAD_TURNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UPLOADS_MAX \
	16 /* buffers: 64 MiB of blocks. A single user gets half of them: two cores hash two blocks at a time */
#define UPLOADS_WAITING_MAX 256	       /* waiting uploads; beyond this, and beyond a user's share of it: 429 */
#define UPLOAD_GRACE_MS 500	       /* a scheduling delay, or a lost packet */
#define UPLOAD_RATE_MIN (1024u * 1024) /* bytes a second while others wait */

struct upload_turn {  /* embedded in an upload */
	int64_t user; /* set before upload_turns_ask */
	enum { TURN_NONE, TURN_WAITING, TURN_RUNNING } state;
	int64_t since_ns; /* start of its wait, or of its turn */
	struct upload_turn *prev, *next;
};

struct upload_turns { /* all zeros at first */
	struct upload_turn *waiting, *running;
	unsigned waiting_count, running_count;
};

/* Asks for a turn, for an upload that has none. 1: has a turn; 0: waits for one; -ERR_TOO_MANY. */
int upload_turns_ask(struct upload_turns *all, struct upload_turn *turn, int64_t now_ns);
/* Gives up the turn or the wait, if there is one. */
void upload_turns_leave(struct upload_turns *all, struct upload_turn *turn);
/* Gives a turn to a waiting upload, and returns it. To be called after a turn has ended, until it returns NULL. */
struct upload_turn *upload_turns_next(struct upload_turns *all, int64_t now_ns);
/* Whether an upload that has received so many bytes in its turn is too slow for others to wait for it. */
bool upload_turns_is_slow(const struct upload_turn *turn, size_t bytes, int64_t now_ns);

#endif
