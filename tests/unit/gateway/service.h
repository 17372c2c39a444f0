/*
 * service: a user service and docs service in one, which answers as its routes say. front: a gateway and such
 * services that are registered with it; a thread renews the registrations.
 *
 *   POST /internal/v1/ring                  the ring's book, by its rules
 *   GET  /internal/v1/ring                  the book as it is
 *   POST /internal/v1/authenticate          "anna": user 5, "root": user 1, an administrator; others 401
 *   any  /api/v2/docs/echo/…                the request as it came: line, fields, body
 *   any  /api/v2/docs/drives/{drive}/…      the same; or as service_drive.h says, with the routes for the ring's homes
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
	struct gate came;   /* requests to the routes that keep them */
	struct gate gone;   /* kept requests whose client left */
	struct gate asked;  /* questions about tokens */
	struct gate closed; /* streams that ended */
	pthread_mutex_t lock;
	struct http_request *held[SERVICE_HELD_MAX];
	size_t held_count;
	struct http_stream *streams[SERVICE_HELD_MAX];
	size_t stream_count;
	bool released;
	bool gone_anna;		/* anna's token is no longer valid */
	struct membership book; /* the ring's book, in memory */
	struct service_drive drive;
	const char *ring_nonsense; /* the answer about the ring; NULL: the book */
};

void service_start(struct service *s);
void service_stop(struct service *s);
void service_hold(struct service *s); /* from now on requests wait for the next service_release */
void service_release(struct service *s);

void service_end_anna(struct service *s, bool gone);
/* Every request about the ring is answered with this from now on; NULL: with the book. */
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
	uint16_t internal; /* port of the listener for services */
	struct cluster *cluster;
	struct door *door;	 /* of a docs service: registers services */
	struct door *as_gateway; /* of a gateway: greets other gateways */
	struct http_greeter greeter;
	struct front *other;	/* a second gateway in front of the same services; NULL: there is none */
	struct service service; /* registered as user "u" and docs "d" */
	struct front_service list[FRONT_SERVICES_MAX];
	size_t count;
	pthread_mutex_t lock; /* guards list, count, stopping */
	pthread_cond_t changed;
	bool stopping;
	bool draining; /* no registration is renewed any more */
	pthread_t beat;
};

/* Groups of cmocka: *state becomes a struct front. The gateway greets no service, so that a test may play an
 * instance byte by byte; in front_setup_greeting it does. Of these three only front_setup_in_ring uses the ring's
 * book. */
int front_setup(void **state);
int front_setup_greeting(void **state);
int front_setup_in_ring(void **state);
/* front_setup_home: the gateway is a member of the ring, and the service answers for drives (service_drive.h).
 * front_setup_homes: the same with two gateways, "g" and "h", which greet each other and are both members. */
int front_setup_home(void **state);
int front_setup_homes(void **state);
/* Like front_setup_home, but the gateway gets no valid answer about the ring before service_answer_ring allows it. */
int front_setup_deaf(void **state);
int front_teardown(void **state);
void front_end_other(struct front *f); /* at once: its answers in flight are cut */
/* Calls gateway_drain, which ends the listener for services: registrations stay valid for three more seconds. */
void front_drain(struct front *f, unsigned deadline_ms);
/* Registers another service, and renews the registration until front_remove. */
void front_add(struct front *f, enum registry_kind kind, const char *name, const char *url);
void front_remove(struct front *f, const char *name); /* ends the renewals */
void front_register(struct front *f, enum registry_kind kind, const char *name, const char *url); /* only once */
/* Polls a page of the gateway until it contains `what`, as no event says when. */
void front_await(struct front *f, const char *target, const char *what);
/* The number of a drive whose requests go to the docs service `name` first. */
int front_drive_of(const char *name, const char *other);
/* Sends what a user service sends when tokens end. Returns the status. */
int front_forget(struct front *f, const char *body);
/* Sends "METHOD target HTTP/1.1", Host, anna's token, more (lines with CR LF), an empty line and the body. Returns
 * the status; text gets the answer. */
int front_ask(struct front *f, const char *line, const char *more, char *text, size_t size);
/* The same for /api/v2/docs/drives/{drive}/{path}. */
int front_ask_drive(struct front *f, const char *method, unsigned drive, const char *path, const char *more);
const char *front_answer(void);					  /* the answer to the last front_ask_drive */
unsigned front_new_drive(void);					  /* the number of a drive that was not used before */
unsigned front_new_drive_at(const char *name, const char *other); /* the same; name is its home */
unsigned front_new_home(struct front *f);			  /* the same; after a change f is its home */
/* Like front_ask, but to the listener for services, after a greeting, with a body. */
int front_tell(struct front *f, const char *line, const char *body, char *text, size_t size);
/* Connects to the listener for other gateways, and greets as a member of this kind and name; kind NULL: without a
 * greeting. */
int front_come_as(struct front *f, const char *kind, const char *name);
int front_greet(struct front *f); /* connects to the listener for services, and greets as one */

/* For tests of drives: how the docs service behind f answers about them (service_drive.h). */
struct service_drive *front_drive(struct front *f);
/* Sets a field, which counts from now on. */
#define FRONT_SET(f, field, value)                           \
	do {                                                 \
		pthread_mutex_lock(&front_drive(f)->lock);   \
		front_drive(f)->field = (value);             \
		pthread_mutex_unlock(&front_drive(f)->lock); \
	} while (0)
/* The value of a metric of f; name: with its labels. */
long long front_metric(struct front *f, const char *name);
int front_reset_drive(void **state); /* before a test: resets the service_drive */

#endif
