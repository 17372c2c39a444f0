/* events: the journal as server-sent events. */
#ifndef NEPHOS_DOCS_EVENTS_H
#define NEPHOS_DOCS_EVENTS_H

#include "backend/docs/request/call.h"

#define EVENTS_HEARTBEAT_S 15 /* a comment, so that proxies see life */
#define EVENTS_LIFE_S 600     /* then the client comes again with Last-Event-ID, and is authorised anew */

/* Answers with events from since (or Last-Event-ID) on, until the client goes or EVENTS_LIFE_S are over. */
void events_respond(struct call *call, int64_t since);

#endif
