#include "backend/docs/core/rows_disk.h"

#include "common/base/clock.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

/*
 * The first caller that finds the last look too old takes the next one, and nobody waits for it: all others use
 * the last result meanwhile. What is written in between is bounded by how much can be written in that time.
 */
struct rows_disk {
	struct rows_disk_options options;
	char *folder;
	_Atomic int64_t next_ns;
	atomic_bool is_short;
};

static int look(const char *folder, int64_t *ret_left, int64_t *ret_total)
{
	struct statvfs fs;

	if (statvfs(folder, &fs) < 0)
		return -errno;
	*ret_left = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
	*ret_total = (int64_t)fs.f_blocks * (int64_t)fs.f_frsize;
	return 0;
}

static int look_now(struct rows_disk *d)
{
	int64_t left, total;
	const int r = d->options.look(d->folder, &left, &total);

	if (r == 0)
		atomic_store_explicit(
			&d->is_short, left < rows_disk_reserve(d->options.reserve, total) / 2, memory_order_relaxed);
	return r;
}

int rows_disk_new(const struct rows_disk_options *options, struct rows_disk **ret)
{
	struct rows_disk *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->options = *options;
	if (!d->options.look)
		d->options.look = look;
	d->folder = strdup(options->folder);
	atomic_init(&d->next_ns, clock_mono_ns() + options->look_ns);
	atomic_init(&d->is_short, false);
	r = d->folder ? look_now(d) : -ENOMEM;
	if (r < 0) {
		rows_disk_free(d);
		return r;
	}
	*ret = d;
	return 0;
}

void rows_disk_free(struct rows_disk *d)
{
	if (!d)
		return;
	free(d->folder);
	free(d);
}

void rows_disk_look_again(struct rows_disk *d)
{
	if (d)
		atomic_store_explicit(&d->next_ns, 0, memory_order_relaxed);
}

bool rows_disk_is_short(struct rows_disk *d)
{
	int64_t now, next;

	if (!d)
		return false;
	now = clock_mono_ns();
	next = atomic_load_explicit(&d->next_ns, memory_order_relaxed);
	if (now >= next &&
		atomic_compare_exchange_strong_explicit(
			&d->next_ns, &next, now + d->options.look_ns, memory_order_relaxed, memory_order_relaxed))
		(void)look_now(d);
	return atomic_load_explicit(&d->is_short, memory_order_relaxed);
}
