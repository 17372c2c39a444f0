/*
 * docs_service: the docs service as one object: its parts are made of the settings, in the order in which they need
 * each other, and end in the other order. Hooks of service_options; all on the thread of main.
 */
#ifndef NEPHOS_DOCS_SERVICE_H
#define NEPHOS_DOCS_SERVICE_H

struct http_headers;
struct service;

/* ret_app is a struct docs. Failures are those of the parts; they are logged. */
int docs_service_start(struct service *s, void **ret_app);
/* Says in each answer of which timeline the database is, where it has standbys. Any thread. */
void docs_service_stamp(struct http_headers *ret, void *docs);
/* Who waits for something is answered at once; the process is asked to end. */
void docs_service_drain(void *docs);
void docs_service_stop(void *docs); /* NULL is fine */

#endif
