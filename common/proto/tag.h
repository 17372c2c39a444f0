/*
 * tag: what an answer was made from. A cache that keeps an answer of the docs service must know when it is no longer
 * true; so the answer names the facts that it shows, its tags, and tag_touched says which facts a journal entry
 * changes. An answer is as it was as long as no entry behind its position touches one of its tags. Who makes answers
 * and who keeps them compile the same functions.
 *
 *   TAG_DRIVE       that there is the drive, and who may see it: in every answer. No journal entry touches it: it is
 *                   for what the journal does not tell (the drive goes to the trash or comes back)
 *   TAG_ATTRIBUTES  of a document: all that an item shows, where its row says it lies, and that it is there
 *   TAG_NAME        what one name in a folder leads to, or that it leads nowhere. A path has one for each step
 *   TAG_LISTING     the names of a folder, with the items and the content of what lies in that folder alone and is no
 *                   folder. Of every other child that it shows, a listing has TAG_ATTRIBUTES as well
 *   TAG_CONTENT     bytes and size of a document, and that it is there
 *   TAG_XATTRS      its xattrs, and that it is there
 *
 * Content and size change with attributes, always: what has TAG_ATTRIBUTES needs no TAG_CONTENT.
 *
 * Why a listing treats two kinds of children differently: an entry names one folder of the document that it changes
 * (`parent`), and that is where it lies when it has one name only. A document with several names lies in folders that
 * the entry does not name; a folder changes when something is made in it, and then the entry names that folder as
 * `parent` and not the one above. Their number is bounded with that of all tags; of a document that gets its second
 * name the entry names the folder of the first (`old_parent`).
 *
 * There is no tag for the row of a drive (its name, quota, usage, position): usage and position change with every
 * entry, and the quota without one, so no answer that shows them is tagged. A tag that is touched without need costs a
 * read; a name is told by a hash, and two names with the same one are touched together.
 *
 * As text, for one header field: DRIVE[/SECONDS], then the other tags, each as a letter and the document's number in
 * hex, of a name with a dot and 16 digits of hash behind it, one space before each: "5/300 l1 a2f n1.9f86d081884c7d65".
 * SECONDS: the answer is good for no longer, whatever is touched. Each list has one text.
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
struct tag tag_of(enum tag_kind kind, int64_t id); /* all others but names */
struct tag tag_name(int64_t folder, struct span name);
bool tag_eq(const struct tag *a, const struct tag *b);
/* One number for a tag, for tables: that two tags have the same one is as likely as with any hash of 64 bits. */
uint64_t tag_key(const struct tag *tag);

/* Tags of one answer: a listing of 200 folders has as many, and takes 2 KiB of the answer's head. An answer with more
 * is not kept: what a cache remembers of an entry, and looks through to serve it, is bounded. */
#define TAG_LIST_MAX 256u
#define TAG_TEXT_SIZE 4096u /* the text and its NUL: a quarter of what a head may have */

/* Tags of one answer. The first is the drive's. */
struct tag_list {
	struct tag tags[TAG_LIST_MAX];
	size_t count;
	unsigned lifetime_s; /* 0: until something touches it */
	bool overfull;	     /* there were more: the list says nothing */
};

void tag_list_init(struct tag_list *l, uint32_t drive);
void tag_list_add(struct tag_list *l, struct tag tag); /* of the same drive; again is no harm */
/* The shorter of two lifetimes. */
void tag_list_ends(struct tag_list *l, unsigned lifetime_s);
/* -E2BIG: overfull, or the text is too long: then ret is the empty text, and the answer is not tagged. */
int tag_list_print(const struct tag_list *l, char ret[TAG_TEXT_SIZE]);
/* -EBADMSG: not the text of a list; ret is of no use then. */
int tag_list_parse(struct span text, struct tag_list *ret);

/* Of a journal entry what tags follow from (PROTOCOL.md, "Journal"); what it does not have is 0. */
struct tag_change {
	enum op_kind op;
	int64_t id, parent, old_parent, replaced;
	struct span name, old_name;
	bool content, xattrs; /* its `what` has "content" or "size"; "xattrs" */
};

#define TAG_TOUCHED_MAX 11u /* a rename over another document touches the most */

/* The tags that the entry touches: those of an answer that saw a position before it, and which it may have made untrue.
 * Returns how many. */
size_t tag_touched(const struct tag_change *change, struct tag ret[TAG_TOUCHED_MAX]);

#endif
