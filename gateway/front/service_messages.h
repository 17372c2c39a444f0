/*
 * service_messages: what services send to a gateway, without the HTTP around it: registrations, and which
 * tokens are to be forgotten (PROTOCOL.md, "Gateway and services"). Any bytes may be given. Any thread.
 */
#ifndef NEPHOS_GATEWAY_FRONT_SERVICE_MESSAGES_H
#define NEPHOS_GATEWAY_FRONT_SERVICE_MESSAGES_H

#include "gateway/upstream/registry.h"

/* -ERR_BAD_JSON, -EINVAL, -ENOSPC: the registry is as it was. */
int service_messages_register(struct registry *registry, struct span body);

struct service_messages_forgetter {
	void (*token)(void *cookie, const char *id);
	void (*user)(void *cookie, int64_t user); /* positive */
};
/* Calls back for the tokens first. -ERR_BAD_JSON, -ERR_BAD_REQUEST: nothing was forgotten. */
int service_messages_forget(struct span body, const struct service_messages_forgetter *forgetter, void *cookie);

#endif
