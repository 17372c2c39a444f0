/*
 * Sections and parts are not sorted by receiver: each section has the number of its receiver, each part a bit for
 * "is wanted". There are few of them, so that looking at all of them for each receiver costs no more than
 * sorting: 256 parts of 64 sections are 16,000 looks, a fifth of the time that one call takes otherwise.
 */
#include "gateway/ring/replica_batch.h"

#include "common/base/clock.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

void replica_batch_clear(struct replica_batch *b)
{
	for (size_t i = 0; i < b->part_count; i++)
		cache_copy_free(b->parts[i].copy);
	b->section_count = b->part_count = b->peer_count = 0;
}

static size_t section_for(struct replica_batch *b, uint32_t drive)
{
	size_t i = 0;

	while (i < b->section_count && b->sections[i].drive != drive)
		i++;
	if (i == b->section_count && i < REPLICA_SECTIONS_MAX) {
		b->sections[i].drive = drive;
		b->sections[i].has_touched = false;
		b->sections[i].count = 0;
		b->peer_of[i] = REPLICA_NO_PEER;
		b->section_count++;
	}
	return i;
}

bool replica_batch_add_drive(struct replica_batch *b, uint32_t drive)
{
	return section_for(b, drive) < REPLICA_SECTIONS_MAX;
}

bool replica_batch_add(struct replica_batch *b, const struct cache_mark *mark)
{
	const size_t section = b->part_count < REPLICA_ENTRIES_MAX ? section_for(b, mark->drive) : REPLICA_SECTIONS_MAX;

	if (section == REPLICA_SECTIONS_MAX)
		return false;
	b->parts[b->part_count++] = (struct replica_part){.section = section, .mark = *mark};
	return true;
}

static size_t peer_for(struct replica_batch *b, const struct membership_gateway *peer)
{
	size_t i = 0;

	while (i < b->peer_count && strcmp(b->peers[i].boot, peer->boot) != 0)
		i++;
	if (i == b->peer_count)
		b->peers[b->peer_count++] = *peer;
	return i;
}

void replica_batch_place(struct replica_batch *b, replica_batch_place_fn place, void *cookie)
{
	struct membership_gateway peer;

	for (size_t i = 0; i < b->section_count; i++)
		if (place(cookie, &b->sections[i], &peer))
			b->peer_of[i] = peer_for(b, &peer);
}

void replica_batch_load(struct replica_batch *b, struct cache *cache)
{
	for (size_t i = 0; i < b->part_count; i++) {
		struct replica_part *part = &b->parts[i];

		assert(!part->copy);
		if (b->peer_of[part->section] == REPLICA_NO_PEER)
			continue;
		part->copy = cache_copy_of(cache, &part->mark);
		/* An entry with too long a key is not copied: the receiver would refuse the whole message. */
		if (part->copy && part->copy->key.size > REPLICA_KEY_BYTES_MAX) {
			cache_copy_free(part->copy);
			part->copy = NULL;
		}
		b->sections[part->section].count += part->copy != NULL;
	}
}

static bool goes_to(const struct replica_batch *b, size_t section, size_t peer)
{
	return b->peer_of[section] == peer;
}

static size_t count_sections(const struct replica_batch *b, size_t peer)
{
	size_t count = 0;

	for (size_t i = 0; i < b->section_count; i++)
		count += goes_to(b, i, peer);
	return count;
}

static int write_keys(const struct replica_batch *b, size_t section, struct buf *ret)
{
	int r = 0;

	for (size_t i = 0; i < b->part_count && r == 0; i++) {
		const struct cache_copy *copy = b->parts[i].copy;

		if (b->parts[i].section == section && copy)
			r = replica_message_write_key(ret,
				&(struct replica_key){
					.key = copy->key, .seq = answer_seq(copy->answer), .reads = copy->reads});
	}
	return r;
}

int replica_batch_write_offer(struct replica_batch *b, size_t peer, struct buf *ret)
{
	int r = replica_message_write_offer(ret, count_sections(b, peer));

	for (size_t i = 0; i < b->section_count && r == 0; i++) {
		if (!goes_to(b, i, peer))
			continue;
		r = replica_message_write_offer_section(ret, &b->sections[i]);
		if (r == 0)
			r = write_keys(b, i, ret);
	}
	return r;
}

int replica_batch_read_ticket(
	struct replica_batch *b, size_t peer, struct span message, struct replica_ticket *ret_ticket)
{
	bool wanted[REPLICA_ENTRIES_MAX];
	size_t keys = 0, at = 0;

	for (size_t i = 0; i < b->section_count; i++)
		keys += goes_to(b, i, peer) ? b->sections[i].count : 0;
	int r = replica_message_read_ticket(message, keys, ret_ticket, wanted);
	/* The bits come in the order in which the keys were offered. */
	for (size_t i = 0; i < b->section_count && r == 0; i++)
		for (size_t k = 0; goes_to(b, i, peer) && k < b->part_count; k++)
			if (b->parts[k].section == i && b->parts[k].copy)
				b->parts[k].wanted = wanted[at++];
	assert(r < 0 || at == keys);
	return r;
}

/* The entry as it is sent. It is true at the position of its drive when that was looked up, or at the position
 * that its answer saw, whichever is later. */
static void fill_entry(
	const struct replica_batch *b, const struct replica_part *part, int64_t now_ns, struct replica_entry *ret)
{
	const struct cache_copy *copy = part->copy;
	const int64_t followed = b->sections[part->section].stand.followed, saw = answer_seq(copy->answer);

	ret->key = copy->key;
	ret->head = answer_head(copy->answer);
	ret->body = answer_body(copy->answer);
	ret->user = copy->user;
	ret->seq = saw > followed ? saw : followed;
	ret->status = answer_status(copy->answer);
	ret->lifetime_ns = copy->expires_ns == INT64_MAX ? 0 : (uint64_t)(copy->expires_ns - now_ns);
	/* A shorter lifetime at the receiver does no harm; one above the maximum would have the whole message
	 * refused. */
	if (ret->lifetime_ns > REPLICA_LIFETIME_S_MAX * (uint64_t)NS_PER_S)
		ret->lifetime_ns = REPLICA_LIFETIME_S_MAX * (uint64_t)NS_PER_S;
	ret->reads = copy->reads;
	ret->key_count = copy->key_count;
	memcpy(ret->keys, copy->keys, copy->key_count * sizeof(*copy->keys));
}

static size_t bytes_of(const struct cache_copy *copy)
{
	return copy->key.size + answer_cost(copy->answer) + copy->key_count * sizeof(*copy->keys);
}

/* Chooses the parts of a section that go with this message: the first wanted ones that have room. */
static size_t choose_parts(struct replica_batch *b, size_t section, const struct replica_batch_entries *what,
	size_t *bytes, bool chosen[REPLICA_ENTRIES_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < b->part_count; i++) {
		struct replica_part *part = &b->parts[i];
		const bool is_its = part->section == section && part->wanted;

		chosen[i] = false;
		if (is_its && part->copy->expires_ns <= what->now_ns)
			part->wanted = false;
		else if (is_its && (*bytes == 0 || *bytes + bytes_of(part->copy) <= what->bytes_max))
			chosen[i] = true;
		if (!chosen[i])
			continue;
		*bytes += bytes_of(part->copy);
		part->wanted = false;
		count++;
	}
	return count;
}

static int write_parts(struct replica_batch *b, int64_t now_ns, const bool chosen[REPLICA_ENTRIES_MAX], struct buf *ret)
{
	struct replica_entry entry;
	int r = 0;

	for (size_t i = 0; i < b->part_count && r == 0; i++) {
		if (!chosen[i])
			continue;
		fill_entry(b, &b->parts[i], now_ns, &entry);
		r = replica_message_write_entry(ret, &entry);
	}
	return r;
}

int replica_batch_write_entries(
	struct replica_batch *b, const struct replica_batch_entries *what, struct buf *ret, size_t *ret_count)
{
	bool chosen[REPLICA_ENTRIES_MAX];
	size_t bytes = 0;
	int r = replica_message_write_entries(ret, what->ticket, count_sections(b, what->peer));

	*ret_count = 0;
	for (size_t i = 0; i < b->section_count && r == 0; i++) {
		if (!goes_to(b, i, what->peer))
			continue;
		struct replica_section *section = &b->sections[i];

		section->count = choose_parts(b, i, what, &bytes, chosen);
		*ret_count += section->count;
		r = replica_message_write_section(ret, section);
		if (r == 0)
			r = write_parts(b, what->now_ns, chosen, ret);
	}
	return r;
}
