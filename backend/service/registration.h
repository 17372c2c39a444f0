/*
 * registration: tells the gateways that this process lives, and learns from them which other services do.
 *
 * Every REGISTRATION_PERIOD_MS each gateway gets a POST /internal/v1/registry; a gateway forgets a service that has
 * been silent for 3 s. The gateway's answer lists the live services, which are kept here for lookups. A gateway
 * that does not answer delays nothing for the others. One thread of its own; the functions may be called from any
 * thread.
 */
#ifndef NEPHOS_SERVICE_REGISTRATION_H
#define NEPHOS_SERVICE_REGISTRATION_H

#include <stdbool.h>
#include <stddef.h>

#define REGISTRATION_PERIOD_MS 1000
#define REGISTRATION_DEADLINE_MS 2000 /* of one POST: shorter than the lease that it renews */
#define REGISTRATION_KEEP_MS 10000    /* a service that no gateway has named for this long is not returned any more */
#define REGISTRATION_GATEWAYS_MAX 64
#define REGISTRATION_SERVICES_MAX 256
#define REGISTRATION_URL_MAX 256  /* bytes of an address, with its NUL */
#define REGISTRATION_PEER_MAX 128 /* KIND/NAME/INSTANCE, with its NUL */

struct http_client;
struct registration;

struct registration_options {
	/* Where gateways listen for services: "[NAME=]http://HOST:PORT,unix:PATH". With a name, only the gateway of
	 * that name is accepted there. NULL or "": there are no gateways, and nothing is sent. */
	const char *gateways;
	const char *kind;	    /* "user", "docs" */
	const char *name;	    /* "user-1" */
	const char *instance;	    /* of this process; others greet it by this */
	struct http_client *client; /* with a greeter; outlives the registration */
	bool (*ready)(void *cookie);
	void *cookie;
};

int registration_new(const struct registration_options *options,
	struct registration **
		/* -EINVAL: a malformed list of gateways; -EPERM: the folder of a socket is not ours, or others may
		 * write to it; -ENOMEM */
		ret);
/* Starts to register this process, with url as its address. Call it once. */
int registration_start(struct registration *r, const char *url);
/* Tells every gateway that this process goes (if registration_start was called), and waits until each has answered
 * or REGISTRATION_DEADLINE_MS is over. */
void registration_leave(struct registration *r);
void registration_free(struct registration *r); /* accepts NULL */

/* The next live service of a kind, round robin, and the peer to expect there. -ENOENT: none is known. */
int registration_pick(struct registration *r, const char *kind, char ret_url[REGISTRATION_URL_MAX],
	char ret_peer[REGISTRATION_PEER_MAX]);
/* Waits until a live service of a kind is known, for wait_ms at most: a process that has just started has not yet
 * learned of any. -ENOENT: none is known, or there is no gateway to learn it from. */
int registration_await(struct registration *r, const char *kind, unsigned wait_ms);
size_t registration_count(struct registration *r, const char *kind);
/* The configured gateways; the result is valid as long as the registration. -ENOENT after the last one. */
struct registration_gateway {
	const char *url;	 /* base, no slash at the end */
	const char *socket_path; /* path of a unix socket; NULL: connect to the URL's host */
	const char *peer;	 /* the peer to expect there, as it names itself in the greeting */
};
int registration_gateway(const struct registration *r, size_t n, struct registration_gateway *ret);
/* The URL in "[NAME=]URL". ret_peer: the peer to expect there, KIND/NAME/, or KIND/ without a name, which is any of
 * them. NULL: the name is not valid. */
const char *registration_named(const char *text, const char *kind, char ret_peer[REGISTRATION_PEER_MAX]);

#endif
