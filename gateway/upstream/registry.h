/*
 * registry: the live instances of each service. A service registers every second; a registration is valid for
 * REGISTRY_LEASE_NS of the gateway's monotonic clock, which callers pass in: no clock and no I/O in here. An
 * instance that refused a connection is suspect until it registers again. Any thread. Names are copied.
 */
#ifndef NEPHOS_GATEWAY_UPSTREAM_REGISTRY_H
#define NEPHOS_GATEWAY_UPSTREAM_REGISTRY_H

#include "common/base/span.h"

#include <stdbool.h>
#include <stdint.h>

#define REGISTRY_LEASE_NS 3000000000ll /* three missed renewals */
#define REGISTRY_LEFT_NS 60000000000ll /* an instance that leaves may finish its requests for this long */
/* How long requests wait for the first service of their kind to register again, counted for all together from when the
 * first of them found none. A gateway that stood still, as by SIGSTOP, finds that all registrations have run out;
 * services renew theirs each second. Once that time is over, there is an outage, and requests are refused at once. */
#define REGISTRY_WAIT_NS 3000000000ll
#define REGISTRY_INSTANCES_MAX 64 /* of all kinds; a table walked on each request */
#define REGISTRY_TRIES_MAX 4	  /* instances that one request may try */
#define REGISTRY_NAME_SIZE 64
#define REGISTRY_URL_SIZE 256
#define REGISTRY_INSTANCE_SIZE 33

enum registry_kind { REGISTRY_USER, REGISTRY_DOCS, REGISTRY_KINDS };

struct registry;

struct registry_instance {
	enum registry_kind kind;
	char name[REGISTRY_NAME_SIZE];
	char url[REGISTRY_URL_SIZE];	       /* base, no slash at the end */
	char instance[REGISTRY_INSTANCE_SIZE]; /* identifies the process */
	bool ready;
	bool suspect;
	bool left; /* it has said that it leaves: gets no more requests, finishes those it has */
	int64_t expires_ns;
};

int registry_new(struct registry **ret);
void registry_free(struct registry *r);
const char *registry_kind_name(enum registry_kind kind);
int registry_kind_parse(const char *name, enum registry_kind *ret); /* -EINVAL */
/* What an instance says of itself. */
struct registry_entry {
	enum registry_kind kind;
	const char *name;
	const char *url;
	const char *instance;
	bool ready;
};
/* Renews or adds. -EINVAL: a name or instance that is not letters, digits, '.', '_', '-'; a URL that is not
 * http://HOST[:PORT][/]; or one of these is empty or too long. -ENOSPC. */
int registry_put(struct registry *r, const struct registry_entry *entry, int64_t now_ns);
void registry_leave(struct registry *r, enum registry_kind kind, const char *name, int64_t now_ns);
void registry_suspect(struct registry *r, enum registry_kind kind, const char *name);
/* Whether its registration has expired: then it is in vain to wait for its answer. An instance that left
 * properly is not lost. */
bool registry_is_lost(struct registry *r, enum registry_kind kind, const char *name, int64_t now_ns);

/* The live and ready instances of a kind, in the order in which one request should try them; suspects come last. */
struct registry_choice {
	struct registry_instance list[REGISTRY_TRIES_MAX];
	size_t count;
};
/* Round robin: each call begins with the next instance. */
void registry_turn(struct registry *r, enum registry_kind kind, int64_t now_ns, struct registry_choice *ret);
/* In the order in which the instances own the key (placement), so that one key meets one instance while it
 * lives. */
void registry_for(
	struct registry *r, enum registry_kind kind, struct span key, int64_t now_ns, struct registry_choice *ret);
/* For a caller that has found no ready instance of the kind: whether it is worth to wait for one (REGISTRY_WAIT_NS). */
bool registry_may_return(struct registry *r, enum registry_kind kind, int64_t now_ns);
/* All live instances, in the order of their names; returns how many were written. */
size_t registry_list(struct registry *r, int64_t now_ns, struct registry_instance *ret, size_t max);

#endif
