#include "fusefs/core/recent.h"

static uint64_t hash(struct span name)
{
	uint64_t h = 0xcbf29ce484222325u; /* FNV-1a; a collision only costs a request */

	for (size_t i = 0; i < name.size; i++)
		h = (h ^ (uint8_t)name.data[i]) * 0x100000001b3u;
	return h > 0 ? h : 1;
}

static void add(struct recent *r, int64_t seq, int64_t id, uint64_t name)
{
	struct recent_change *c = &r->list[r->next];

	if (c->seq > r->forgotten)
		r->forgotten = c->seq;
	*c = (struct recent_change){seq, id, name};
	r->next = (r->next + 1) % RECENT_MAX;
	if (seq > r->last)
		r->last = seq;
}

static bool stands(const struct recent *r, int64_t seq, int64_t id, uint64_t name)
{
	if (seq >= r->last)
		return true;
	if (seq < r->forgotten)
		return false;
	for (size_t i = 0; i < RECENT_MAX; i++) {
		const struct recent_change *c = &r->list[i];

		if (c->seq > seq && c->id == id && c->name == name)
			return false;
	}
	return true;
}

void recent_reset(struct recent *r, int64_t seq)
{
	*r = (struct recent){.last = seq, .forgotten = seq};
}

void recent_add_document(struct recent *r, int64_t seq, int64_t id)
{
	add(r, seq, id, 0);
}

void recent_add_name(struct recent *r, int64_t seq, int64_t folder, struct span name)
{
	add(r, seq, folder, hash(name));
}

bool recent_document_stands(const struct recent *r, int64_t seq, int64_t id)
{
	return stands(r, seq, id, 0);
}

bool recent_name_stands(const struct recent *r, int64_t seq, int64_t folder, struct span name)
{
	return seq >= r->last || stands(r, seq, folder, hash(name));
}

bool recent_folder_stands(const struct recent *r, int64_t seq, int64_t folder)
{
	if (seq >= r->last)
		return true;
	if (seq < r->forgotten)
		return false;
	for (size_t i = 0; i < RECENT_MAX; i++)
		if (r->list[i].seq > seq && r->list[i].id == folder && r->list[i].name != 0)
			return false;
	return true;
}
