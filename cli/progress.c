#include "cli/progress.h"

#include "cli/print.h"
#include "common/base/clock.h"

#include <inttypes.h>
#include <string.h>

#define NAME_BYTES_MAX 256

void progress_begin(struct progress *p, const char *name, int64_t total, int64_t now_ns)
{
	*p = (struct progress){.name = name, .total = total, .began_ns = now_ns, .mark_ns = {now_ns, now_ns}};
}

/* "12.3 MiB": three significant digits, in the units of ls -h. */
static void append_bytes(struct buf *ret, double bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	size_t unit = 0;

	while (bytes >= 1000 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		bytes /= 1024;
		unit++;
	}
	(void)buf_printf(ret, unit > 0 && bytes < 99.95 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

/* Shows the last columns of a long path, which are the most useful. */
static void append_name(struct buf *ret, const char *name)
{
	struct buf shown;
	size_t from = 0;

	buf_init(&shown, NAME_BYTES_MAX);
	if (print_name(&shown, span_str(name), true) < 0 || shown.size == 0) {
		buf_fini(&shown);
		return;
	}
	if (shown.size > PROGRESS_NAME_COLUMNS) {
		from = shown.size - (PROGRESS_NAME_COLUMNS - 1);
		while (from < shown.size && (shown.data[from] & 0xc0) == 0x80) /* does not cut through a character */
			from++;
		(void)buf_append_str(ret, "…");
	}
	(void)buf_append(ret, shown.data + from, shown.size - from);
	buf_fini(&shown);
}

static double bytes_per_second(const struct progress *p, int64_t now_ns)
{
	const double seconds = (double)(now_ns - p->mark_ns[1]) / (double)NS_PER_S;

	return seconds > 0 && p->done > p->mark_done[1] ? (double)(p->done - p->mark_done[1]) / seconds : 0;
}

static void append_left(struct buf *ret, double seconds)
{
	const uint64_t whole = seconds < 359999 ? (uint64_t)(seconds + 0.5) : 359999;

	if (whole >= 3600)
		(void)buf_printf(ret, ", %" PRIu64 ":%02u:%02u left", whole / 3600, (unsigned)(whole / 60 % 60),
			(unsigned)(whole % 60));
	else
		(void)buf_printf(ret, ", %u:%02u left", (unsigned)(whole / 60), (unsigned)(whole % 60));
}

static void append_line(const struct progress *p, int64_t now_ns, struct buf *ret)
{
	const double speed = bytes_per_second(p, now_ns);

	(void)buf_append_str(ret, "\r\033[K");
	append_name(ret, p->name);
	(void)buf_append_str(ret, "  ");
	append_bytes(ret, (double)p->done);
	if (p->total > 0) {
		(void)buf_append_str(ret, " of ");
		append_bytes(ret, (double)p->total);
		(void)buf_printf(ret, " (%.0f %%)", 100.0 * (double)p->done / (double)p->total);
	}
	if (speed <= 0) {
		(void)buf_append_str(ret, ", waiting");
		return;
	}
	(void)buf_append_str(ret, ", ");
	append_bytes(ret, speed);
	(void)buf_append_str(ret, "/s");
	if (p->total > 0 && (uint64_t)p->total >= p->done)
		append_left(ret, (double)((uint64_t)p->total - p->done) / speed);
}

bool progress_at(struct progress *p, uint64_t done, int64_t now_ns, struct buf *ret)
{
	if (done < p->done) { /* the transfer began anew */
		p->mark_ns[0] = p->mark_ns[1] = now_ns;
		p->mark_done[0] = p->mark_done[1] = done;
	}
	p->done = done;
	if (now_ns - p->mark_ns[0] >= PROGRESS_WINDOW_MS * NS_PER_MS) {
		p->mark_ns[1] = p->mark_ns[0];
		p->mark_done[1] = p->mark_done[0];
		p->mark_ns[0] = now_ns;
		p->mark_done[0] = done;
	}
	if (now_ns - p->began_ns < PROGRESS_QUIET_MS * NS_PER_MS)
		return false;
	if (p->visible && now_ns - p->shown_ns < PROGRESS_EVERY_MS * NS_PER_MS)
		return false;
	append_line(p, now_ns, ret);
	p->shown_ns = now_ns;
	p->visible = true;
	return true;
}

void progress_end(struct progress *p, struct buf *ret)
{
	if (p->visible)
		(void)buf_append_str(ret, "\r\033[K");
	p->visible = false;
}
