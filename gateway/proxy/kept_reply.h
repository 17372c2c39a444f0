/*
 * kept_reply: an answer that is kept, as one request wants it: all of it, its head, parts of it, or only whether it is
 * another one than the client knows. It is what the docs service would say to this request about the same state, field
 * by field.
 *
 * What a service looks at shows in what it answered: an answer with an etag is subject to conditions, one that says
 * Accept-Ranges to ranges, every other one to neither. A date is only known to the second; where that is not enough,
 * and the rare times that nothing is known of it, the service has to be asked (kept_reply_judge).
 */
#ifndef NEPHOS_GATEWAY_PROXY_KEPT_REPLY_H
#define NEPHOS_GATEWAY_PROXY_KEPT_REPLY_H

#include "common/http/range.h"
#include "common/http/server/server.h"
#include "gateway/access/under_way.h"
#include "gateway/cache/answer.h"

#define HEADER_CACHE_STATUS "Cache-Status"   /* RFC 9211: where an answer came from */
#define KEPT_REPLY_COPIED_BYTES (64u * 1024) /* of a body: what is larger is sent from where it lies, and takes room */

struct kept_reply {
	struct http_request *req;
	struct answer *answer; /* borrowed; what is still sent later has a reference of its own */
	/* The answer says where the content lies: what that is; NULL: its body is what is answered. The caller sends
	 * it, when kept_reply_has_body. */
	const char *content_type;
	int64_t content_size;
	int64_t incarnation, seq; /* where it is true */
	const char *home, *cache_status;
	bool for_gateway; /* who asks is one, which may keep it: it is told the answer's stamp */
	struct under_way *under_way;
	struct share_claim room; /* that a large body takes while it is sent; amount 0: none, or moved */
	/* How it is to be answered; by kept_reply_judge. */
	int error; /* refused */
	bool unchanged;
	struct range_set ranges;
};

/* -EAGAIN: only a service can say. */
int kept_reply_judge(struct kept_reply *r, int64_t now_real_ns);
/* After that: bytes are to be sent, all or some. */
bool kept_reply_has_body(const struct kept_reply *r);
/* Fields of the answer, but for those that say what is sent of it. */
int kept_reply_add_fields(const struct kept_reply *r, struct http_headers *ret);
/* Answers the request. */
void kept_reply_send(struct kept_reply *r);
/* The same with all of it, and with these fields; room is taken. */
void kept_reply_send_whole(struct kept_reply *r, const struct http_headers *headers);

#endif
