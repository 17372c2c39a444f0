/*
 * client_internal: what the client's own files know of each other. A call is prepared on the caller's thread. From then
 * on only who drives the multi handle touches it (for http_client_perform: the caller's thread). That is the client's
 * thread, but for the beginning of a call when there is little to do: see begin_here. Other threads only put it on the
 * client's list of signalled calls.
 */
#ifndef NEPHOS_HTTP_CLIENT_CLIENT_INTERNAL_H
#define NEPHOS_HTTP_CLIENT_CLIENT_INTERNAL_H

#include "common/http/client/client.h"
#include "common/http/client/sockets.h"

#include <curl/curl.h>
#include <pthread.h>

#define RESPONSE_BYTES_DEFAULT (16u * 1024 * 1024)
#define CONNECT_MS_DEFAULT 2000u
#define DEADLINE_MS_DEFAULT 30000u
#define CONNECTIONS_DEFAULT 64u
#define RECEIVE_BUFFER_BYTES (64 * 1024) /* of one recv of the library's */
#define SEND_BUFFER_BYTES (128 * 1024)	 /* of one pull for it */
#define CONNECTION_AGE_S 60		 /* idle for longer: not used again; below the 75 s after which servers close */
#define EXPECT_BYTES_MIN (1024 * 1024)	 /* a pulled body from this size on asks before it is sent */
/* A call that begins so long after the one before it is sent by its caller, which saves a hand-over; when there are
 * more, the thread does it while the callers go on. */
#define BEGIN_HERE_GAP_NS (150 * 1000) /* ns */
/* Nobody's timer may run out on a caller's thread: timers have a resolution of 1 ms. */
#define BEGIN_HERE_TIMER_NS (2 * 1000000)
/* While calls are made the thread looks at timers this often, so that a call sent by its caller, whose timers are
 * seconds away, need not wake it. */
#define ATTENTIVE_SLEEP_NS ((int64_t)1000 * 1000000)
#define ATTENTIVE_NS ((int64_t)10 * 1000000000)
#define HANDLES_KEPT_MAX 64 /* free handles for asynchronous calls */
#define HOST_KEY_BYTES 280  /* "http://host:port" */

#define DIAL_ADDRESSES_MAX 4 /* of one host, tried one after the other */
#define DIALS_MAX 3	     /* of one call: a kept connection that was dead, or not known any more, and one for luck */

struct plain_connection;

/* What a call of ours has beside what all have. */
struct plain_call {
	bool is; /* it is none of libcurl's */
	bool is_head;
	struct endpoint_address address;
	struct buf head; /* of the request */
	int64_t deadline_ns;
	unsigned dials;
	struct plain_connection *connection; /* from its beginning to its end, but for moments */
	int64_t look_ns;		     /* when it is to be looked at; guarded by plain->lock */
};

struct plain {
	struct http_client *client;
	char *received; /* RECEIVE_BUFFER_BYTES, the client's thread's */
	/* By descriptor; the client's thread's. */
	struct plain_connection **table;
	size_t table_size;

	pthread_mutex_t lock;
	/* Guarded by lock. */
	struct http_call *calls;
	struct plain_connection *idle; /* used last: first */
	struct plain_connection *idle_last;
	size_t idle_count;
	bool closed;		 /* no call can begin any more */
	int64_t check_ns;	 /* when calls are to be looked at: INT64_MAX: never */
	int64_t asleep_until_ns; /* by when the thread looks again without being woken */
};

enum signal { SIGNAL_START = 1, SIGNAL_RESUME = 2, SIGNAL_CANCEL = 4 };

struct http_call {
	struct http_client *client;
	CURL *easy;
	struct curl_slist *fields;
	struct http_call_options options; /* url and headers are not kept in it */
	void *cookie;
	void (*done)(void *cookie, struct http_response *response);
	struct http_response response;
	int error;	   /* of a callback, that ended the call */
	unsigned attempts; /* requests begun: the library repeats on a kept connection that turns out dead */
	bool replayable;   /* may be repeated after some of it was sent */
	bool head_done;	   /* the final head is complete */
	bool here;	   /* driven by the thread that began it, which may hold any lock: callbacks have to wait */
	bool head_owed;	   /* on_head has */
	bool blocking;	   /* by http_client_perform */
	bool running;	   /* in the multi handle; the driver's */
	bool paused_in;	   /* by our own callbacks: waiting then is not the other side's fault */
	bool paused_out;
	uint64_t pulled;
	int64_t last_byte_ns; /* for stall_ms */

	/* With a greeter. libcurl asks for a socket and gets none; then the call leaves it until there is a connection
	 * to a known peer, and begins anew with that. */
	char peer[HTTP_PEER_SIZE];
	bool is_local; /* over a unix socket: who may enter its folder is greeted by nobody */
	struct endpoint_address addresses[DIAL_ADDRESSES_MAX]; /* that libcurl wanted to connect to */
	size_t address_count;
	size_t next_address;
	struct dial *dial; /* under way; then it is not in the multi handle */
	int64_t dial_until_ns;
	int64_t dialed_ns; /* when the dial began */
	unsigned dials;
	int ready_fd;  /* the connection for the next socket that libcurl asks for; -1: none */
	bool was_sent; /* an attempt before this one may have been */
	bool unknown;  /* the other side does not know us on this connection */
	struct http_call *next_dialing;

	struct plain_call plain; /* then nothing above that is libcurl's is there */

	struct http_call *prev, *next; /* the client's list of calls, the driver's; or plain's */

	/* Guarded by client->lock. */
	unsigned signals;
	struct http_call *next_signalled;
};

struct http_client {
	struct http_client_options options;
	struct plain plain;
	char *user_agent;
	int wake_fd;
	pthread_t thread;
	bool started; /* the maker's */

	/* Who drives the multi handle. The thread waits for it and holds it whenever it is not asleep, callbacks
	 * included; others only try, whatever locks of their own they hold. */
	pthread_mutex_t driving;
	/* Guarded by driving. */
	CURLM *multi;
	struct sockets sockets;
	struct http_call *calls;
	int call_count;
	struct http_call *dialing;
	int64_t curl_timer_ns;	/* -1: none */
	int64_t stall_check_ns; /* when to look for stalled calls */
	int64_t asleep_until_ns;
	int64_t begun_ns; /* the last call */
	bool ended;	  /* no call can begin any more */
	bool cutting;	  /* what is closed now was not finished */

	pthread_mutex_t lock; /* taken with driving held, never the other way round */
	/* Guarded by lock. */
	bool stopping;
	bool sleeping; /* its thread, or it is about to: wake it */
	struct http_call *signalled;
	struct http_call **signalled_tail;
	CURL *free_handles[HANDLES_KEPT_MAX];
	size_t free_count;
	struct blocking_handle *blocking; /* idle ones, most recently used first */
	size_t blocking_count;
};

struct blocking_handle {
	struct blocking_handle *next;
	CURL *easy;
	char host[HOST_KEY_BYTES];
};

/* call.c */
int call_prepare(struct http_call *call, struct http_client *client,
	const struct http_call_options *options); /* what all calls have; -EINVAL: the peer is too long */
void call_forget_options(struct http_call *call); /* those that belong to the caller */
int call_init(struct http_call *call, struct http_client *client, CURL *easy, const struct http_call_options *options);
void call_fini(struct http_call *call);			 /* all but the handle */
void call_finish(struct http_call *call, CURLcode code); /* fills call->response */
bool call_writes_itself(const char *name);		 /* fields of the framing: they are never the caller's */
int call_tell_head(struct http_call *call);		 /* what on_head says, if it is owed; else 0 */
bool call_is_stalled(const struct http_call *call, int64_t now_ns);
int call_waiting(const struct http_call *call, int64_t now_ns); /* what options.waiting says, 0 where it is not asked */

/* Whether the call ended for want of a connection to a known peer, and may go on with one. */
bool call_wants_dial(struct http_call *call, CURLcode code);
/* To the next address of the host. A failure ends the call. */
int call_dial(struct http_call *call);
/* Once more with another connection, which call->ready_fd may be. */
void call_begin_anew(struct http_call *call);
unsigned call_connect_ms(const struct http_call *call);

/* dialing.c: calls that wait for a connection; by who drives. */
int dialing_start(struct http_call *call);	 /* 0: it waits */
bool dialing_act(struct http_client *c, int fd); /* false: no call waits for this one */
void dialing_stop(struct http_call *call);
void dialing_check(struct http_client *c, int64_t now_ns); /* deadlines */

/* client.c: ends a call, or has it go on with another connection. */
void client_over(struct http_call *call, CURLcode code, int error);
/* Back into the multi handle. */
void client_run_again(struct http_call *call);
void client_wake(struct http_client *c);	    /* its thread, if it sleeps; any thread */
void client_forget_signals(struct http_call *call); /* it ends, and takes them with it */
void client_look_again_by(struct http_client *c, int64_t when_ns);

/* client.c: libcurl closes a socket of the multi handle. */
int client_on_close(void *cookie, curl_socket_t fd);

/*
 * plain.c: calls without libcurl.
 */

int plain_init(struct plain *p, struct http_client *client);
void plain_fini(struct plain *p); /* after the client's thread has ended */

/* Whether it is one for here. */
bool plain_takes(const struct http_call_options *options);
/* -EINVAL: no URL, or one that cannot be sent. -ENOMEM */
int plain_call_init(struct http_call *call, const struct http_call_options *options);
void plain_call_fini(struct http_call *call);
/* By its caller. 0: it is on its way, and may be over already. -EAGAIN: the client's thread is to begin it
 * (plain_begin). -ECANCELED: the client ends. */
int plain_start(struct http_call *call);

/* ---- by the client's thread ---- */

bool plain_begin(struct http_call *call); /* false: it is over at once */
void plain_resume(struct http_call *call);
void plain_end(struct http_call *call, int error); /* 0: its response is complete */
/* An event of a descriptor; false: it is none of ours. */
bool plain_act(struct plain *p, int fd, uint32_t events);
/* Deadlines, and callers who want to know that it takes long. */
void plain_check(struct plain *p, int64_t now_ns);
/* The earlier of when_ns and when it has to look at its own; until then it may sleep. */
int64_t plain_sleep_until(struct plain *p, int64_t when_ns);
void plain_close(struct plain *p); /* ends all calls, for ever */

/* perform.c */
void perform_fini(struct http_client *c);

#endif
