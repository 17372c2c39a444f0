/*
 * docs_service: the docs service as one object. Its parts are made from the settings, each after the parts that
 * it needs, and freed in reverse order. Hooks of service_options; all run on main's thread.
 */
#ifndef NEPHOS_DOCS_SERVICE_H
#define NEPHOS_DOCS_SERVICE_H

struct http_headers;
struct service;

/* ret_app is a struct docs. Failures are those of the parts; they are logged. */
int docs_service_start(struct service *s, void **ret_app);
/* Adds the timeline of the database to each answer, where the database has standbys. Any thread. */
void docs_service_stamp(struct http_headers *ret, void *docs);
/* The process is about to end: answers all waiting requests at once. */
void docs_service_drain(void *docs);
void docs_service_stop(void *docs); /* NULL is fine */

#endif
