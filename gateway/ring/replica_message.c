/*
 * Each cut_ function takes a piece off the front of what is left, and checks this piece by itself. A rule about
 * two pieces (a drive's own tag comes first, a head has names and values) is checked where both are known. Only
 * numbers are copied.
 */
#include "gateway/ring/replica_message.h"

#include "common/base/clock.h"
#include "common/base/cut.h"
#include "common/base/limits.h"
#include "gateway/cache/shard.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static const char OFFER[] = "NRO1", TICKET[] = "NRT1", ENTRIES[] = "NRE1";

static_assert(REPLICA_BYTES_MAX > SHARD_BODY_MAX + HEADER_BYTES_MAX + REPLICA_KEY_BYTES_MAX + TAG_LIST_MAX * 8 + 256,
	"a message has room for the largest entry");

/* ---- reading ---- */

/* Reads the count of one section, and adds it to the total of all sections. */
static int cut_count(struct replica_cursor *c, size_t *ret)
{
	int r = cut_size(&c->rest, 2, REPLICA_ENTRIES_MAX, &c->count);

	if (r < 0)
		return r;
	c->total += c->count;
	*ret = c->count;
	return c->total <= REPLICA_ENTRIES_MAX ? 0 : -EBADMSG;
}

static int cut_drive(struct replica_cursor *c, struct replica_section *s)
{
	uint64_t drive = 0;
	int r;

	assert(c->count == 0);
	if (c->sections == 0)
		return c->rest.size == 0 ? -ENOENT : -EBADMSG;
	c->sections--;
	r = cut_number(&c->rest, 4, INT32_MAX, &drive);
	s->drive = (uint32_t)drive;
	if (r == 0)
		r = drive == 0 ? -EBADMSG : cut_i64(&c->rest, &s->stand.incarnation);
	return r;
}

int replica_message_open_offer(struct span message, struct replica_cursor *ret)
{
	*ret = (struct replica_cursor){.rest = message};
	int r = cut_text(&ret->rest, OFFER);

	return r < 0 ? r : cut_size(&ret->rest, 2, REPLICA_SECTIONS_MAX, &ret->sections);
}

/* What was touched is a text of touched.h, as everywhere. */
static int cut_touched(struct replica_cursor *c, struct replica_section *s)
{
	struct span text = {NULL, 0};
	size_t size = 0;
	int r = cut_size(&c->rest, 2, TOUCHED_TEXT_SIZE - 1, &size);

	if (r == 0)
		r = cut_bytes(&c->rest, size, &text);
	s->has_touched = size > 0;
	if (r < 0 || size == 0)
		return r;
	r = touched_parse(text, s->drive, &s->touched);
	return r == 0 && s->touched.incarnation != s->stand.incarnation ? -EBADMSG : r;
}

int replica_message_next_offer(struct replica_cursor *c, struct replica_section *ret)
{
	int r = cut_drive(c, ret);

	if (r == 0)
		r = cut_i64(&c->rest, &ret->stand.epoch);
	if (r == 0)
		r = cut_i64(&c->rest, &ret->stand.followed);
	if (r == 0)
		r = cut_touched(c, ret);
	return r < 0 ? r : cut_count(c, &ret->count);
}

static int cut_key(struct span *rest, size_t size, struct span *ret)
{
	return size == 0 || size > REPLICA_KEY_BYTES_MAX ? -EBADMSG : cut_bytes(rest, size, ret);
}

static int cut_reads(struct span *rest, uint8_t *ret)
{
	uint64_t number = 0;
	int r = cut_number(rest, 1, UINT8_MAX, &number);

	if (r == 0)
		*ret = (uint8_t)number;
	return r;
}

int replica_message_next_key(struct replica_cursor *c, struct replica_key *ret)
{
	size_t size = 0;
	int r;

	if (c->count == 0)
		return -ENOENT;
	c->count--;
	r = cut_i64(&c->rest, &ret->seq);
	if (r == 0)
		r = cut_reads(&c->rest, &ret->reads);
	if (r == 0)
		r = cut_size(&c->rest, 2, REPLICA_KEY_BYTES_MAX, &size);
	return r < 0 ? r : cut_key(&c->rest, size, &ret->key);
}

static int cut_ticket(struct span *rest, const char *magic, struct replica_ticket *ret)
{
	int r = cut_text(rest, magic);

	if (r == 0)
		r = cut_number(rest, 8, UINT64_MAX, &ret->fence);
	return r < 0 ? r : cut_i64(rest, &ret->clock_ns);
}

int replica_message_open_entries(struct span message, struct replica_cursor *ret, struct replica_ticket *ret_ticket)
{
	*ret = (struct replica_cursor){.rest = message};
	int r = cut_ticket(&ret->rest, ENTRIES, ret_ticket);

	return r < 0 ? r : cut_size(&ret->rest, 2, REPLICA_SECTIONS_MAX, &ret->sections);
}

int replica_message_next_section(struct replica_cursor *c, struct replica_section *ret)
{
	int r = cut_drive(c, ret);

	return r < 0 ? r : cut_count(c, &ret->count);
}

/* Whether it is the head of a kept answer: NAME NUL VALUE NUL for each field. */
static bool is_head(struct span head)
{
	size_t ends = 0;

	for (size_t i = 0; i < head.size; i++)
		ends += head.data[i] == '\0';
	return head.size == 0 || (head.data[head.size - 1] == '\0' && ends % 2 == 0 && head.data[0] != '\0');
}

struct sizes {
	size_t key, head, body;
};

static int cut_sizes(struct span *rest, struct replica_entry *e, struct sizes *s)
{
	uint64_t status = 0;
	int r = cut_i64(rest, &e->user);

	if (r == 0)
		r = cut_i64(rest, &e->seq);
	if (r == 0)
		r = cut_number(rest, 8, REPLICA_LIFETIME_S_MAX * (uint64_t)NS_PER_S, &e->lifetime_ns);
	if (r == 0)
		r = cut_number(rest, 2, 404, &status);
	if (r == 0)
		r = cut_reads(rest, &e->reads);
	if (r == 0)
		r = cut_size(rest, 2, TAG_LIST_MAX, &e->key_count);
	if (r == 0)
		r = cut_size(rest, 2, REPLICA_KEY_BYTES_MAX, &s->key);
	if (r == 0)
		r = cut_size(rest, 4, HEADER_BYTES_MAX, &s->head);
	if (r == 0)
		r = cut_size(rest, 4, SHARD_BODY_MAX, &s->body);
	e->status = (int)status;
	return r == 0 && status != 200 && status != 404 ? -EBADMSG : r;
}

static int cut_tags(struct span *rest, uint32_t drive, struct replica_entry *e)
{
	const struct tag tag = tag_drive(drive);
	int r = e->key_count > 0 ? 0 : -EBADMSG;

	for (size_t i = 0; i < e->key_count && r == 0; i++)
		r = cut_number(rest, 8, UINT64_MAX, &e->keys[i]);
	return r == 0 && e->keys[0] != tag_key(&tag) ? -EBADMSG : r;
}

int replica_message_next_entry(struct replica_cursor *c, uint32_t drive, struct replica_entry *ret)
{
	struct sizes sizes = {0};
	int r;

	if (c->count == 0)
		return -ENOENT;
	c->count--;
	r = cut_sizes(&c->rest, ret, &sizes);
	if (r == 0)
		r = cut_tags(&c->rest, drive, ret);
	if (r == 0)
		r = cut_key(&c->rest, sizes.key, &ret->key);
	if (r == 0)
		r = cut_bytes(&c->rest, sizes.head, &ret->head);
	if (r == 0)
		r = cut_bytes(&c->rest, sizes.body, &ret->body);
	return r == 0 && !is_head(ret->head) ? -EBADMSG : r;
}

/* budget: the nested loops follow the shape of the message */
int replica_message_check_offer(struct span message)
{
	struct replica_cursor c;
	struct replica_section section;
	struct replica_key key;
	int r = replica_message_open_offer(message, &c);

	while (r == 0 && (r = replica_message_next_offer(&c, &section)) == 0) {
		while ((r = replica_message_next_key(&c, &key)) == 0)
			;
		r = r == -ENOENT ? 0 : r;
	}
	return r == -ENOENT ? 0 : r;
}

int replica_message_check_entries(struct span message)
{
	struct replica_cursor c;
	struct replica_ticket ticket;
	struct replica_section section;
	struct replica_entry entry;
	int r = replica_message_open_entries(message, &c, &ticket);

	while (r == 0 && (r = replica_message_next_section(&c, &section)) == 0) {
		while ((r = replica_message_next_entry(&c, section.drive, &entry)) == 0)
			;
		r = r == -ENOENT ? 0 : r;
	}
	return r == -ENOENT ? 0 : r;
}

int replica_message_read_ticket(
	struct span message, size_t keys, struct replica_ticket *ret, bool ret_wanted[REPLICA_ENTRIES_MAX])
{
	struct span bits;
	int r = cut_ticket(&message, TICKET, ret);

	assert(keys <= REPLICA_ENTRIES_MAX);
	if (r < 0 || message.size != (keys + 7) / 8)
		return -EBADMSG;
	bits = message;
	for (size_t i = 0; i < keys; i++)
		ret_wanted[i] = ((unsigned char)bits.data[i / 8] >> i % 8 & 1) != 0;
	return 0;
}

/* ---- writing ---- */

static int put_magic(struct buf *b, const char *magic)
{
	return buf_append_str(b, magic);
}

static int put_drive(struct buf *b, const struct replica_section *s)
{
	int r = buf_append_u32(b, s->drive);

	return r < 0 ? r : buf_append_u64(b, (uint64_t)s->stand.incarnation);
}

int replica_message_write_offer(struct buf *b, size_t sections)
{
	int r = put_magic(b, OFFER);

	assert(sections <= REPLICA_SECTIONS_MAX);
	return r < 0 ? r : buf_append_u16(b, (uint16_t)sections);
}

static int put_touched(struct buf *b, const struct replica_section *s)
{
	char text[TOUCHED_TEXT_SIZE] = "";

	if (s->has_touched)
		touched_print(&s->touched, text);
	int r = buf_append_u16(b, (uint16_t)strlen(text));
	return r < 0 ? r : buf_append_str(b, text);
}

int replica_message_write_offer_section(struct buf *b, const struct replica_section *s)
{
	int r = put_drive(b, s);

	assert(s->count <= REPLICA_ENTRIES_MAX);
	if (r == 0)
		r = buf_append_u64(b, (uint64_t)s->stand.epoch);
	if (r == 0)
		r = buf_append_u64(b, (uint64_t)s->stand.followed);
	if (r == 0)
		r = put_touched(b, s);
	return r < 0 ? r : buf_append_u16(b, (uint16_t)s->count);
}

int replica_message_write_key(struct buf *b, const struct replica_key *key)
{
	int r = buf_append_u64(b, (uint64_t)key->seq);

	if (r == 0)
		r = buf_append_u8(b, key->reads);
	if (r == 0)
		r = buf_append_u16(b, (uint16_t)key->key.size);
	return r < 0 ? r : buf_append_span(b, key->key);
}

static int put_ticket(struct buf *b, const char *magic, const struct replica_ticket *ticket)
{
	int r = put_magic(b, magic);

	if (r == 0)
		r = buf_append_u64(b, ticket->fence);
	return r < 0 ? r : buf_append_u64(b, (uint64_t)ticket->clock_ns);
}

int replica_message_write_entries(struct buf *b, const struct replica_ticket *ticket, size_t sections)
{
	int r = put_ticket(b, ENTRIES, ticket);

	assert(sections <= REPLICA_SECTIONS_MAX);
	return r < 0 ? r : buf_append_u16(b, (uint16_t)sections);
}

int replica_message_write_section(struct buf *b, const struct replica_section *s)
{
	int r = put_drive(b, s);

	return r < 0 ? r : buf_append_u16(b, (uint16_t)s->count);
}

static int put_sizes(struct buf *b, const struct replica_entry *e)
{
	int r = buf_append_u64(b, (uint64_t)e->user);

	if (r == 0)
		r = buf_append_u64(b, (uint64_t)e->seq);
	if (r == 0)
		r = buf_append_u64(b, e->lifetime_ns);
	if (r == 0)
		r = buf_append_u16(b, (uint16_t)e->status);
	if (r == 0)
		r = buf_append_u8(b, e->reads);
	if (r == 0)
		r = buf_append_u16(b, (uint16_t)e->key_count);
	if (r == 0)
		r = buf_append_u16(b, (uint16_t)e->key.size);
	if (r == 0)
		r = buf_append_u32(b, (uint32_t)e->head.size);
	return r < 0 ? r : buf_append_u32(b, (uint32_t)e->body.size);
}

int replica_message_write_entry(struct buf *b, const struct replica_entry *e)
{
	const size_t before = b->size;
	int r = put_sizes(b, e);

	for (size_t i = 0; i < e->key_count && r == 0; i++)
		r = buf_append_u64(b, e->keys[i]);
	if (r == 0)
		r = buf_append_span(b, e->key);
	if (r == 0)
		r = buf_append_span(b, e->head);
	if (r == 0)
		r = buf_append_span(b, e->body);
	if (r < 0)
		b->size = before; /* writes the whole entry, or nothing */
	return r;
}

int replica_message_write_ticket(struct buf *b, const struct replica_ticket *ticket, const bool *wanted, size_t keys)
{
	unsigned char bits[REPLICA_ENTRIES_MAX / 8] = {0};
	int r = put_ticket(b, TICKET, ticket);

	assert(keys <= REPLICA_ENTRIES_MAX);
	for (size_t i = 0; i < keys; i++)
		if (wanted[i])
			bits[i / 8] |= (unsigned char)(1u << i % 8);
	return r < 0 ? r : buf_append(b, bits, (keys + 7) / 8);
}
