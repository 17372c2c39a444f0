/*
 * proxy_internal: the exchange, for the files of the proxy. An exchange is one request on its way. It has two
 * sides that run on different threads: the server's (request body in, answer out) and the HTTP client's (the
 * instance).
 *
 *   proxy.c           takes a request, collects its body
 *   proxy_home.c      decides where the request goes: finds its drive and the home of that; waits, and looks again
 *   proxy_send.c      sends the request there, and passes the answer on
 *   proxy_rest.c      asks for the rest of an answer that was cut
 *   proxy_hit.c       answers from memory
 *   proxy_validate.c  asks other homes whether they would still give the answers that are kept of them
 *   proxy_fill.c      keeps answers
 *   proxy_block.c     answers requests for blocks from memory
 *   proxy_content.c   assembles long content from what is kept of it
 *   proxy_flight.c    lets requests for the same answer at the same time share one call
 *   proxy_exchange.c  the exchange's life and states
 *
 *   collect:  body of known, small size → read whole → upstream with replay
 *   stream:   upstream pulls the body: first what was collected, then the request's bytes as they arrive; tried once
 *   answer:   small → collected, sent in one piece at the end; large → through a pipe. If the sender cuts a large
 *             answer, the gateway asks for the rest, provided that the rest is certain to be of the same version
 *
 * Three parties hold the exchange: the request (its callbacks run on the server's thread until that thread
 * frees the request), the current work on it (collecting the body, waiting for a home, the upstream call), and
 * the answer stream. The last one to release it frees it.
 *
 * When the token of an exchange ends: a request that waits for a service is answered 401, an answer on its way
 * is cut, and the last byte of a body is not passed on. While a body is being collected, only the server's
 * thread may read and answer the request: it notices the end when the next byte arrives.
 */
#ifndef NEPHOS_GATEWAY_PROXY_PROXY_INTERNAL_H
#define NEPHOS_GATEWAY_PROXY_PROXY_INTERNAL_H

#include "common/base/metrics.h"
#include "common/http/server/server.h"
#include "common/http/told_url.h"
#include "common/proto/tag.h"
#include "gateway/blocks/block_source.h"
#include "gateway/cache/answer.h"
#include "gateway/content/content_reader.h"
#include "gateway/content/json_text.h"
#include "gateway/proxy/cache_status.h"
#include "gateway/proxy/drive_ref.h"
#include "gateway/proxy/first_drives.h"
#include "gateway/proxy/flights.h"
#include "gateway/proxy/forward_headers.h"
#include "gateway/proxy/kept_key.h"
#include "gateway/proxy/kept_reply.h"
#include "gateway/proxy/pipe.h"
#include "gateway/proxy/proxy.h"
#include "gateway/upstream/suspects.h"
#include "gateway/proxy/traits.h"
#include "gateway/proxy/validator.h"
#include "gateway/ring/keeper.h"
#include "gateway/upstream/upstream.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/*
 * The states of an exchange, and which side has to act. One function (proxy_exchange_move) changes the state
 * according to this table; its caller holds x->lock.
 *
 * state     what is going on                                     call   request       moved on by
 * COLLECTS  the body is being collected, or the token is         none   ours          the thread that does so
 *           being asked about
 * HELD      it cannot be sent now: the drive's home is being     none   ours          the keeper's thread, or the
 *           found or made, or another exchange has asked for                          client's
 *           the same answer
 * WAITS     an instance has the request, and owes the answer     set    ours          the client's thread
 * ANSWERS   the instance is done, the client is not answered     none   ours          the client's thread
 *           yet: the answer is passed on, or asked for elsewhere
 * STREAMS   the answer is passed on as it comes                  set    the server's  the end of either side
 * RESUMES   the answer was cut: a service is asked for the       none   the server's  the client's thread or the
 *           rest, now or later; the client reads what is here                         keeper's; the client's end
 * DRAINS    the client reads the part of the answer that is      none   the server's  the server's thread
 *           here, or content that is assembled here
 * LEAVES    the client has all it wanted, or is gone; the        set    the server's  the client's thread
 *           instance is not done
 * DONE      answered, and nothing more will come                 none   the server's  nobody
 *
 * ("The client's thread" in the last column is the HTTP client's.) Beside the state there are two reasons for
 * an early end, which may come in any state: `aborted` (the client is gone) and `ended` (the token has ended).
 * They cancel the call, and the state moves on when the call is over. An exchange that is HELD checks them when
 * it looks again.
 */
enum exchange_state { COLLECTS, HELD, WAITS, ANSWERS, STREAMS, RESUMES, DRAINS, LEAVES, DONE, EXCHANGE_STATES };

struct proxy {
	struct proxy_options with;
	struct under_way *under_way; /* with.under_way */
	atomic_bool draining;
	struct metric *requests[REGISTRY_KINDS];
	struct metric *failures[REGISTRY_KINDS];
	struct metric *hops, *hop_failures, *held; /* NULL: nothing is counted */
	struct metric *waiting, *collapsed, *asked_anew;
	struct metric *resumed, *cut;
	struct first_drives *first_drives;
	struct flights *flights;
	struct suspects *suspects;
	struct validator *validator; /* NULL: there is no ring, or no cache */
	struct metric *validated;
	char said_name[CACHE_STATUS_NAME_SIZE]; /* with.name, as Cache-Status has it */
};

/* Where an exchange was sent. */
enum exchange_way {
	WAY_SERVICE, /* to a service, as any request */
	WAY_HERE,    /* the same, by the drive's home, which first notes what the answer says of the drive */
	WAY_HOP,     /* to the gateway that is the drive's home */
};

/* Of an answer that is to be kept. */
struct exchange_fill {
	bool wanted;
	struct answer *answer; /* NULL: it is not to be kept any more */
	int64_t stamp;	       /* of the answer in this cache or, after a hop, in the home's; 0: kept nowhere */
	bool gathers;	       /* the body is only in `answer`, and is sent when it is complete */
	struct tag_list *tags;
	uint64_t sent;
	int64_t asked_ns;
	struct share_claim room;
	bool kept;
};

/* Of a request for a block that may be answered from memory. */
struct exchange_block {
	struct block_name name;
	struct block_waiter waiter;
	struct share_claim room;
	bool tried; /* the block was fetched, or could not be fetched */
};

/* Of a request for long content that may be assembled here. */
struct exchange_content {
	bool asked;   /* a service was asked where the content lies */
	bool comes;   /* the service says where: the arriving bytes are not the content */
	bool refused; /* such an answer could not be used */
	struct answer *page;
	struct content_reader *reader; /* in DRAINS */
	struct json_text *text;	       /* the same; NULL: the content is sent as it is */
	struct share_claim room;
};

/* Of an answer that is streamed. For the HTTP client's thread, in RESUMES also the keeper's. */
struct exchange_rest {
	bool may;	     /* the answer can be resumed if it is cut */
	int64_t first, last; /* the range of the content that is answered */
	int64_t size;	     /* of the content */
	int64_t passed;	     /* bytes of the answer that were put into the pipe */
	bool asked;	     /* the call is for the rest, and the rest has not begun to arrive */
	unsigned times;	     /* how often the answer was cut */
	int64_t since_ns;    /* since when it has no sender */
	int64_t without_ns;  /* for how long it had none before that */
	int64_t pause_ns;    /* before the next try, which does not start before then_ns */
	int64_t then_ns;
};

struct exchange {
	struct under_way_entry entry; /* the first member */
	struct proxy *proxy;
	struct share_claim place; /* among the requests at services; amount 0: none */
	struct http_request *req; /* the server's from STREAMS, DRAINS or DONE on */
	enum registry_kind kind;
	struct traits traits;
	bool in_doubt; /* the token may have ended since the guard checked it */
	int64_t doubted_ns;
	bool patient; /* the client wants a 102 while the request waits */
	char method[16];
	char key[FORWARD_KEY_SIZE];
	struct buf target;
	struct http_headers headers;
	char trace[TRACE_BYTES_MAX + 1];

	/* Where the request goes; one thread at a time uses these. */
	int64_t user;
	struct drive_ref about; /* the drive that the target names */
	uint32_t drive;		/* its number; 0: none, or not known yet */
	bool hopped;		/* came from another gateway; does not go to a third one */
	int64_t hop_epoch;	/* by which that gateway has sent it here */
	struct keeper_waiter waiter;
	int64_t held_since_ns; /* when it first waited for a home; 0: it has not waited */
	unsigned corrections;  /* how often an answer has named another drive than this */
	unsigned corrected;    /* how many of these were acted on */
	unsigned moves, moved; /* the same of moves of the drive while it was read */
	struct buf question;   /* the target of the question for the first drive */
	unsigned sent_before;  /* how often it was sent and not answered, and may have been executed */
	enum exchange_way way;
	struct keeper_place where; /* the drive's place when it was sent */
	bool vouched;	/* a service has said that the user may change this drive, though it is another user's */
	bool misplaced; /* the answer does not count: 421, 409 for an old epoch, or the drive has moved */
	struct exchange_fill fill;
	struct exchange_block block;
	struct exchange_content content;
	int64_t asked_first_ns;
	struct flight_rider rider;
	unsigned flights_taken;
	int64_t needed;	 /* the position that the answer to another request must have seen */
	bool asks_alone; /* the answer to another request cannot be used */
	bool counted;	 /* whether the answer comes from memory (proxy_hit_count) */

	/* Request body. */
	char *body;
	size_t body_size;	 /* when it is complete */
	struct share_claim kept; /* memory that was taken for it so far, in steps */
	size_t body_filled;
	int64_t pulled; /* bytes that upstream has pulled, when the body streams */
	int64_t length; /* -1: chunked */
	bool streams;	/* the body is streamed */

	/* The answer. The HTTP client's thread uses these until the request is answered. */
	int status;
	int64_t answer_length; /* -1: unknown */
	struct http_headers answer_headers;
	struct buf answer; /* when collected */
	struct pipe *pipe; /* when streamed */
	struct exchange_rest rest;

	pthread_mutex_t lock; /* guards all below */
	enum exchange_state state;
	struct upstream_call *call;
	struct http_stream *stream; /* from STREAMS or DRAINS to the end of the stream */
	bool aborted;
	bool judged; /* a user service has the whole request, and checks the token itself */
	int ended;   /* the error with which under_way ended it; 0: not ended */
	unsigned holders;
};

/* ---- proxy_exchange.c ---- */

void proxy_exchange_move(struct exchange *x, enum exchange_state to); /* the caller holds x->lock */
void proxy_exchange_release(struct exchange *x);
int proxy_exchange_ended(struct exchange *x); /* why, at the moment of the call; 0: it is not ended */
/* Whether the token is known to be good. This must hold before the last byte of a body is passed on. */
bool proxy_exchange_is_confirmed(struct exchange *x);
/* After this the request is the server's again, and its abort callback cannot come any more. */
struct http_request *proxy_exchange_take_request(struct exchange *x, enum exchange_state to);
/* The error that the client gets. "No instance has got the request" becomes "unknown outcome" if an earlier try
 * may have executed the request. */
int proxy_exchange_told(const struct exchange *x, int error);
/* Whether going on is of no use: the token has ended, or the client is gone. *ret_why: the error that ended the
 * token, else -ERR_UNAVAILABLE. */
bool proxy_exchange_is_over(struct exchange *x, int *ret_why);
/* From COLLECTS, HELD or ANSWERS. Answers the request, and releases the hold of the work on the exchange. */
void proxy_exchange_fail(struct exchange *x, int error);
/* Takes a place among the requests at services; once. */
int proxy_exchange_take_place(struct exchange *x);

/* ---- proxy.c ---- */

void proxy_begin_in_doubt(struct exchange *x);
/* As proxy_forward, but without looking into memory. Any thread. */
void proxy_forward_past_memory(struct proxy *p, struct http_request *req, enum registry_kind kind);

/* ---- proxy_home.c ---- */

/* The body is here, or streams: sends the request where it belongs, now or later. From COLLECTS, HELD or
 * ANSWERS. */
void proxy_home_send(struct exchange *x);
/* When no service of its kind is registered, so that the request was sent to nobody. true: it waits for one. From
 * COLLECTS, HELD or ANSWERS. */
bool proxy_home_await_service(struct exchange *x);
/* After an answer (error 0) or a failure. true: that did not settle the request, which is on its way again.
 * From ANSWERS. absent: the instance or gateway that was asked is gone (is_gone in proxy_send.c). */
bool proxy_home_try_again(struct exchange *x, int error, bool absent);
/* For a hop that has no answer yet: whether the ring no longer has that gateway. */
bool proxy_home_is_lost(struct exchange *x);
/* Called with the head of an answer, before any of the answer is passed on. */
int proxy_home_on_head(struct exchange *x, const struct http_response *head);
/* If the answer that is about to be sent was kept, its head gets the fields that say so. */
void proxy_home_say_kept(struct exchange *x);
/* Called for each piece of the answer, before the piece is passed on. -ECONNRESET: what follows must not be
 * passed on from here. */
int proxy_home_on_data(struct exchange *x);
/* Called when a request has got no answer; of importance if it was sent as the drive's home. */
void proxy_home_on_failure(struct exchange *x);
/* The instance or gateway that the request was sent to has cut its answer; absent: and is gone. Prepares the
 * request to go to a service instead. */
int proxy_home_leave(struct exchange *x, bool absent);

/* ---- proxy_send.c ---- */

/* From COLLECTS, HELD or ANSWERS. hop: the gateway to send it to; NULL: to a service. */
void proxy_send(struct exchange *x, const struct upstream_fixed *hop);
/* Asks a service for the rest of a streamed answer. From RESUMES; the caller holds x->lock. */
int proxy_send_for_rest(struct exchange *x);
/* Ends the stream with this error (0: none), and releases the hold of the work on the exchange. From DRAINS, or
 * DONE. */
void proxy_send_end_stream(struct exchange *x, int error);

/* ---- proxy_rest.c ---- */

/* Called with the head of an answer that is about to be streamed. */
void proxy_rest_begin(struct exchange *x);
/* Called with the head of the rest: fails if it is not exactly the rest. */
int proxy_rest_on_head(struct exchange *x, const struct http_response *head);
/* Whether to ask for the rest, after this failure of a streamed answer. */
bool proxy_rest_is_wanted(struct exchange *x, int error, const struct http_response *response);
/* From RESUMES; the exchange may be freed after this. absent: the sender that has cut the answer is gone. */
void proxy_rest_ask(struct exchange *x, bool absent);
/* No more time is left to wait for the rest. */
bool proxy_rest_is_late(const struct exchange *x);

/* ---- proxy_block.c ---- */

/* At the home of the drive. From COLLECTS, HELD or ANSWERS; false: the request must go to a service. */
bool proxy_block_answer(struct exchange *x);

/* ---- proxy_content.c ---- */

/* At the home of the drive. From COLLECTS, HELD or ANSWERS; false: the request must go to a service. */
bool proxy_content_answer(struct exchange *x);
/* Whether the request is for content that can be assembled here, however long it is. */
bool proxy_content_may_be_made(const struct exchange *x);
/* Sets the header field that lets a service say where the content lies. Call it after proxy_fill_want. */
int proxy_content_want(struct exchange *x);
/* Whether a kept answer says where content lies: such an answer is for no client. */
bool proxy_content_is(const struct answer *answer);
/* Call on_head before proxy_fill_on_head, collect after it, on_data with proxy_fill_on_data, and on_end before
 * proxy_fill_on_end. */
int proxy_content_on_head(struct exchange *x, const struct http_response *head);
int proxy_content_collect(struct exchange *x, const struct http_response *head);
int proxy_content_on_data(struct exchange *x, struct span bytes);
void proxy_content_on_end(struct exchange *x, bool complete);
/* Discards what has arrived. */
void proxy_content_forget(struct exchange *x);
/* From ANSWERS, when the whole answer is here. true: the request is answered or asked for again, and the
 * exchange may be freed. */
bool proxy_content_pass_on(struct exchange *x);

/* ---- proxy_hit.c ---- */

/* Answers a request from memory, now or when the home has confirmed what is kept; false: the answer must be
 * asked for. */
bool proxy_hit_answer(struct proxy *p, struct http_request *req);
/* The same, for a request whose drive was not known before. From HELD; true: it is answered, and the exchange
 * may be freed. */
bool proxy_hit_answer_held(struct exchange *x);
/* The same, for a request that has looked before. */
bool proxy_hit_answer_again(struct exchange *x);
/* Answers with this answer, which another request has asked for, as it is true at that place. From HELD; false:
 * only a service can answer. */
bool proxy_hit_answer_by(struct exchange *x, struct answer *answer, const struct keeper_place *at);
/* An answer of another home. That home has said that it would give the answer now, at this position of the
 * drive. */
struct proxy_validated {
	struct answer *answer;
	int64_t incarnation, seq;
	const char *home_name, *home_url;
};
/* Answers with that answer; no exchange has begun. false: the answer must be asked for. */
bool proxy_hit_answer_validated(struct proxy *p, struct http_request *req, const struct proxy_validated *validated);

/* Whether an answer may come from memory to a request with this Nephos-Session; NULL: it has none. */
bool proxy_hit_may_answer(const char *session);
/* Counts a read of something that can be kept, once, as Cache-Status says it: from_memory: as a hit; else it was asked
 * for because it was not in memory. */
void proxy_hit_count(struct exchange *x, bool from_memory);

/* ---- proxy_validate.c ---- */

/* For a read of a drive that has another home. true: that home is being asked about the answer that is kept
 * here; the request is answered, or forwarded, when the home has replied. false: nothing is kept, or the home
 * cannot be asked. */
bool proxy_validate_ask(
	struct proxy *p, struct http_request *req, uint32_t drive, const struct membership_gateway *home);
/* Notes the stamp that another home gives its answer, to keep the answer by. */
void proxy_validate_on_head(struct exchange *x, const struct http_response *head);
/* Keeps that answer, which has arrived whole and is about to be passed on. */
void proxy_validate_keep(struct exchange *x);

/* ---- proxy_flight.c ---- */

/* true: the request must not be sent: it waits for the answer to another request, or was answered, and the
 * exchange may be freed. From COLLECTS, HELD or ANSWERS; false: the state is HELD, or unchanged. */
bool proxy_flight_board(struct exchange *x);
/* The followers of this exchange get its answer, which is true at that position; NULL: it has none, and they
 * ask anew. Does nothing if the exchange leads no flight. */
void proxy_flight_land(struct exchange *x, struct answer *answer, int64_t seq);
/* The answer is of no use to the followers: each of them asks on its own. */
void proxy_flight_leave_alone(struct exchange *x);
/* The same, and the next answers to this question will be of no use to others either. */
void proxy_flight_part(struct exchange *x);
/* true: the exchange was a follower, is none any more, and is the caller's. */
bool proxy_flight_leave(struct exchange *x);

/* ---- proxy_fill.c ---- */

/* Decides whether the answer to this request is to be kept; sets the field that asks for tags. */
int proxy_fill_want(struct exchange *x);
/* Writes NAME NUL VALUE NUL for each field that is kept. */
int proxy_fill_write_head(const struct http_headers *headers, struct buf *ret);
/* The key under which the answer is kept; false: it is not kept. Call it before the request is answered. */
bool proxy_fill_key(const struct exchange *x, struct kept_key *ret);
/* Called when the head for the client is complete, but for fields that are never kept. */
void proxy_fill_on_head(struct exchange *x, const struct http_response *head);
/* An error fails the answer: it is gathered here, and is larger than its head said. */
int proxy_fill_on_data(struct exchange *x, struct span bytes);
/* Called when all of the answer is here (complete), or will not come. */
void proxy_fill_on_end(struct exchange *x, bool complete);
/* Answers the request with what was gathered. */
void proxy_fill_respond(struct exchange *x, struct http_request *req);
/* Frees what was held to keep the answer. */
void proxy_fill_give_up(struct exchange *x);

#endif
