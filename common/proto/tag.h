/*
 * tag: what an answer was made from. A cache that keeps an answer of the docs service must know when the answer is
 * no longer true. So the answer names the facts that it shows, its tags, and tag_touched computes which facts a
 * journal entry changes. An answer is still true as long as no entry behind its position touches one of its tags.
 * The makers of answers and the caches compile the same functions.
 *
 *   TAG_DRIVE       that the drive exists, and who may see it: in every answer. No journal entry touches it: it is for
 *                   changes that the journal does not have (the drive goes to the trash or comes back)
 *   TAG_ATTRIBUTES  of a document: everything that an item shows, where its row says it lies, and that it exists
 *   TAG_NAME        which document one name in a folder leads to, or that there is none. A path has one for each step
 *   TAG_LISTING     the names of a folder, with the items and the content of children that lie in that folder alone and
 *                   are no folders. For every other child that a listing shows, it has TAG_ATTRIBUTES as well
 *   TAG_CONTENT     bytes and size of a document, and that it exists
 *   TAG_XATTRS      its xattrs, and that it exists
 *
 * Content and size always change together with attributes: an answer with TAG_ATTRIBUTES needs no TAG_CONTENT.
 *
 * Why a listing treats two kinds of children differently: an entry names one folder of the document that it changes
 * (`parent`), which is the document's only folder when it has one name only. A document with several names also
 * lies in folders that the entry does not name. A folder changes when something is made in it, and then the entry
 * names that folder as `parent`, and not the folder above. The number of these tags is bounded together with all
 * others. When a document gets its second name, the entry also names the folder of the first (`old_parent`).
 *
 * There is no tag for the row of a drive (its name, quota, usage, position): usage and position change with every
 * entry, and the quota without one, so no answer that shows them is tagged. Touching a tag without need only costs
 * a read. A name is represented by a hash; two names with the same hash are touched together.
 *
 * As text, for one header field: DRIVE[/SECONDS], then the other tags, each with one space before it. A tag is a
 * letter and the document's number in hex; a name also has a dot and 16 digits of hash: "5/300 l1 a2f
 * n1.9f86d081884c7d65". SECONDS: the answer is valid no longer than this, whatever is touched. Each list has only
 * one text.
 *
 * Pure; any thread.
 */
#ifndef NEPHOS_PROTO_TAG_H
#define NEPHOS_PROTO_TAG_H

#include "common/proto/op.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tag_kind { TAG_DRIVE, TAG_ATTRIBUTES, TAG_NAME, TAG_LISTING, TAG_CONTENT, TAG_XATTRS, TAG_KINDS };

struct tag {
	enum tag_kind kind;
	int64_t id;    /* the document; of TAG_NAME the folder, of TAG_DRIVE the drive */
	uint64_t name; /* TAG_NAME: hash of the name; else 0 */
};

struct tag tag_drive(uint32_t drive);
struct tag tag_of(enum tag_kind kind, int64_t id); /* any kind but TAG_NAME */
struct tag tag_name(int64_t folder, struct span name);
bool tag_eq(const struct tag *a, const struct tag *b);
/* One number for a tag, for hash tables. Two tags collide as rarely as with any hash of 64 bits. */
uint64_t tag_key(const struct tag *tag);

/* Tags of one answer: a listing of 200 folders has about as many, and they take 2 KiB of the answer's head. An
 * answer with more is not kept: what a cache stores with an entry, and checks to serve it, is bounded. */
#define TAG_LIST_MAX 256u
#define TAG_TEXT_SIZE 4096u /* the text and its NUL: a quarter of the limit of a head */

/* The tags of one answer. The first one is the drive's. */
struct tag_list {
	struct tag tags[TAG_LIST_MAX];
	size_t count;
	unsigned lifetime_s; /* 0: valid until something touches it */
	bool overfull;	     /* there were more tags: the list is of no use */
};

void tag_list_init(struct tag_list *l, uint32_t drive);
void tag_list_add(struct tag_list *l, struct tag tag); /* of the same drive; adding a tag twice does no harm */
/* Limits the lifetime; the shorter of two lifetimes holds. */
void tag_list_ends(struct tag_list *l, unsigned lifetime_s);
/* -E2BIG: overfull, or the text is too long; ret is then the empty text, and the answer gets no tags. */
int tag_list_print(const struct tag_list *l, char ret[TAG_TEXT_SIZE]);
/* -EBADMSG: not the text of a list; ret must not be used then. */
int tag_list_parse(struct span text, struct tag_list *ret);

/* The parts of a journal entry from which its tags follow (PROTOCOL.md, "Journal"); parts that it does not have are
 * 0. */
struct tag_change {
	enum op_kind op;
	int64_t id, parent, old_parent, replaced;
	struct span name, old_name;
	bool content, xattrs; /* its `what` has "content" or "size" (content); has "xattrs" (xattrs) */
};

#define TAG_TOUCHED_MAX 11u /* the most: a rename over another document */

/* Lists the tags that the entry touches: an answer with such a tag that saw an earlier position may be untrue now.
 * Returns how many. */
size_t tag_touched(const struct tag_change *change, struct tag ret[TAG_TOUCHED_MAX]);

#endif
