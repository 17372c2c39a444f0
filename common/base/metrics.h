/*
 * metrics: counters, gauges and latency histograms of a process, rendered as Prometheus text. One thread registers
 * them at start; they are never removed. Adding and observing is lock-free from any thread.
 */
#ifndef NEPHOS_BASE_METRICS_H
#define NEPHOS_BASE_METRICS_H

#include "common/base/buf.h"

#include <stdint.h>

struct metrics;
struct metric;

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

int metrics_new(struct metrics **ret);
void metrics_free(struct metrics *m);
/*
 * name: "nephos_requests_total"; labels: "route=\"x\",status=\"200\"" or "". All three texts are copied. The same
 * name may be registered with several sets of labels, all of one kind. A name and labels that are already
 * registered give the existing metric. On success *ret is never NULL. -ENOMEM, -ENOSPC (METRICS_MAX). -EINVAL: not
 * a valid name, or a name of another kind.
 */
#define METRICS_MAX 1024 /* metrics of one process: a scrape of counters stays under 200 KiB; a histogram is 25 lines */
int metrics_add(struct metrics *m, enum metric_kind kind, const char *name, const char *labels, const char *help,
	struct metric **ret);
/* All accept NULL and then do nothing, so that a library works without metrics. */
void metric_inc(struct metric *m);
void metric_add(struct metric *m, int64_t delta);
void metric_set(struct metric *m, int64_t value);
/* For a counter whose total is kept elsewhere: total is its present value. A smaller total changes nothing. One
 * thread at a time. */
void metric_count_to(struct metric *m, uint64_t total);
void metric_observe_ns(struct metric *m, int64_t ns);
int64_t metric_value(const struct metric *m); /* count for a histogram */
int metrics_render(const struct metrics *m, struct buf *ret);

#endif
