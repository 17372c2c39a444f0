/*
 * monitoring: the state that every process reports, without credentials: GET /healthz, /readyz, /metrics, /status.
 *
 * A program puts MONITORING_ROUTES into its table (http_routes_concat) and a struct monitoring into
 * http_server_options.monitoring. Without the struct, /healthz is answered, the process is always ready, and there
 * are no metrics and no status.
 */
#ifndef NEPHOS_HTTP_SERVER_MONITORING_H
#define NEPHOS_HTTP_SERVER_MONITORING_H

#include "common/http/server/server.h"

#define STATUS_BYTES_MAX (256u * 1024)	 /* of /status: thousands of sessions or services would still fit */
#define METRICS_BYTES_MAX (1024u * 1024) /* of /metrics: METRICS_MAX lines with their histograms */

struct monitoring {
	struct metrics *metrics;
	/* Called before the metrics are rendered, to set those that are counted elsewhere; may be NULL. */
	void (*refresh)(void *cookie);
	/* 0: the process can serve. Else the failure that /readyz shows (-ERR_UNAVAILABLE: 503), with the reason
	 * appended to ret_why. On the server's thread. */
	int (*ready)(void *cookie, struct buf *ret_why);
	/* Appends one JSON value. On the server's thread. */
	int (*status)(void *cookie, struct buf *ret);
	void *cookie;
};

/* Ends with a row whose method is NULL; all rows are open and internal. */
extern const struct http_route MONITORING_ROUTES[];

#endif
