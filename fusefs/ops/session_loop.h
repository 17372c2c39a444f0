/*
 * session_loop: reads requests of the kernel on a few threads of its own and has them processed.
 *
 * Every request is answered asynchronously, so that a thread is never held: a handful of them always comes back to
 * read, and an INTERRUPT is read even with hundreds of calls blocked. (libfuse's own loop starts and ends threads as
 * they come and go, and has them cancelled in the middle of a read.) One of them reads at a time, and goes on alone
 * while what it reads is small and it keeps up: a lone program's requests are all met by a thread that is awake and has
 * them in its caches. When it is behind, or a request is large, another one reads on before that is processed. They
 * share one descriptor: replies of libfuse go there, and the kernel looks for a request on the descriptor that it was
 * read from. Threads: one owner; on_end comes on one of the readers, once.
 */
#ifndef NEPHOS_FUSEFS_OPS_SESSION_LOOP_H
#define NEPHOS_FUSEFS_OPS_SESSION_LOOP_H

#define SESSION_LOOP_THREADS_MIN 2 /* one that copies a megabyte does not keep the other from reading */
#define SESSION_LOOP_THREADS_MAX 4 /* one a processor up to here: more of them only means colder caches */
#define SESSION_LOOP_SMALL_BYTES \
	(64 * 1024) /* a request up to this size is processed in less time than it takes to wake another thread */
#define SESSION_LOOP_BEHIND \
	4 /* requests after each of which another one waited already: that is no burst of one program any more */
/*
 * So long a reader looks again and again, letting others have the processor, before it sleeps. A program's next request
 * mostly comes within it (a rename asks for the folder's attributes and the new name first), and to be woken costs the
 * program more. Measured: 7 % of a create, 8 % of a rename; 20 us gave half, 150 us no more.
 */
#define SESSION_LOOP_LOOK_NS (50 * 1000)

struct fuse_session;
struct session_loop;

/* on_end: the session is over (unmounted, or the connection broke). Signals should be blocked in the caller: the
 * threads inherit that. */
int session_loop_start(
	struct fuse_session *session, void (*on_end)(void *cookie), void *cookie, struct session_loop **ret);
/* Ends the threads, also when the session goes on; frees. NULL is fine. */
void session_loop_stop(struct session_loop *loop);

#endif
