/*
 * service: a user and docs service in one, that answers as its routes say, and a front: a gateway with such services
 * registered behind it, renewed by a thread of its own.
 *
 *   POST /internal/v1/ring                  the ring's book, by its rules
 *   GET  /internal/v1/ring                  the book as it is
 *   POST /internal/v1/authenticate          "anna": user 5, "root": user 1, an administrator; others 401
 *   any  /api/v2/docs/echo/…                what came: line, fields, body
 *   any  /api/v2/docs/drives/{drive}/…      the same; or as service_drive.h says, with all that is of the ring's homes
 *   GET  /api/v2/docs/code/{status}         that status, with ETag, and no body
 *   GET  /api/v2/docs/hold                  kept until service_release; `came` and `gone` count
 *   DELETE /api/v2/user/hold                the same, of the user service
 *   GET  /api/v2/docs/flood/{bytes}         as many bytes, length known; flood-chunked: unknown
 *   GET  /api/v2/docs/events                one event at once, the next at service_release
 *   GET  /api/v2/docs/silent                a stream without a byte until service_release
 *   PUT  /api/v2/docs/sink                  reads all, answers how much it was
 *   PUT  /api/v2/docs/refuse                413 before anything of the body is read
 */
#ifndef NEPHOS_TESTS_GATEWAY_SERVICE_H
#define NEPHOS_TESTS_GATEWAY_SERVICE_H

#include "gateway/front/gateway.h"
#include "common/ring/membership.h"
#include "common/trust/door.h"
#include "gateway/upstream/registry.h"
#include "tests/unit/common/http/wire.h"
#include "tests/unit/gateway/service_drive.h"

#define SERVICE_HELD_MAX 64
#define FRONT_SERVICES_MAX 6

struct service {
	struct http_server *server;
	char url[64];
	struct gate came;   /* requests of the routes that keep them */
	struct gate gone;   /* kept requests whose client left */
	struct gate asked;  /* questions about tokens */
	struct gate closed; /* streams that ended */
	pthread_mutex_t lock;
	struct http_request *held[SERVICE_HELD_MAX];
	size_t held_count;
	struct http_stream *streams[SERVICE_HELD_MAX];
	size_t stream_count;
	bool released;
	bool gone_anna;		/* her token means nothing any more */
	struct membership book; /* of the ring, in memory */
	struct service_drive drive;
	const char *ring_nonsense; /* what is answered about the ring instead of the book; NULL: the book */
};

void service_start(struct service *s);
void service_stop(struct service *s);
void service_hold(struct service *s); /* what waits for the release waits again */
void service_release(struct service *s);

void service_end_anna(struct service *s, bool gone);
/* Whatever is asked about the ring is answered with this from now on; NULL: with the book. */
void service_answer_ring(struct service *s, const char *nonsense);
size_t service_ring_members(struct service *s);

struct front_service {
	enum registry_kind kind;
	const char *name;
	char url[64];
};

struct front {
	struct gateway *gateway;
	uint16_t port;
	uint16_t internal; /* of the listener for services */
	struct cluster *cluster;
	struct door *door;	 /* as a service that registers has it */
	struct door *as_gateway; /* by which it greets other gateways */
	struct http_greeter greeter;
	struct front *other;	/* a second gateway before the same services; NULL: there is none */
	struct service service; /* registered as user "u" and docs "d" */
	struct front_service list[FRONT_SERVICES_MAX];
	size_t count;
	pthread_mutex_t lock; /* guards list, count, stopping */
	pthread_cond_t changed;
	bool stopping;
	bool draining; /* nobody registers any more */
	pthread_t beat;
};

/* Groups of cmocka: state becomes a struct front. The gateway greets nobody, so that a test may be the instance byte by
 * byte; front_setup_greeting: it does. None of them
 * calls the ring's book, but front_setup_in_ring. */
int front_setup(void **state);
int front_setup_greeting(void **state);
int front_setup_in_ring(void **state);
/* Two of them, "g" and "h", that greet each other; in_ring waits until all are members, and the service answers for
 * drives (service_drive.h). */
int front_setup_home(void **state);
int front_setup_homes(void **state);
/* One that has heard nothing of the ring before service_answer_ring lets it. */
int front_setup_deaf(void **state);
int front_teardown(void **state);
void front_end_other(struct front *f); /* at once: what it is at is cut */
/* Another registered service, renewed until it is removed. */
/* gateway_drain, which ends the listener that services register at: what is registered lives on for three seconds. */
void front_drain(struct front *f, unsigned deadline_ms);
void front_add(struct front *f, enum registry_kind kind, const char *name, const char *url);
void front_remove(struct front *f, const char *name); /* is not renewed any more */
void front_register(struct front *f, enum registry_kind kind, const char *name, const char *url); /* once */
/* Polls a page of the gateway until it has that text: nothing tells when. */
void front_await(struct front *f, const char *target, const char *what);
/* A number of a drive that goes to the docs service of that name first. */
int front_drive_of(const char *name, const char *other);
/* What a user service says when tokens end; the status. */
int front_forget(struct front *f, const char *body);
/* "METHOD target HTTP/1.1", Host, anna's token, more (lines with CR LF), empty line, body. Status; text gets the
 * answer. */
int front_ask(struct front *f, const char *line, const char *more, char *text, size_t size);
/* The same of /api/v2/docs/drives/{drive}/{path}. */
int front_ask_drive(struct front *f, const char *method, unsigned drive, const char *path, const char *more);
const char *front_answer(void);					  /* the last answer of that */
unsigned front_new_drive(void);					  /* that nobody has named before */
unsigned front_new_drive_at(const char *name, const char *other); /* such a one, whose home is the first of these */
unsigned front_new_home(struct front *f);			  /* the same, and f is its home after a change */
/* The same of the listener for services, after a greeting, with a body. */
int front_tell(struct front *f, const char *line, const char *body, char *text, size_t size);
/* A connection to the listener for other gateways, greeted as one of this kind and name; kind NULL: not greeted. */
int front_come_as(struct front *f, const char *kind, const char *name);
int front_greet(struct front *f); /* a connection there whose two ends know each other */

/* For tests of drives: what the docs service behind f says of them (service_drive.h). */
struct service_drive *front_drive(struct front *f);
/* What it does from now on. */
#define FRONT_SET(f, field, value)                           \
	do {                                                 \
		pthread_mutex_lock(&front_drive(f)->lock);   \
		front_drive(f)->field = (value);             \
		pthread_mutex_unlock(&front_drive(f)->lock); \
	} while (0)
int front_reset_drive(void **state); /* before a test: it does as it did at first */

#endif
