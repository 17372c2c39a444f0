/*
 * kept_reply: a kept answer as one request wants it: all of it, its head, parts of it, or only whether it
 * differs from the one that the client has. The reply is what the docs service would say to this request about
 * the same state, field by field.
 *
 * A kept answer shows what its service pays attention to: an answer with an ETag is subject to conditions, one
 * with Accept-Ranges to ranges, every other answer to neither. A date is only known to the second; where that
 * is not enough, and in the rare cases that no date is known, the service has to be asked (kept_reply_judge).
 */
#ifndef NEPHOS_GATEWAY_PROXY_KEPT_REPLY_H
#define NEPHOS_GATEWAY_PROXY_KEPT_REPLY_H

#include "common/http/range.h"
#include "common/http/server/server.h"
#include "gateway/access/under_way.h"
#include "gateway/cache/answer.h"

#define KEPT_REPLY_COPIED_BYTES (64u * 1024) /* a larger body is sent from where it lies, and takes room */

struct kept_reply {
	struct http_request *req;
	struct answer *answer; /* borrowed; a reply that is still being sent has a reference of its own */
	/* If the answer says where the content lies: the type of that content. NULL: the answer's body is sent.
	 * The caller sends the content, if kept_reply_has_body. */
	const char *content_type;
	int64_t content_size;
	int64_t incarnation, seq; /* the position at which the answer is true */
	const char *home, *cache_status;
	bool hopped;	  /* the client is a gateway: it gets `home` as it is */
	bool for_gateway; /* the same, and it may keep the answer: it gets the answer's stamp, too */
	struct under_way *under_way;
	struct share_claim room; /* taken for a large body while it is sent; amount 0: none, or moved */
	/* How to answer; set by kept_reply_judge. */
	int error; /* the answer is this refusal */
	bool unchanged;
	struct range_set ranges;
};

/* A field of a kept answer; NULL: it has none of that name. */
const char *kept_reply_field(const struct answer *answer, const char *name);
/* -EAGAIN: only a service can decide. */
int kept_reply_judge(struct kept_reply *r, int64_t now_real_ns);
/* After kept_reply_judge: whether bytes of the body are to be sent, all or some. */
bool kept_reply_has_body(const struct kept_reply *r);
/* Adds the fields of the reply, but for those that describe which part of the body is sent. */
int kept_reply_add_fields(const struct kept_reply *r, struct http_headers *ret);
/* Answers the request. */
void kept_reply_send(struct kept_reply *r);
/* The same with the whole body, and with these fields; r->room is taken already. */
void kept_reply_send_whole(struct kept_reply *r, const struct http_headers *headers);

#endif
