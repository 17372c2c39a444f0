/*
 * gateways: those of one store that a client knows, which of them is asked now, and what a failure of one means. Mount
 * and command have these rules in common: what may be a URL, who may be added by whom, when another one is asked, for
 * how long one is waited for, and how long the pauses are.
 *
 * No I/O, no clock and no lock: times are given and returned, and a list belongs to one thread, or to the lock of who
 * made it. A URL once added stays where it is until the list is freed.
 */
#ifndef NEPHOS_HTTP_CLIENT_GATEWAYS_H
#define NEPHOS_HTTP_CLIENT_GATEWAYS_H

#include "common/base/span.h"
#include "common/http/client/client.h"

#include <stdbool.h>
#include <stdint.h>

#define GATEWAYS_GIVEN_MAX 8	   /* on one line that a person writes; the rest is learned from these */
#define GATEWAYS_URL_BYTES_MAX 272 /* a scheme, a name of 253 characters, which is the longest of DNS, and a port */
/*
 * A gateway may hang: it takes connections and says nothing. While another one can be asked, each is given this much
 * time for a first sign of life in the first round through them, and four times as much in the second: more than a busy
 * store needs, less than a person waits. A repeat is safe, and a store that is slow everywhere has all the time there
 * is in the third.
 */
#define GATEWAYS_PATIENCE_MS 1000
#define GATEWAYS_PAUSE_MIN_MS 20   /* the first one; doubled each time … */
#define GATEWAYS_PAUSE_MAX_MS 1000 /* … up to what a person does not notice beside the outage itself */
/*
 * A gateway that failed is not preferred for so long: one that died is the home of its drives, in the words of the
 * others, until its lease of 3 s is over and they have agreed on that. When it fails once more soon after that, it is
 * for twice as long each time, up to the second: they may reach it, and this client not.
 */
#define GATEWAYS_AVOID_MIN_MS 5000
#define GATEWAYS_AVOID_MAX_MS 300000

struct gateways;

/* most: of all, whoever named them. -EINVAL: 0; -ENOMEM. */
int gateways_new(size_t most, struct gateways **ret);
void gateways_free(struct gateways *g); /* NULL is fine */

/* ---- who is on the list ---- */

struct span gateways_url_trim(struct span url); /* without slashes at the end, which mean nothing */
/*
 * What is wrong with it, for people; NULL: it may be the URL of a gateway, which is http(s)://HOST[:PORT] and nothing
 * else. A path is refused because the mount reads a drive there, so that it must not mean another thing to the command;
 * a user, because readers differ about where the host begins behind him; an escape in the name, because it hides which
 * host is meant.
 */
const char *gateways_url_fault(struct span url);
/* Given by a person, who answers for it. -EINVAL, -EEXIST (it is known), -ENOSPC, -ENOMEM. */
int gateways_add(struct gateways *g, struct span url);
/*
 * Named by the gateway `by`. The key goes to whoever is on the list, so nobody comes there by a way that is less safe
 * than those that a person gave: -EPERM for http where one of them, or the one that names it, is reached by https, and
 * for an address of this very machine that somebody elsewhere names. Else as above.
 */
int gateways_add_named(struct gateways *g, size_t by, struct span url);
size_t gateways_count(const struct gateways *g);
const char *gateways_url(const struct gateways *g, size_t at);

/* ---- who is asked ---- */

size_t gateways_current(const struct gateways *g); /* 0 at first */
/* After it failed: the next one is the current one from now on. false: nothing changed, as it was left already or is
 * the only one. now_ns: of a clock that never goes back. */
bool gateways_leave(struct gateways *g, size_t at, int64_t now_ns);
/*
 * A gateway has said that this one is the best to ask (where a drive's home is): it is the current one from now on, if
 * it is on the list. Nobody comes onto the list by that; the key goes nowhere where it would not go after a failure.
 * false: nothing changed, as it is the current one, not on the list, or has failed not long ago.
 */
bool gateways_prefer(struct gateways *g, const char *url, int64_t now_ns);

enum gateways_verdict {
	GATEWAYS_ANSWERED,  /* with whatever */
	GATEWAYS_ELSEWHERE, /* another one may answer, or this one later */
	GATEWAYS_ABSENT,    /* the same; and this one would do as it did if it were asked again at once */
	GATEWAYS_OVER,	    /* it would be the same everywhere */
};

enum gateways_verdict gateways_judge(const struct http_response *response);

/* ---- for how long; failures: of one request, so far, at all of them; a round is as many as there are gateways ---- */

/* Nobody is there at all: a whole round, and each of them absent. Who waits for nothing need not ask again. */
bool gateways_nobody(const struct gateways *g, unsigned failures, unsigned absent);
unsigned gateways_patience_ms(const struct gateways *g, unsigned failures); /* 0: as long as there is time */
/* Before the next attempt: 0 within a round, then longer from round to round. */
int64_t gateways_pause_ns(const struct gateways *g, unsigned failures);
/* Before the same one is asked again, which has said `times` times (from 1) that it is busy. */
int64_t gateways_backoff_ns(unsigned times);

#endif
