/*
 * monitoring: what every process says of itself, without credentials: GET /healthz, /readyz, /metrics, /status.
 *
 * A program puts MONITORING_ROUTES into its table (http_routes_concat) and a struct monitoring into
 * http_server_options.monitoring. A process without one answers /healthz, is always ready, and has no metrics and no
 * status.
 */
#ifndef NEPHOS_HTTP_SERVER_MONITORING_H
#define NEPHOS_HTTP_SERVER_MONITORING_H

#include "common/http/server/server.h"

#define STATUS_BYTES_MAX (256u * 1024)	 /* of /status: thousands of sessions or services would still fit */
#define METRICS_BYTES_MAX (1024u * 1024) /* of /metrics: METRICS_MAX lines with their histograms */

struct monitoring {
	struct metrics *metrics;
	void (*refresh)(void *cookie); /* before they are rendered: what is counted elsewhere is set; may be NULL */
	/* 0: can serve. Else the failure that /readyz shows (-ERR_UNAVAILABLE: 503), with the reason appended to
	 * ret_why. On the server's thread. */
	int (*ready)(void *cookie, struct buf *ret_why);
	/* Appends one JSON value. On the server's thread. */
	int (*status)(void *cookie, struct buf *ret);
	void *cookie;
};

/* Ends with a row whose method is NULL; all open and internal. */
extern const struct http_route MONITORING_ROUTES[];

#endif
