#include "common/base/metrics.h"

#include "common/base/clock.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

/* Upper bounds of the buckets: 2^14 ns (16 us, less than any hop) doubling to 2^35 ns (34 s, more than any
 * deadline). */
#define BUCKET_FIRST_SHIFT 14
#define BUCKETS 22

struct histogram {
	atomic_int_fast64_t buckets[BUCKETS + 1]; /* not cumulative; the last is +Inf */
	atomic_int_fast64_t sum_ns;
};

struct metric {
	enum metric_kind kind;
	char *name;
	char *labels;
	char *help;
	struct metric *same_name; /* next metric of the same name; written before there are threads */
	atomic_int_fast64_t value;
	struct histogram *histogram; /* of METRIC_HISTOGRAM only */
};

struct metrics {
	size_t count;
	size_t families;
	/* The first metric of each name: the text format needs all lines of a name together. The array has one more
	 * element, which stays NULL: family_find returns it as the place for a new family. */
	struct metric *family[METRICS_MAX + 1];
};

int metrics_new(struct metrics **ret)
{
	struct metrics *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	*ret = m;
	return 0;
}

static void metric_free(struct metric *m)
{
	if (!m)
		return;
	free(m->name);
	free(m->labels);
	free(m->help);
	free(m->histogram);
	free(m);
}

void metrics_free(struct metrics *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->families; i++)
		for (struct metric *one = m->family[i], *next; one; one = next) {
			next = one->same_name;
			metric_free(one);
		}
	free(m);
}

static bool name_ok(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:";
	static const char others[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:0123456789";

	return name[0] && strchr(letters, name[0]) && name[strspn(name, others)] == '\0';
}

static int metric_new(
	enum metric_kind kind, const char *name, const char *labels, const char *help, struct metric **ret)
{
	struct metric *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->kind = kind;
	m->name = strdup(name);
	m->labels = strdup(labels);
	m->help = strdup(help);
	if (kind == METRIC_HISTOGRAM)
		m->histogram = calloc(1, sizeof(*m->histogram));
	if (!m->name || !m->labels || !m->help || (kind == METRIC_HISTOGRAM && !m->histogram)) {
		metric_free(m);
		return -ENOMEM;
	}
	*ret = m;
	return 0;
}

/* The link to write for a new metric of this name. NULL: the name is taken by another kind. */
static struct metric **family_find(struct metrics *m, enum metric_kind kind, const char *name)
{
	for (size_t i = 0; i < m->families; i++)
		if (strcmp(m->family[i]->name, name) == 0)
			return m->family[i]->kind == kind ? &m->family[i] : NULL;
	return &m->family[m->families];
}

/* budget: name, labels and help are one description; a struct for them would be filled at fifty places */
int metrics_add(struct metrics *m, enum metric_kind kind, const char *name, const char *labels, const char *help,
	struct metric **ret)
{
	struct metric **link, *one;
	int r;

	if (!name_ok(name) || strpbrk(labels, "\n"))
		return -EINVAL;
	link = family_find(m, kind, name);
	if (!link)
		return -EINVAL;
	for (; *link; link = &(*link)->same_name)
		if (strcmp((*link)->labels, labels) == 0) {
			*ret = *link;
			return 0;
		}
	if (m->count == METRICS_MAX)
		return -ENOSPC;
	r = metric_new(kind, name, labels, help, &one);
	if (r < 0)
		return r;
	*link = one;
	m->count++;
	if (link == &m->family[m->families])
		m->families++;
	*ret = one;
	return 0;
}

void metric_inc(struct metric *m)
{
	metric_add(m, 1);
}

void metric_add(struct metric *m, int64_t delta)
{
	if (!m)
		return;
	assert(m->kind == METRIC_GAUGE || (m->kind == METRIC_COUNTER && delta >= 0));
	atomic_fetch_add_explicit(&m->value, delta, memory_order_relaxed);
}

void metric_count_to(struct metric *m, uint64_t total)
{
	const int64_t before = metric_value(m);

	if ((int64_t)total > before)
		metric_add(m, (int64_t)total - before);
}

void metric_set(struct metric *m, int64_t value)
{
	if (!m)
		return;
	assert(m->kind == METRIC_GAUGE);
	atomic_store_explicit(&m->value, value, memory_order_relaxed);
}

static unsigned bucket_of(int64_t ns)
{
	unsigned i = 0;

	while (i < BUCKETS && ns > (INT64_C(1) << (BUCKET_FIRST_SHIFT + i)))
		i++;
	return i;
}

void metric_observe_ns(struct metric *m, int64_t ns)
{
	if (!m)
		return;
	assert(m->kind == METRIC_HISTOGRAM);
	if (ns < 0)
		ns = 0; /* two clock readings of different threads may be in the wrong order */
	atomic_fetch_add_explicit(&m->histogram->buckets[bucket_of(ns)], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&m->histogram->sum_ns, ns, memory_order_relaxed);
}

int64_t metric_value(const struct metric *m)
{
	int64_t sum = 0;

	if (!m)
		return 0;
	if (m->kind != METRIC_HISTOGRAM)
		return atomic_load_explicit(&m->value, memory_order_relaxed);
	for (size_t i = 0; i <= BUCKETS; i++)
		sum += atomic_load_explicit(&m->histogram->buckets[i], memory_order_relaxed);
	return sum;
}

static int render_seconds(struct buf *ret, int64_t ns)
{
	return buf_printf(ret, "%" PRId64 ".%09" PRId64, (int64_t)(ns / NS_PER_S), (int64_t)(ns % NS_PER_S));
}

static int render_bucket(const struct metric *m, unsigned i, int64_t cumulative, struct buf *ret)
{
	int r = buf_printf(ret, "%s_bucket{%s%sle=\"", m->name, m->labels, m->labels[0] ? "," : "");

	if (r == 0)
		r = i < BUCKETS ? render_seconds(ret, INT64_C(1) << (BUCKET_FIRST_SHIFT + i))
				: buf_append_str(ret, "+Inf");
	if (r == 0)
		r = buf_printf(ret, "\"} %" PRId64 "\n", cumulative);
	return r;
}

/* Writes "name_suffix{labels} "; the braces only if there are labels. */
static int render_name(const struct metric *m, const char *suffix, struct buf *ret)
{
	bool labelled = m->labels[0] != '\0';

	return buf_printf(ret, "%s%s%s%s%s ", m->name, suffix, labelled ? "{" : "", m->labels, labelled ? "}" : "");
}

static int render_histogram(const struct metric *m, struct buf *ret)
{
	int64_t cumulative = 0;
	int r = 0;

	for (unsigned i = 0; i <= BUCKETS && r == 0; i++) {
		cumulative += atomic_load_explicit(&m->histogram->buckets[i], memory_order_relaxed);
		r = render_bucket(m, i, cumulative, ret);
	}
	if (r == 0)
		r = render_name(m, "_sum", ret);
	if (r == 0)
		r = render_seconds(ret, atomic_load_explicit(&m->histogram->sum_ns, memory_order_relaxed));
	if (r == 0)
		r = buf_append_str(ret, "\n");
	if (r == 0)
		r = render_name(m, "_count", ret);
	if (r == 0)
		r = buf_printf(ret, "%" PRId64 "\n", cumulative); /* same as +Inf, whatever was observed meanwhile */
	return r;
}

static int render_one(const struct metric *m, struct buf *ret)
{
	int r;

	if (m->kind == METRIC_HISTOGRAM)
		return render_histogram(m, ret);
	r = render_name(m, "", ret);
	return r < 0 ? r : buf_printf(ret, "%" PRId64 "\n", metric_value(m));
}

static int render_help(const struct metric *m, struct buf *ret)
{
	static const char *const kinds[] = {"counter", "gauge", "histogram"};
	int r = buf_printf(ret, "# HELP %s ", m->name);

	for (const char *p = m->help; *p && r == 0; p++)
		r = *p == '\n'	     ? buf_append_str(ret, "\\n")
			: *p == '\\' ? buf_append_str(ret, "\\\\")
				     : buf_append(ret, p, 1);
	return r < 0 ? r : buf_printf(ret, "\n# TYPE %s %s\n", m->name, kinds[m->kind]);
}

int metrics_render(const struct metrics *m, struct buf *ret)
{
	int r = buf_reserve(ret, 0);

	for (size_t i = 0; i < m->families && r == 0; i++) {
		r = render_help(m->family[i], ret);
		for (const struct metric *one = m->family[i]; one && r == 0; one = one->same_name)
			r = render_one(one, ret);
	}
	return r;
}
