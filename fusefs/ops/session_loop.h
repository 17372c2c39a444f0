/*
 * session_loop: reads requests of the kernel on a few threads of its own and has them processed.
 *
 * Every request is answered asynchronously, so a request never holds a thread: a handful of threads is enough, and an
 * INTERRUPT is read even with hundreds of calls blocked. (libfuse's own loop starts and ends threads with the load,
 * and cancels them in the middle of a read.) One thread reads at a time. It processes what it reads itself as long as
 * the requests are small and it keeps up: so all requests of a single program are handled by a thread that is awake
 * and has them in its caches. When the thread falls behind, or a request is large, it lets another thread read before
 * it processes that request. The threads share one descriptor: libfuse sends replies there, and the kernel looks for
 * a request on the descriptor that it was read from. Threads: one owner; on_end runs on one of the readers, once.
 */
#ifndef NEPHOS_FUSEFS_OPS_SESSION_LOOP_H
#define NEPHOS_FUSEFS_OPS_SESSION_LOOP_H

#define SESSION_LOOP_THREADS_MIN 2 /* while one thread copies a megabyte, the other can read */
#define SESSION_LOOP_THREADS_MAX 4 /* one per processor up to this number: more threads only mean colder caches */
/* a request up to this size is processed in less time than it takes to wake another thread */
#define SESSION_LOOP_SMALL_BYTES (64 * 1024)
/* so many requests in a row, each with the next one already waiting, are more than a burst of one program */
#define SESSION_LOOP_BEHIND 4
/*
 * How long a reader polls for the next request, yielding the processor, before it sleeps. A program's next request
 * mostly comes within this time (a rename asks for the folder's attributes and the new name first), and waking the
 * reader would cost the program more. Measured: saves 7 % of a create, 8 % of a rename; 20 us saved half of that, 150
 * us no more.
 */
#define SESSION_LOOP_LOOK_NS (50 * 1000)

struct fuse_session;
struct session_loop;

/* on_end: the session is over (unmounted, or the connection broke). Signals should be blocked in the caller, because
 * the threads inherit its mask. */
int session_loop_start(
	struct fuse_session *session, void (*on_end)(void *cookie), void *cookie, struct session_loop **ret);
/* Ends the threads, even when the session goes on; frees the loop. NULL is fine. */
void session_loop_stop(struct session_loop *loop);

#endif
