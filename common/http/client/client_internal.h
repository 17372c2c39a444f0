/*
 * client_internal: the types and functions that the client's own files share. A call is prepared on the caller's
 * thread. From then on only the thread that drives the multi handle touches it (for http_client_perform: the
 * caller's thread). The driver is the client's thread, except at the beginning of a call when there is little to
 * do: see begin_here. Other threads only put the call on the client's list of signalled calls.
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
#define RECEIVE_BUFFER_BYTES (64 * 1024) /* of one recv of libcurl's */
#define SEND_BUFFER_BYTES (128 * 1024)	 /* of one pull for libcurl */
#define CONNECTION_AGE_S 60	   /* when idle for longer, not used again; below the 75 s after which servers close */
#define OUTDATED_MS_DEFAULT 10000u /* all calls but streams end by themselves in this time */
#define EXPECT_BYTES_MIN (1024 * 1024) /* from this size on, the server is asked before a pulled body is sent */
/* A call that begins at least this long after the one before it is sent by its caller, which saves a hand-over.
 * When calls are more frequent, the client's thread sends them while their callers go on. */
#define BEGIN_HERE_GAP_NS (150 * 1000) /* ns */
/* No timer of another call may run out on a caller's thread: timers have a resolution of 1 ms. */
#define BEGIN_HERE_TIMER_NS (2 * 1000000)
/* While calls are made, the client's thread looks at timers at least this often. So a call that its caller sends,
 * and whose timers are seconds away, need not wake the thread. */
#define ATTENTIVE_SLEEP_NS ((int64_t)1000 * 1000000)
#define ATTENTIVE_NS ((int64_t)10 * 1000000000)
#define HANDLES_KEPT_MAX 64 /* free handles for asynchronous calls */
#define HOST_KEY_BYTES 280  /* "http://host:port" */

#define DIAL_ADDRESSES_MAX 4 /* of one host, tried one after the other */
#define DIALS_MAX 3 /* of one call: for a kept connection that was dead, or does not know us any more, and one spare */

struct plain_connection;

/* The members that a call has only if plain.c makes it. */
struct plain_call {
	bool is; /* plain.c makes the call, not libcurl */
	bool is_head;
	struct endpoint_address address;
	struct buf head; /* of the request */
	int64_t deadline_ns;
	unsigned dials;
	struct plain_connection *connection; /* set from the beginning to the end of the call, except for moments */
	int64_t look_ns;		     /* when plain_check has to look at the call; guarded by plain->lock */
};

struct plain {
	struct http_client *client;
	char *received; /* RECEIVE_BUFFER_BYTES; only for the client's thread */
	/* Connections by descriptor; only for the client's thread. */
	struct plain_connection **table;
	size_t table_size;

	pthread_mutex_t lock;
	/* Guarded by lock. */
	struct http_call *calls;
	struct plain_connection *idle; /* the most recently used first */
	struct plain_connection *idle_last;
	size_t idle_count;
	bool closed;		 /* no call can begin any more */
	int64_t check_ns;	 /* when the next call has to be looked at; INT64_MAX: never */
	int64_t asleep_until_ns; /* until when the thread sleeps unless it is woken */
};

enum signal { SIGNAL_START = 1, SIGNAL_RESUME = 2, SIGNAL_CANCEL = 4 };

struct http_call {
	struct http_client *client;
	CURL *easy;
	struct curl_slist *fields;
	struct http_call_options options; /* without url, socket_path, peer and headers (call_forget_options) */
	void *cookie;
	void (*done)(void *cookie, struct http_response *response);
	struct http_response response;
	int error;	   /* the error of a callback that ended the call */
	unsigned attempts; /* requests begun: libcurl repeats one when a kept connection turns out to be dead */
	bool replayable;   /* may be repeated after some of it was sent */
	bool head_done;	   /* the final head is complete */
	bool here;	   /* driven by the thread that began it, which may hold any lock: callbacks must wait */
	bool head_owed;	   /* on_head has not been called yet for a complete head */
	bool blocking;	   /* made by http_client_perform */
	bool running;	   /* in the multi handle; only for the driver */
	bool paused_in;	   /* paused by our own callbacks: then the server is not to blame for the wait */
	bool paused_out;
	uint64_t pulled;
	int64_t last_byte_ns; /* for stall_ms */

	/* With a greeter: libcurl asks for a socket and gets none, so the call ends inside libcurl. It begins anew
	 * when there is a connection to a known peer. */
	char peer[HTTP_PEER_SIZE];
	bool is_local; /* over a unix socket: no greeting, as the socket's folder says who is there */
	struct endpoint_address addresses[DIAL_ADDRESSES_MAX]; /* addresses that libcurl wanted to connect to */
	size_t address_count;
	size_t next_address;
	struct dial *dial; /* set while dialing; then the call is not in the multi handle */
	int64_t dial_until_ns;
	int64_t dialed_ns; /* when the dial began */
	unsigned dials;
	int ready_fd;  /* the connection to give to libcurl when it asks for a socket next; -1: none */
	bool was_sent; /* an earlier attempt may have been sent */
	bool unknown;  /* the server does not know us on this connection */
	struct http_call *next_dialing;

	struct plain_call plain; /* if plain.is, nothing above that belongs to libcurl is set */

	struct http_call *prev, *next; /* links in the client's list of calls (the driver's), or in plain's */

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
	bool started; /* only for http_client_new and http_client_free */

	/* Held by the thread that drives the multi handle. The client's thread waits for this lock and holds it
	 * whenever it is not asleep, also during callbacks. Other threads only try to lock it, whatever locks of
	 * their own they hold. */
	pthread_mutex_t driving;
	/* Guarded by driving. */
	CURLM *multi;
	struct sockets sockets;
	struct http_call *calls;
	int call_count;
	struct http_call *dialing;
	int64_t curl_timer_ns;	/* -1: none */
	int64_t stall_check_ns; /* when to look for stalled calls next */
	int64_t asleep_until_ns;
	int64_t begun_ns; /* when the last call began */
	bool ended;	  /* no call can begin any more */
	bool cutting;	  /* connections that are closed now had not finished their calls */

	pthread_mutex_t lock; /* may be taken while driving is held, never the other way round */
	/* Guarded by lock. */
	bool stopping;
	bool sleeping; /* the client's thread sleeps, or is about to: wake it */
	struct http_call *signalled;
	struct http_call **signalled_tail;
	CURL *free_handles[HANDLES_KEPT_MAX];
	size_t free_count;
	struct blocking_handle *blocking; /* idle handles, most recently used first */
	size_t blocking_count;
};

struct blocking_handle {
	struct blocking_handle *next;
	CURL *easy;
	char host[HOST_KEY_BYTES];
};

/* call.c */
/* Sets the members that all calls have; -EINVAL: the peer is too long. */
int call_prepare(struct http_call *call, struct http_client *client, const struct http_call_options *options);
void call_forget_options(struct http_call *call); /* clears the texts and the headers, which belong to the caller */
int call_init(struct http_call *call, struct http_client *client, CURL *easy, const struct http_call_options *options);
void call_fini(struct http_call *call);			 /* releases all but the handle */
void call_finish(struct http_call *call, CURLcode code); /* fills call->response */
bool call_writes_itself(const char *name);		 /* fields of the framing, which the caller may not set */
int call_tell_head(struct http_call *call); /* calls on_head if it is owed and returns its result; else 0 */
bool call_is_stalled(const struct http_call *call, int64_t now_ns);
/* The result of options.waiting; 0 where it is not called. */
int call_waiting(const struct http_call *call, int64_t now_ns);

/* Whether the call ended because it needs a connection to a known peer, and may go on with one. */
bool call_wants_dial(struct http_call *call, CURLcode code);
/* Dials the next address of the host. A failure ends the call. */
int call_dial(struct http_call *call);
/* Prepares the call to run once more with another connection, for instance call->ready_fd. */
void call_begin_anew(struct http_call *call);
unsigned call_connect_ms(const struct http_call *call);

/* dialing.c: calls that wait for a connection; called by the driver. */
int dialing_start(struct http_call *call);	 /* 0: the call waits */
bool dialing_act(struct http_client *c, int fd); /* false: no call waits for this descriptor */
void dialing_stop(struct http_call *call);
void dialing_check(struct http_client *c, int64_t now_ns); /* deadlines */

/* client.c: ends a call, or lets it go on with another connection. */
void client_over(struct http_call *call, CURLcode code, int error);
/* Puts the call back into the multi handle. */
void client_run_again(struct http_call *call);
void client_wake(struct http_client *c);	    /* wakes the client's thread if it sleeps; any thread */
void client_forget_signals(struct http_call *call); /* the call ends: drops its signals */
void client_look_again_by(struct http_client *c, int64_t when_ns);

/* client.c: called when libcurl closes a socket of the multi handle. */
int client_on_close(void *cookie, curl_socket_t fd);

/*
 * plain.c: calls without libcurl.
 */

int plain_init(struct plain *p, struct http_client *client);
void plain_fini(struct plain *p); /* after the client's thread has ended */

/* Whether plain.c can make this call. */
bool plain_takes(const struct http_call_options *options);
/* -EINVAL: no URL, or one that cannot be sent. -ENOMEM. */
int plain_call_init(struct http_call *call, const struct http_call_options *options);
void plain_call_fini(struct http_call *call);
/* Called by the thread that starts the call. 0: the call is on its way, and may be over already. -EAGAIN: the
 * client's thread has to begin it (plain_begin). -ECANCELED: the client ends. */
int plain_start(struct http_call *call);

/* ---- called by the client's thread ---- */

bool plain_begin(struct http_call *call); /* false: the call ended at once */
void plain_resume(struct http_call *call);
void plain_end(struct http_call *call, int error); /* error 0: the response is complete */
/* Handles an event of a descriptor; false: it is not a connection of plain's. */
bool plain_act(struct plain *p, int fd, uint32_t events);
/* Ends calls that are over their deadline, and calls options.waiting. */
void plain_check(struct plain *p, int64_t now_ns);
/* Returns the earlier of when_ns and the time when plain has to look at its calls; until then the thread may
 * sleep. */
int64_t plain_sleep_until(struct plain *p, int64_t when_ns);
void plain_close(struct plain *p); /* ends all calls; none can begin any more */

/* perform.c */
void perform_fini(struct http_client *c);

#endif
