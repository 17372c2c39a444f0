#include "gateway/proxy/drive_ref.h"

#include "common/base/line.h"
#include "common/base/text.h"
#include "common/proto/item.h"

#include <string.h>

#define SEGMENT_SIZE 72 /* a block's hash has 64 characters; a number of 19 digits, each escaped, 57 */

/* Visits the segments of a path, one after the other. Most have no escapes, and are compared in place. */
struct walk {
	const char *at; /* behind the last segment: '/', or the end */
	struct span segment;
	char decoded[SEGMENT_SIZE];
};

/* false: there is no further segment, or it cannot be a name of ours. */
static bool next(struct walk *w)
{
	struct buf decoded;

	if (*w->at != '/')
		return false;
	w->segment = span_of(w->at + 1, strcspn(w->at + 1, "/?"));
	w->at += 1 + w->segment.size;
	if (w->segment.size == 0 || w->segment.size >= SEGMENT_SIZE)
		return false;
	if (!memchr(w->segment.data, '%', w->segment.size))
		return true;
	buf_init(&decoded, SEGMENT_SIZE);
	const bool good = text_url_decode(w->segment, &decoded) == 0 && decoded.size > 0;
	if (good) {
		memcpy(w->decoded, decoded.data, decoded.size);
		w->segment = span_of(w->decoded, decoded.size);
	}
	buf_fini(&decoded);
	return good;
}

static bool next_is(struct walk *w, const char *name)
{
	return next(w) && span_eq_str(w->segment, name);
}

/* Long segments are names of documents, and no part of a route. */
static void read_below(struct walk *w, struct drive_ref *ref)
{
	struct line below;

	line_begin(&below, ref->below, sizeof(ref->below));
	for (int i = 0; i < 2 && !below.cut && next(w); i++) {
		line_text(&below, i ? "/" : "");
		line_span(&below, w->segment);
	}
}

static struct drive_ref find_v2(struct walk *w)
{
	struct drive_ref ref = {0};
	int64_t number = 0;

	if (!next_is(w, "drives") || !next(w))
		return ref;
	ref.first = span_eq_str(w->segment, "home");
	if (!ref.first && text_parse_id(w->segment, INT32_MAX, &number) == 0)
		ref.drive = (uint32_t)number;
	ref.itself = *w->at != '/' || w->at[1] == '\0' || w->at[1] == '?';
	read_below(w, &ref);
	return ref;
}

/* The number of a document has its drive in it. The list, and a document that is created for no named user,
 * belong to the caller's first drive. */
static struct drive_ref find_v1(struct walk *w)
{
	int64_t number = 0;

	if (strcmp(w->at, "/") == 0 || strncmp(w->at, "/?", 2) == 0 || *w->at != '/')
		return (struct drive_ref){.first = true, .v1_list = true};
	if (!next(w) || text_parse_id(w->segment, INT64_MAX, &number) < 0)
		return (struct drive_ref){0};
	return (struct drive_ref){.drive = ITEM_DRIVE(number)};
}

struct drive_ref drive_ref_find(const char *target)
{
	struct walk w = {.at = target};
	bool v1 = false;

	if (!next_is(&w, "api") || !next(&w))
		return (struct drive_ref){0};
	v1 = span_eq_str(w.segment, "v1");
	if ((!v1 && !span_eq_str(w.segment, "v2")) || !next_is(&w, "docs"))
		return (struct drive_ref){0};
	return v1 ? find_v1(&w) : find_v2(&w);
}
