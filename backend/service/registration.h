/*
 * registration: tells the gateways that this process lives, and learns from them who else does.
 *
 * Every REGISTRATION_PERIOD_MS each gateway gets a POST /internal/v1/registry; a gateway forgets who has been silent
 * for 3 s. Its answer lists the live services, kept here for lookups. A gateway that does not answer delays nothing for
 * the others. One thread of its own; the functions may be called from any thread.
 */
#ifndef NEPHOS_SERVICE_REGISTRATION_H
#define NEPHOS_SERVICE_REGISTRATION_H

#include <stdbool.h>
#include <stddef.h>

#define REGISTRATION_PERIOD_MS 1000
#define REGISTRATION_DEADLINE_MS 2000 /* of one POST: shorter than the lease that it renews */
#define REGISTRATION_KEEP_MS 10000    /* a service that no gateway has named for so long is not offered any more */
#define REGISTRATION_GATEWAYS_MAX 64
#define REGISTRATION_SERVICES_MAX 256
#define REGISTRATION_URL_MAX 256  /* bytes of an address, with its NUL */
#define REGISTRATION_PEER_MAX 128 /* KIND/NAME/INSTANCE, with its NUL */

struct http_client;
struct registration;

struct registration_options {
	/* Where gateways listen for services: "[NAME=]http://HOST:PORT,unix:PATH"; with a name, no other gateway is
	 * taken for it. NULL or "": there are none, nothing is sent */
	const char *gateways;
	const char *kind;	    /* "user", "docs" */
	const char *name;	    /* "user-1" */
	const char *instance;	    /* of this process, which it is greeted as */
	struct http_client *client; /* with a greeter; outlives the registration */
	bool (*ready)(void *cookie);
	void *cookie;
};

int registration_new(const struct registration_options *options,
	struct registration **
		/* -EINVAL: gateways; -EPERM: others may write to the folder of a socket, or it is not ours; -ENOMEM */
		ret);
/* Begins to register this process as reached at url. Once. */
int registration_start(struct registration *r, const char *url);
/* Tells every gateway that this process goes (when it was started), and waits until each has heard it or
 * REGISTRATION_DEADLINE_MS is over. */
void registration_leave(struct registration *r);
void registration_free(struct registration *r); /* NULL is fine */

/* The next live service of a kind, round robin, and whom to expect there. -ENOENT: none is known. */
int registration_pick(struct registration *r, const char *kind, char ret_url[REGISTRATION_URL_MAX],
	char ret_peer[REGISTRATION_PEER_MAX]);
/* Waits until a live service of a kind is known, for wait_ms at most: one that has just started has heard of nobody
 * yet. -ENOENT: none is, or there is no gateway to hear it from. */
int registration_await(struct registration *r, const char *kind, unsigned wait_ms);
size_t registration_count(struct registration *r, const char *kind);
/* The gateways that were configured, valid as long as the registration. -ENOENT after the last. */
struct registration_gateway {
	const char *url;	 /* base, no slash at the end */
	const char *socket_path; /* of a unix socket; NULL: the URL's host */
	const char *peer;	 /* whom to expect there, in the words of the greeting */
};
int registration_gateway(const struct registration *r, size_t n, struct registration_gateway *ret);
/* The URL in "[NAME=]URL", and whom to expect there: KIND/NAME/, without a name KIND/, which is any of them. NULL: it
 * cannot be a name. */
const char *registration_named(const char *text, const char *kind, char ret_peer[REGISTRATION_PEER_MAX]);

#endif
