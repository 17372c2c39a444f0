/*
 * upload_turns: who of those that upload has a buffer. There are UPLOADS_MAX of them; a user has no more than it leaves
 * free for others, so that one who comes alone finds one at once, however many somebody else could use. Who waits is
 * served by user in turn: the user with the fewest first, in each in the order of coming. A turn is for what comes at
 * the speed of a disk: while others wait, one that is behind UPLOAD_RATE_MIN after UPLOAD_GRACE_MS is slow, and ends
 * with what is there. No I/O, no clock, no lock: the caller's.
 */
#ifndef NEPHOS_DOCS_UPLOAD_TURNS_H
#define NEPHOS_DOCS_UPLOAD_TURNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UPLOADS_MAX 16		/* buffers: 64 MiB of blocks. Half of it for a user alone: two cores hash two of them */
#define UPLOADS_WAITING_MAX 256 /* beyond, and of one user beyond what is left free for others: 429 */
#define UPLOAD_GRACE_MS 500	/* a scheduling delay, or a lost packet */
#define UPLOAD_RATE_MIN (1024u * 1024) /* bytes a second while others wait */

struct upload_turn {  /* embedded by who uploads */
	int64_t user; /* set before it asks */
	enum { TURN_NONE, TURN_WAITING, TURN_RUNNING } state;
	int64_t since_ns; /* that it waits, or runs */
	struct upload_turn *prev, *next;
};

struct upload_turns { /* all zeros at first */
	struct upload_turn *waiting, *running;
	unsigned waiting_count, running_count;
};

/* 1: has a turn; 0: waits for one; -ERR_TOO_MANY. One without any. */
int upload_turns_ask(struct upload_turns *all, struct upload_turn *turn, int64_t now_ns);
/* Has none any more, whatever it had. */
void upload_turns_leave(struct upload_turns *all, struct upload_turn *turn);
/* Gives a turn to one that waited, and returns it. To be called after a turn has ended, until it returns NULL. */
struct upload_turn *upload_turns_next(struct upload_turns *all, int64_t now_ns);
/* Whether one that has got so many bytes in its turn is too slow for others to wait for. */
bool upload_turns_is_slow(const struct upload_turn *turn, size_t bytes, int64_t now_ns);

#endif
