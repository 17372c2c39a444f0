#include "common/proto/touched.h"

#include "common/base/text.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void touched_init(struct touched *t, uint32_t drive, int64_t incarnation, int64_t since)
{
	assert(incarnation >= 0 && since >= 0 && since < INT64_MAX);
	t->incarnation = incarnation;
	t->first = since + 1;
	t->last = since;
	t->all = false;
	tag_list_init(&t->tags, drive);
}

/* Avoids duplicates: a file that is written to many times is touched once. */
static bool has(const struct tag_list *l, const struct tag *tag)
{
	for (size_t i = 1; i < l->count; i++)
		if (tag_eq(&l->tags[i], tag))
			return true;
	return false;
}

void touched_add(struct touched *t, int64_t seq, const struct tag_change *change)
{
	struct tag tags[TAG_TOUCHED_MAX];
	size_t count;

	t->all = t->all || seq != t->last + 1;
	t->last = seq;
	count = t->all ? 0 : tag_touched(change, tags);
	for (size_t i = 0; i < count; i++)
		if (!has(&t->tags, &tags[i]))
			tag_list_add(&t->tags, tags[i]);
	t->all = t->all || t->tags.overfull;
}

void touched_all(struct touched *t, int64_t last)
{
	assert(last >= t->last);
	t->last = last;
	t->all = true;
}

bool touched_join(struct touched *t, const struct touched *next)
{
	if (next->incarnation != t->incarnation || next->first != t->last + 1)
		return false;
	t->last = next->last;
	t->all = t->all || next->all;
	for (size_t i = 1; i < next->tags.count && !t->all; i++)
		if (!has(&t->tags, &next->tags.tags[i]))
			tag_list_add(&t->tags, next->tags.tags[i]);
	t->all = t->all || t->tags.overfull;
	return true;
}

const struct tag *touched_tags(const struct touched *t, size_t *ret_count)
{
	assert(!t->all && t->tags.count > 0);
	*ret_count = t->tags.count - 1;
	return &t->tags.tags[1];
}

void touched_print(const struct touched *t, char ret[TOUCHED_TEXT_SIZE])
{
	char tags[TAG_TEXT_SIZE] = "*";

	if (!t->all && tag_list_print(&t->tags, tags) < 0)
		(void)snprintf(tags, sizeof(tags), "*");
	(void)snprintf(ret, TOUCHED_TEXT_SIZE, "%" PRId64 ".%" PRId64 "-%" PRId64 " %s", t->incarnation, t->first,
		t->last, tags);
}

/* Cuts a number, and the character behind it, off the text. */
static int cut_number(struct span *text, char end, int64_t *ret)
{
	const char *at = text->size > 0 ? memchr(text->data, end, text->size) : NULL;
	const size_t size = at ? (size_t)(at - text->data) : 0;
	const struct span digits = span_of(text->data, size);
	uint64_t number = 0;

	/* Each number has only one text: no zeros in front. */
	if (size == 0 || (size > 1 && digits.data[0] == '0') || text_parse_u64(digits, INT64_MAX, &number) < 0)
		return -EBADMSG;
	*ret = (int64_t)number;
	*text = span_of(text->data + size + 1, text->size - size - 1);
	return 0;
}

int touched_parse(struct span text, uint32_t drive, struct touched *ret)
{
	int r = cut_number(&text, '.', &ret->incarnation);

	if (r == 0)
		r = cut_number(&text, '-', &ret->first);
	if (r == 0)
		r = cut_number(&text, ' ', &ret->last);
	if (r == 0 && (ret->first < 1 || ret->last < ret->first - 1))
		r = -EBADMSG;
	if (r < 0)
		return r;
	ret->all = span_eq_str(text, "*");
	if (ret->all)
		tag_list_init(&ret->tags, drive);
	else
		r = tag_list_parse(text, &ret->tags);
	return r == 0 && (ret->tags.tags[0].id != (int64_t)drive || ret->tags.lifetime_s > 0) ? -EBADMSG : r;
}
