/*
 * gateways: the gateways of one store that a client has on its list, which of them is asked now, and what a failure
 * of one means. The mount and the command share these rules: what may be a URL, who may add which gateway, when
 * another one is asked, how long the client waits for one, and how long the pauses are.
 *
 * No I/O, no clock and no lock: times are passed in and returned. A list belongs to one thread, or is guarded by a
 * lock of the code that made it. A URL that was added stays valid until the list is freed.
 */
#ifndef NEPHOS_HTTP_CLIENT_GATEWAYS_H
#define NEPHOS_HTTP_CLIENT_GATEWAYS_H

#include "common/base/span.h"
#include "common/http/client/client.h"

#include <stdbool.h>
#include <stdint.h>

#define GATEWAYS_GIVEN_MAX 8	   /* on one line that a person writes; the others are learned from these */
#define GATEWAYS_URL_BYTES_MAX 272 /* a scheme, a name of 253 characters (the longest in DNS), and a port */
/*
 * A gateway may hang: it accepts connections and does not answer. While another gateway can be asked, each has this
 * much time for a first sign of life in the first round through them, and four times as much in the second: more
 * than a busy store needs, less than a person waits. To repeat a request is safe, and in the third round a store
 * that is slow everywhere has all the time there is.
 */
#define GATEWAYS_PATIENCE_MS 1000
#define GATEWAYS_PAUSE_MIN_MS 20   /* the first pause; doubled each time … */
#define GATEWAYS_PAUSE_MAX_MS 1000 /* … up to a pause that a person does not notice beside the outage itself */
/*
 * A gateway that failed is not preferred for this long. The other gateways still name a dead gateway as the home of
 * its drives until its lease of 3 s is over and they have agreed on that. Each further failure soon afterwards
 * doubles the time, up to the second value: the others may reach that gateway, and this client not.
 */
#define GATEWAYS_AVOID_MIN_MS 5000
#define GATEWAYS_AVOID_MAX_MS 300000

struct gateways;

/* most: the largest number of gateways, added in any way. -EINVAL: 0; -ENOMEM. */
int gateways_new(size_t most, struct gateways **ret);
void gateways_free(struct gateways *g); /* NULL is fine */

/* ---- which gateways are on the list ---- */

struct span gateways_url_trim(struct span url); /* removes slashes at the end, which mean nothing */
/*
 * What is wrong with the URL, as a text for people. NULL: it may be the URL of a gateway, which is
 * http(s)://HOST[:PORT] and nothing else. A path is refused because the mount takes it for a drive, so that it must
 * not have another meaning for the command. A user is refused because parsers differ about where the host behind it
 * begins. An escape in the name is refused because it hides which host is meant.
 */
const char *gateways_url_fault(struct span url);
/* Adds a gateway that a person gave and vouches for. -EINVAL, -EEXIST (it is on the list), -ENOSPC, -ENOMEM. */
int gateways_add(struct gateways *g, struct span url);
/*
 * Adds a gateway that the gateway `by` named. The key is sent to every gateway on the list, so none is added that
 * is reached by a less safe way than those that a person gave. -EPERM: the URL is http, but one that a person gave,
 * or that of `by`, is https; or the URL is an address of this very machine, and `by` is elsewhere. Other failures
 * as above.
 */
int gateways_add_named(struct gateways *g, size_t by, struct span url);
size_t gateways_count(const struct gateways *g);
const char *gateways_url(const struct gateways *g, size_t at);

/* ---- which gateway is asked ---- */

size_t gateways_current(const struct gateways *g); /* 0 at first */
/* To be called when `at` has failed: the next gateway is the current one from now on. false: nothing changed, as
 * `at` was left already or is the only gateway. now_ns: of a clock that never goes back. */
bool gateways_leave(struct gateways *g, size_t at, int64_t now_ns);
/*
 * A gateway has said that this one is the best to ask (it is where a drive's home is): it becomes the current one,
 * if it is on the list. This adds no gateway to the list, so the key is sent nowhere where it would not be sent
 * after a failure. false: nothing changed, as the gateway is the current one, is not on the list, or failed not
 * long ago.
 */
bool gateways_prefer(struct gateways *g, const char *url, int64_t now_ns);

enum gateways_verdict {
	GATEWAYS_ANSWERED,  /* it answered, with any status */
	GATEWAYS_ELSEWHERE, /* another gateway may answer, or this one later */
	GATEWAYS_ABSENT,    /* the same; and if this one were asked again at once, it would fail again */
	GATEWAYS_OVER,	    /* every gateway would give the same result */
};

enum gateways_verdict gateways_judge(const struct http_response *response);

/* ---- for how long; failures: of one request so far, at all gateways; a round: as many as there are gateways ---- */

/* No gateway is there at all: a whole round failed, and each of them was absent. A caller that does not want to
 * wait need not ask again. */
bool gateways_nobody(const struct gateways *g, unsigned failures, unsigned absent);
unsigned gateways_patience_ms(const struct gateways *g, unsigned failures); /* 0: without a limit */
/* The pause before the next attempt: 0 within a round, then longer from round to round. */
int64_t gateways_pause_ns(const struct gateways *g, unsigned failures);
/* The pause before a gateway is asked again that has said `times` times (from 1) that it is busy. */
int64_t gateways_backoff_ns(unsigned times);

#endif
