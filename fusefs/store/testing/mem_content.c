#include "fusefs/store/testing/mem_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

void mem_piece_free(struct mem_piece *p)
{
	free(p->data);
	free(p);
}

void mem_content_free(struct mem_doc *doc)
{
	struct mem_piece *p, *next;

	DL_FOREACH_SAFE(doc->pieces, p, next) {
		DL_DELETE(doc->pieces, p);
		mem_piece_free(p);
	}
}

static struct mem_piece *piece_copy(const struct mem_piece *from)
{
	struct mem_piece *p = malloc(sizeof(*p));

	if (!p)
		abort(); /* in tests, there is always memory */
	*p = *from;
	p->prev = p->next = NULL;
	if (from->kind == EXTENT_INLINE) {
		p->data = malloc((size_t)from->len);
		if (!p->data)
			abort();
		if (from->data)
			memcpy(p->data, from->data, (size_t)from->len);
	} else {
		p->data = NULL;
	}
	return p;
}

/* The part of p that lies in [from, to). */
static struct mem_piece *piece_part(const struct mem_piece *p, int64_t from, int64_t to)
{
	struct mem_piece part = *p;

	part.at = from;
	part.len = to - from;
	part.from = p->from + (p->kind == EXTENT_BLOCK ? (uint32_t)(from - p->at) : 0);
	part.data = p->kind == EXTENT_INLINE ? p->data + (from - p->at) : NULL;
	return piece_copy(&part);
}

int mem_content_copy(const struct mem_doc *from, struct mem_doc *to)
{
	struct mem_piece *p;

	to->pieces = NULL;
	DL_FOREACH(from->pieces, p) {
		struct mem_piece *copy = piece_copy(p);

		DL_APPEND(to->pieces, copy);
	}
	return 0;
}

static int by_place(struct mem_piece *a, struct mem_piece *b)
{
	return a->at < b->at ? -1 : a->at > b->at;
}

void mem_content_cut(struct mem_doc *doc, int64_t from, int64_t to)
{
	struct mem_piece *p, *next, *part;

	DL_FOREACH_SAFE(doc->pieces, p, next) {
		int64_t end = p->at + p->len;

		if (end <= from || p->at >= to)
			continue;
		DL_DELETE(doc->pieces, p);
		if (p->at < from) {
			part = piece_part(p, p->at, from);
			DL_INSERT_INORDER(doc->pieces, part, by_place);
		}
		if (end > to) {
			part = piece_part(p, to, end);
			DL_INSERT_INORDER(doc->pieces, part, by_place);
		}
		mem_piece_free(p);
	}
}

void mem_content_put(struct mem_doc *doc, const struct mem_piece *piece)
{
	struct mem_piece *copy = piece_copy(piece);

	mem_content_cut(doc, piece->at, piece->at + piece->len);
	DL_INSERT_INORDER(doc->pieces, copy, by_place);
}

void mem_content_reserve(struct mem_doc *doc, int64_t from, int64_t to)
{
	struct mem_piece room = {.at = from, .kind = EXTENT_RESERVED}, *p;

	while (room.at < to) {
		int64_t end = to, behind = 0;

		DL_FOREACH(doc->pieces, p) {
			if (p->at <= room.at && p->at + p->len > room.at)
				behind = p->at + p->len;
			else if (p->at > room.at && p->at < end)
				end = p->at;
		}
		room.len = end - room.at;
		if (behind == 0)
			mem_content_put(doc, &room);
		room.at = behind > 0 ? behind : end;
	}
}
