/* events: the journal as server-sent events. */
#ifndef NEPHOS_DOCS_EVENTS_H
#define NEPHOS_DOCS_EVENTS_H

#include "backend/docs/request/call.h"

#define EVENTS_HEARTBEAT_S 15 /* interval of comments that show proxies that the connection is alive */
#define EVENTS_LIFE_S 600 /* then the answer ends; the client reconnects with Last-Event-ID and is authorised anew */

/* Answers with events behind since (or Last-Event-ID), until the client is gone or EVENTS_LIFE_S are over. */
void events_respond(struct call *call, int64_t since);

#endif
