#include "gateway/cache/ghost.h"

#include "gateway/cache/cost.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define WAYS 8u
#define POINT_BYTES 64u /* points have 32 bits: they wrap around after 256 GiB */

struct ghost_mark {
	uint32_t print; /* 0: the mark is free */
	uint32_t point;
};

static size_t sets_of(size_t marks)
{
	size_t sets = 1;

	while (sets * 2 * WAYS <= marks)
		sets *= 2;
	return sets;
}

size_t ghost_cost(size_t marks)
{
	return cost_of(sets_of(marks) * WAYS * sizeof(struct ghost_mark));
}

int ghost_init(struct ghost *g, size_t marks, size_t window_bytes)
{
	const size_t sets = sets_of(marks);

	assert(window_bytes / POINT_BYTES < UINT32_MAX / 2);
	g->marks = calloc(sets * WAYS, sizeof(*g->marks));
	if (!g->marks)
		return -ENOMEM;
	g->sets = sets;
	g->window = (uint32_t)(window_bytes / POINT_BYTES);
	g->bytes = 0;
	return 0;
}

void ghost_fini(struct ghost *g)
{
	free(g->marks);
}

static uint32_t point_of(const struct ghost *g)
{
	return (uint32_t)(g->bytes / POINT_BYTES);
}

static uint32_t print_of(uint64_t hash)
{
	return (uint32_t)(hash >> 24) | 1;
}

static struct ghost_mark *set_of(struct ghost *g, uint64_t hash)
{
	return &g->marks[(hash & (g->sets - 1)) * WAYS];
}

static struct ghost_mark *find(struct ghost *g, uint64_t hash)
{
	struct ghost_mark *set = set_of(g, hash);

	for (size_t i = 0; i < WAYS; i++)
		if (set[i].print == print_of(hash) && point_of(g) - set[i].point <= g->window)
			return &set[i];
	return NULL;
}

/* A free mark of the set, or else its oldest one. */
static struct ghost_mark *room_in(const struct ghost *g, struct ghost_mark *set)
{
	struct ghost_mark *oldest = set;

	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].print == 0)
			return &set[i];
		if (point_of(g) - set[i].point > point_of(g) - oldest->point)
			oldest = &set[i];
	}
	return oldest;
}

void ghost_add(struct ghost *g, uint64_t hash, size_t bytes)
{
	struct ghost_mark *mark = find(g, hash);

	if (!mark)
		mark = room_in(g, set_of(g, hash));
	g->bytes += bytes;
	*mark = (struct ghost_mark){.print = print_of(hash), .point = point_of(g)};
}

bool ghost_take(struct ghost *g, uint64_t hash)
{
	struct ghost_mark *mark = find(g, hash);

	if (!mark)
		return false;
	mark->print = 0;
	return true;
}
