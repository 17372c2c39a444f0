/*
 * proxy_internal: the exchange, for the files of the proxy. One exchange, two sides that run on different threads: the
 * server's (request body in, answer out) and the HTTP client's (the instance).
 *
 *   proxy.c           takes a request, collects its body
 *   proxy_home.c      decides where it goes: which drive it is about, whose home that is; waits, and looks again
 *   proxy_send.c      sends it there, and passes the answer on
 *   proxy_rest.c      asks for the rest of an answer that was cut
 *   proxy_hit.c       answers from memory
 *   proxy_validate.c  asks other homes whether what is kept of their answers is still what they would answer
 *   proxy_fill.c      keeps answers
 *   proxy_block.c     answers requests for blocks from memory
 *   proxy_content.c   puts long content together from what is kept of it
 *   proxy_flight.c    has those who want the same answer at once wait for one
 *   proxy_exchange.c  the exchange's life and states
 *
 *   collect:  body of known, small size → read whole → upstream with replay
 *   stream:   upstream pulls the body, what was collected of it and then from the request as it comes; tried once
 *   answer:   small → collected, sent in one piece at the end; large → through a pipe, and if it is cut by who sent it
 *             the rest is asked for, where that is sure to be of the same version
 *
 * The exchange is held by the request (whose callbacks come on the server's thread until the request itself is freed
 * there), by whoever works on it (the collector, who waits for a home, the upstream call) and by the answer stream; the
 * last one frees it.
 *
 * When its token is gone: what waits for a service is answered 401, what is being answered is cut, and of a body the
 * last byte does not go on. Only the server's thread may read and answer a request whose body is being collected: there
 * the next byte finds out.
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
 * The states of an exchange: who owes whom what. One function (proxy_exchange_move) changes them, with the lock held,
 * by the table.
 *
 * state     what is going on                                     call   request       moved on by
 * COLLECTS  the body is being collected, or the token asked      none   ours          whoever does that
 *           about
 * HELD      nobody can be sent it now: the drive's home is       none   ours          the keeper's thread, or the
 *           being found out, or made; or another one has asked                        client's
 *           for the same
 * WAITS     an instance has the request, and owes the answer     set    ours          the client's thread
 * ANSWERS   the instance is done, the client is not answered     none   ours          the client's thread
 *           yet: the answer is passed on, or asked for elsewhere
 * STREAMS   the answer goes on as it comes                       set    the server's  either side's end
 * RESUMES   it was cut: a service is asked for the rest, now     none   the server's  the client's thread, or the
 *           or later; the client takes what is here                                   keeper's; the client's end
 * DRAINS    the client takes what is here of the answer, or      none   the server's  the server's thread
 *           what is put together of it here
 * LEAVES    the client has all it wanted, or is gone; the        set    the server's  the client's thread
 *           instance is not done
 * DONE      answered, and nothing more will come                 none   the server's  nobody
 *
 * Beside the state stand the reasons for an end before its time: `aborted` (the client is gone) and `ended` (its token
 * is), which may come in any state. They cancel the call, and the state goes its way when that is over; who is held
 * finds out when he looks again.
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
	struct validator *validator; /* NULL: there is no ring, or nothing is kept */
	struct metric *validated;
};

#define HOME_STATUS_SIZE 256 /* Cache-Status: what two gateways say, each with a name of at most 63 bytes */

/* Where an exchange was sent. */
enum exchange_way {
	WAY_SERVICE, /* to a service, as any request */
	WAY_HERE,    /* the same, and this gateway is the drive's home: what the answer tells is noted first */
	WAY_HOP,     /* to the gateway that is its home */
};

/* The answer is to be kept. */
struct exchange_fill {
	bool wanted;
	struct answer *answer; /* NULL: not any more */
	int64_t stamp;	       /* of the answer that is kept, here or (of a hop) at its home; 0: it is kept nowhere */
	bool gathers;	       /* its body is nowhere else, and goes on when all of it is here */
	struct tag_list *tags;
	uint64_t sent;
	int64_t asked_ns;
	struct share_claim room;
	bool kept;
};

/* It is about a block that may be answered from memory. */
struct exchange_block {
	struct block_name name;
	struct block_waiter waiter;
	struct share_claim room;
	bool tried; /* it was fetched, or could not be */
};

/* It is about long content that may be put together here. */
struct exchange_content {
	bool asked;   /* a service was, for where it lies */
	bool comes;   /* it says so: what comes is no body of an answer */
	bool refused; /* that could not be made use of */
	struct answer *page;
	struct content_reader *reader; /* in DRAINS */
	struct share_claim room;
};

/* Its answer is streamed; the client's thread, or the keeper's in RESUMES. */
struct exchange_rest {
	bool may;	     /* it can be gone on with, if it is cut */
	int64_t first, last; /* of the content, what is answered */
	int64_t size;	     /* of the content */
	int64_t passed;	     /* so much of the answer is in the pipe */
	bool asked;	     /* the call is for the rest, and that has not begun to come */
	unsigned times;	     /* that it was cut */
	int64_t since_ns;    /* it is without anybody who sends it */
	int64_t without_ns;  /* and was for so long before */
	int64_t pause_ns;    /* until the next try, which is not before then_ns */
	int64_t then_ns;
};

struct exchange {
	struct under_way_entry entry; /* first */
	struct proxy *proxy;
	struct share_claim place; /* at a service; amount 0: none */
	struct http_request *req; /* the server's from STREAMS or DONE on */
	enum registry_kind kind;
	struct traits traits;
	bool in_doubt; /* its token may have ended since the guard asked */
	int64_t doubted_ns;
	bool patient; /* wants to hear that it waits */
	char method[16];
	char key[FORWARD_KEY_SIZE];
	struct buf target;
	struct http_headers headers;
	char trace[TRACE_BYTES_MAX + 1];

	/* Where it goes; one thread at a time. */
	int64_t user;
	struct drive_ref about; /* the drive that it names */
	uint32_t drive;		/* which one that is; 0: none, or not known yet */
	bool hopped;		/* it came from another gateway, and goes to none */
	int64_t hop_epoch;	/* by which that one went */
	struct keeper_waiter waiter;
	int64_t held_since_ns; /* 0: it was not */
	unsigned corrections;  /* times that an answer has said which drive it is about */
	unsigned corrected;    /* times that it was gone by */
	unsigned moves, moved; /* likewise, times that the drive has moved while it was read */
	struct buf question;   /* about the first drive */
	unsigned sent_before;  /* times that it was sent, may have been done, and was not answered */
	enum exchange_way way;
	struct keeper_place where; /* as it was sent */
	bool misplaced;		   /* the answer is that it belongs elsewhere: 421, or 409 of an epoch that is over */
	struct exchange_fill fill;
	struct exchange_block block;
	struct exchange_content content;
	int64_t asked_first_ns;
	struct flight_rider rider;
	unsigned flights_taken;
	int64_t needed;	 /* of an answer that another one asks for: the position that it must have seen */
	bool asks_alone; /* another one's answer does not do */

	/* Request body. */
	char *body;
	size_t body_size;	 /* when it is complete */
	struct share_claim kept; /* memory that was taken for it, by the step */
	size_t body_filled;
	int64_t pulled; /* by the upstream, when it streams */
	int64_t length; /* -1: chunked */
	bool streams;	/* the body does */

	/* Answer; client thread until answered. */
	int status;
	int64_t answer_length; /* -1: unknown */
	struct http_headers answer_headers;
	struct buf answer; /* when collected */
	struct pipe *pipe; /* when streamed */
	struct exchange_rest rest;

	pthread_mutex_t lock; /* guards the rest */
	enum exchange_state state;
	struct upstream_call *call;
	struct http_stream *stream; /* from STREAMS to its end */
	bool aborted;
	bool judged; /* a user service has all of it, and knows itself what its token is worth */
	int ended;   /* why, by under_way; 0: not */
	unsigned holders;
};

/* ---- proxy_exchange.c ---- */

void proxy_exchange_move(struct exchange *x, enum exchange_state to); /* with the lock held */
void proxy_exchange_release(struct exchange *x);
int proxy_exchange_ended(struct exchange *x); /* why, as it was when it was asked; 0: it is not */
/* Before the last byte of a body goes on, its token must be known to be good. */
bool proxy_exchange_is_confirmed(struct exchange *x);
/* The request is the server's again after this; the abort callback cannot come any more. */
struct http_request *proxy_exchange_take_request(struct exchange *x, enum exchange_state to);
/* What its client is told of a failure: one that nobody had may have been done by somebody before. */
int proxy_exchange_told(const struct exchange *x, int error);
/* Whether it is of no use to go on with it: its token has ended, which is why, or its client is gone. */
bool proxy_exchange_is_over(struct exchange *x, int *ret_why);
/* From COLLECTS, HELD or ANSWERS; whoever worked on it works no more. */
void proxy_exchange_fail(struct exchange *x, int error);
/* Its place among those that ask services; once. */
int proxy_exchange_take_place(struct exchange *x);

/* ---- proxy.c ---- */

void proxy_begin_in_doubt(struct exchange *x);
/* As proxy_forward, but memory is not looked at. Any thread. */
void proxy_forward_past_memory(struct proxy *p, struct http_request *req, enum registry_kind kind);

/* ---- proxy_home.c ---- */

/* The body is here, or streams: it goes where it belongs, now or later. From COLLECTS, HELD or ANSWERS. */
void proxy_home_send(struct exchange *x);
/* What was answered (error 0), or why there is no answer, does not settle it: true: it is on its way again. From
 * ANSWERS. absent: no byte of it has reached anybody. */
bool proxy_home_try_again(struct exchange *x, int error, bool absent);
/* Of a hop that has no answer yet: whether that gateway is none any more. */
bool proxy_home_is_lost(struct exchange *x);
/* The head of an answer, before anything of it is passed on. */
int proxy_home_on_head(struct exchange *x, const struct http_response *head);
/* The answer that is about to be sent was kept. */
void proxy_home_say_kept(struct exchange *x);
/* A piece of it, likewise. -ECONNRESET: what follows is not to be passed on from here. */
int proxy_home_on_data(struct exchange *x);
/* It was sent as the drive's home, and there is no answer. */
void proxy_home_on_failure(struct exchange *x);
/* Who it was sent to has cut its answer; absent: and is gone. It is about to go to a service instead. */
int proxy_home_leave(struct exchange *x, bool absent);

/* ---- proxy_send.c ---- */

/* From COLLECTS, HELD or ANSWERS. hop: to that gateway, NULL: to a service. */
void proxy_send(struct exchange *x, const struct upstream_fixed *hop);
/* To a service, for the rest of what is streamed. From RESUMES, with the lock held. */
int proxy_send_for_rest(struct exchange *x);
/* What is streamed ends with that, and nobody works on it any more. From DRAINS, or DONE. */
void proxy_send_end_stream(struct exchange *x, int error);

/* ---- proxy_rest.c ---- */

/* The head of an answer that is about to be streamed. */
void proxy_rest_begin(struct exchange *x);
/* Of the rest: a failure if it is not exactly that. */
int proxy_rest_on_head(struct exchange *x, const struct http_response *head);
/* Whether the rest is to be asked for after this failure of what is streamed. */
bool proxy_rest_is_wanted(struct exchange *x, int error, const struct http_response *response);
/* From RESUMES; it may be gone after that. absent: who has cut it is. */
void proxy_rest_ask(struct exchange *x, bool absent);
/* No more time for it is left. */
bool proxy_rest_is_late(const struct exchange *x);

/* ---- proxy_block.c ---- */

/* At the home of its drive. From COLLECTS, HELD or ANSWERS; false: it is to be sent to a service. */
bool proxy_block_answer(struct exchange *x);

/* ---- proxy_content.c ---- */

/* At the home of its drive. From COLLECTS, HELD or ANSWERS; false: it is to be sent to a service. */
bool proxy_content_answer(struct exchange *x);
/* Sets the field by which a service may say where content lies. After proxy_fill_want. */
int proxy_content_want(struct exchange *x);
/* What was kept says where content lies: it is no answer for anybody. */
bool proxy_content_is(const struct answer *answer);
/* Before, and after, proxy_fill_on_head; with proxy_fill_on_data; before proxy_fill_on_end. */
int proxy_content_on_head(struct exchange *x, const struct http_response *head);
int proxy_content_collect(struct exchange *x, const struct http_response *head);
int proxy_content_on_data(struct exchange *x, struct span bytes);
void proxy_content_on_end(struct exchange *x, bool complete);
/* Nothing of what came counts. */
void proxy_content_forget(struct exchange *x);
/* From ANSWERS: all of it is here. true: it is answered, or asked for again, and may be gone. */
bool proxy_content_pass_on(struct exchange *x);

/* ---- proxy_hit.c ---- */

/* Answers a request from memory; false: it is to be asked. */
bool proxy_hit_answer(struct proxy *p, struct http_request *req);
/* The same, of one whose drive was not known before. From HELD; true: it is answered, and may be gone. */
bool proxy_hit_answer_held(struct exchange *x);
/* The same, once more; what is not there is not counted as a miss again. */
bool proxy_hit_answer_again(struct exchange *x);
/* By this answer, which another one has asked for, as it is at that place. From HELD; false: only a service can. */
bool proxy_hit_answer_by(struct exchange *x, struct answer *answer, const struct keeper_place *at);
/* An answer of another home, of which that has said that it would give it now, at that position of the drive. */
struct proxy_validated {
	struct answer *answer;
	int64_t incarnation, seq;
	const char *home_name, *home_url;
};
/* By that; no exchange has begun. false: it is to be asked. */
bool proxy_hit_answer_validated(struct proxy *p, struct http_request *req, const struct proxy_validated *validated);

/* ---- proxy_validate.c ---- */

/* To a read of a drive that has another home: true: what is kept of its answers is asked about, and the request is
 * answered, or forwarded, when it has said. false: nothing is kept. */
bool proxy_validate_ask(
	struct proxy *p, struct http_request *req, uint32_t drive, const struct membership_gateway *home);
/* What another home has said of its answer, to keep that by. */
void proxy_validate_on_head(struct exchange *x, const struct http_response *head);
/* It has come whole, and is about to be passed on. */
void proxy_validate_keep(struct exchange *x);

/* ---- proxy_flight.c ---- */

/* true: it is not to be sent: it waits for the answer to another one, or was answered; it may be gone. From COLLECTS,
 * HELD or ANSWERS; false: it is HELD, or what it was. */
bool proxy_flight_board(struct exchange *x);
/* Those who wait for this one get its answer, which is true at that position; NULL: it has none, they ask anew. Of one
 * that nobody can wait for, nothing. */
void proxy_flight_land(struct exchange *x, struct answer *answer, int64_t seq);
/* Its answer does for nobody else. */
void proxy_flight_part(struct exchange *x);
/* true: it waited, does not any more, and is the caller's. */
bool proxy_flight_leave(struct exchange *x);

/* ---- proxy_fill.c ---- */

/* Whether the answer to this request is to be kept; sets the field that asks for tags. */
int proxy_fill_want(struct exchange *x);
/* NAME NUL VALUE NUL for each field that is kept. */
int proxy_fill_write_head(const struct http_headers *headers, struct buf *ret);
/* Under what it is kept; false: it is not. The request is not answered yet. */
bool proxy_fill_key(const struct exchange *x, struct kept_key *ret);
/* The head that goes to the client is complete. */
void proxy_fill_on_head(struct exchange *x, const struct http_response *head);
/* What fails is the answer: it is gathered here, and larger than it said. */
int proxy_fill_on_data(struct exchange *x, struct span bytes);
/* All of it is here (complete), or will not come. */
void proxy_fill_on_end(struct exchange *x, bool complete);
/* Answers the request with what was gathered. */
void proxy_fill_respond(struct exchange *x, struct http_request *req);
/* What was kept for it is not needed any more. */
void proxy_fill_give_up(struct exchange *x);

#endif
