#include "fusefs/names/listing.h"

#include "fusefs/core/attributes.h"
#include "common/base/wait.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <utlist.h>

/* One answer of the store, packed. */
struct sheet {
	struct sheet *prev, *next;
	uint64_t first; /* index of its first entry */
	uint32_t count;
	bool loaded;
	struct span after; /* the name before it, to fetch it from; own memory */
	size_t bytes;
	uint32_t *places; /* offset of each entry in data */
	char *data;
};

struct entry_head {
	int64_t id;
	uint32_t mode;
	uint32_t size;
};

struct listing {
	struct kept_item kept;
	struct core *core;
	struct names *names;
	struct inode *folder; /* every open directory has a reference to it; so has a fetch */
	unsigned refs;
	struct sheet *sheets;
	size_t bytes;
	uint64_t count;	  /* of entries in the sheets */
	uint64_t reached; /* index that the reader asked for last */
	bool ended;	  /* the last sheet is the end of the folder */
	bool clean;	  /* every entry was learnt, and none has changed since */
	bool touched;	  /* entries were read from it */
	bool learning;	  /* without a reader: made to learn the names */
	int error;
	int64_t seen;	     /* changes in the folder up to this position are included: position of the first sheet */
	int64_t content_seq; /* of the folder, when the listing was completed */
	uint64_t epoch;
	struct sheet *fetching;
	struct wait *waits;
};

static void fetch(struct listing *l, struct sheet *s, uint32_t limit);

static void unload(struct listing *l, struct sheet *s)
{
	assert(l->bytes >= s->bytes);
	l->bytes -= s->bytes;
	s->bytes = 0;
	free(s->places);
	free(s->data);
	s->places = NULL;
	s->data = NULL;
	s->loaded = false;
}

static void drop_sheets(struct listing *l)
{
	struct sheet *s, *next;

	DL_FOREACH_SAFE(l->sheets, s, next) {
		unload(l, s);
		free((char *)s->after.data);
		free(s);
	}
	l->sheets = NULL;
	l->count = 0;
}

/* -- kept listings -- */

static void unkeep(struct listing *l)
{
	if (l->kept.bytes == 0)
		return;
	kept_count(&l->core->kept, KEPT_LISTINGS, &l->kept, 0);
	l->folder->listing = NULL;
	listing_close(l);
}

/*
 * The listing stays valid while the folder's content_seq does not change, so the listing must include the change
 * that made this content_seq. The attributes may be of a later position than the listing: then the journal has yet
 * to announce that change, and will find the attributes up to date.
 */
static void keep(struct listing *l)
{
	if (l->folder->listing)
		unkeep(l->folder->listing);
	if (l->bytes > LISTING_KEEP_BYTES || !inode_valid(l->folder) || l->folder->attr.content_seq > l->seen)
		return;
	l->content_seq = l->folder->attr.content_seq;
	l->refs++;
	l->folder->listing = l;
	kept_count(&l->core->kept, KEPT_LISTINGS, &l->kept, l->bytes + sizeof(*l));
}

void listing_give(struct core *core)
{
	struct kept_item *item = kept_oldest(&core->kept, KEPT_LISTINGS);

	if (item)
		unkeep((struct listing *)((char *)item - offsetof(struct listing, kept)));
}

void listing_release(struct inode *folder)
{
	if (folder->listing)
		unkeep(folder->listing);
}

static struct listing *find_kept(struct inode *folder)
{
	struct listing *l = folder->listing;

	if (!l)
		return NULL;
	if (l->epoch != l->core->inodes.epoch || folder->attr.content_seq != l->content_seq) {
		unkeep(l);
		return NULL;
	}
	if (!inode_valid(folder))
		return NULL;
	kept_use(&l->core->kept, KEPT_LISTINGS, &l->kept);
	l->refs++;
	return l;
}

static void destroy(struct listing *l)
{
	wait_fire(&l->waits, -ECANCELED);
	drop_sheets(l);
	free(l);
}

void listing_close(struct listing *l)
{
	if (!l)
		return;
	assert(l->refs > 0);
	if (--l->refs > 0)
		return;
	assert(!l->fetching && l->kept.bytes == 0);
	destroy(l); /* a fetch has a reference: so none is in flight */
}

/* -- pages -- */

static struct sheet *add_sheet(struct listing *l, struct span after)
{
	struct sheet *s = calloc(1, sizeof(*s));
	char *copy = malloc(after.size + 1);

	if (!s || !copy) {
		free(s);
		free(copy);
		return NULL;
	}
	if (after.size > 0)
		memcpy(copy, after.data, after.size);
	s->after = span_of(copy, after.size);
	s->first = l->count;
	DL_APPEND(l->sheets, s);
	return s;
}

/* -- an answer -- */

static void learn(struct listing *l, const struct item *item, int64_t seen)
{
	struct core *core = l->core;
	struct inode *inode;

	if (!recent_name_stands(&core->recent, seen, l->folder->id, item->name)) {
		l->clean = false;
		return;
	}
	inode = attributes_learn(core, item, seen, NULL);
	if (!inode) {
		l->clean = false;
		return;
	}
	names_learn(l->names, l->folder->id, item->name, inode, seen);
	inode_unref(inode);
}

/* Allocates room for that many entries, whose names have so many bytes in total. */
static int load(struct listing *l, struct sheet *s, size_t count, size_t names)
{
	size_t bytes = count * sizeof(struct entry_head) + names;

	s->places = malloc((count + 1) * sizeof(*s->places));
	s->data = malloc(bytes + 1);
	if (!s->places || !s->data)
		return -ENOMEM;
	s->bytes = bytes + (count + 1) * sizeof(*s->places);
	s->count = 0;
	s->loaded = true;
	l->bytes += s->bytes;
	return 0;
}

/* Writes an entry at offset `at` in the room of load(); returns the offset of the next one. The first is at 0. */
static size_t put(struct sheet *s, size_t at, const struct listing_entry *entry)
{
	struct entry_head head = {entry->id, entry->mode, (uint32_t)entry->name.size};

	s->places[s->count++] = (uint32_t)at;
	memcpy(s->data + at, &head, sizeof(head));
	memcpy(s->data + at + sizeof(head), entry->name.data, entry->name.size);
	return at + sizeof(head) + entry->name.size;
}

static int store_sheet(struct listing *l, struct sheet *s, const struct store_page *page)
{
	size_t bytes = 0, at = 0;

	for (size_t i = 0; i < page->count; i++)
		bytes += page->items[i].name.size;
	if (load(l, s, page->count, bytes) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < page->count; i++) {
		const struct item *item = &page->items[i];

		at = put(s, at, &(struct listing_entry){item->id, item->mode, item->name});
		learn(l, item, page->at.seq);
	}
	return 0;
}

static void found_complete(struct listing *l)
{
	struct core *core = l->core;
	struct inode *folder = l->folder;

	if (!l->clean || l->epoch != core->inodes.epoch || !recent_folder_stands(&core->recent, l->seen, folder->id))
		return;
	if (l->count >= l->names->max / 2)
		return; /* it would not stay complete for long */
	folder->complete = true;
	folder->misses = 0;
	folder->complete_epoch = core->inodes.epoch;
	if (!l->learning)
		keep(l);
}

/* Drops pages that the reader passed long ago. */
static void let_go(struct listing *l)
{
	struct sheet *s;

	DL_FOREACH(l->sheets, s) {
		if (l->bytes <= LISTING_BYTES_MAX || s->first + s->count >= l->reached)
			return;
		if (s->loaded)
			unload(l, s);
	}
}

static void fetch_ahead(struct listing *l)
{
	struct sheet *last = l->sheets ? l->sheets->prev : NULL, *s;
	struct entry_head head;
	const char *after;

	if (l->fetching || l->ended || l->error < 0 || !last || !last->loaded)
		return;
	if (l->learning && l->count > LISTING_LEARN_MAX)
		return;
	if (!l->learning && l->count > l->reached + (uint64_t)LISTING_AHEAD * LISTING_PAGE)
		return;
	if (last->count == 0)
		return;
	after = last->data + last->places[last->count - 1];
	memcpy(&head, after, sizeof(head));
	s = add_sheet(l, span_of(after + sizeof(head), head.size));
	if (s)
		fetch(l, s, LISTING_PAGE);
	else
		l->error = -ENOMEM;
}

static void take(struct listing *l, struct sheet *s, const struct store_page *page)
{
	bool again = s->first < l->count; /* fetched before, and other sheets follow */

	if (l->sheets == s && !again)
		l->seen = page->at.seq;
	if (store_sheet(l, s, page) < 0) {
		l->error = -ENOMEM;
		return;
	}
	if (again)
		return;
	l->count += s->count;
	l->ended = !page->more;
	let_go(l);
	if (l->ended)
		found_complete(l);
	else
		fetch_ahead(l);
}

static void on_page(void *cookie, int error, const struct store_page *page)
{
	struct listing *l = cookie;
	struct core *core = l->core;
	struct inode *folder = l->folder;
	struct sheet *s;

	core_lock(core);
	core_call_over(core);
	s = l->fetching;
	assert(s);
	l->fetching = NULL;
	if (error == 0)
		core_saw(core, page->at);
	if (error == 0 && (l->refs > 1 || l->learning))
		take(l, s, page);
	else
		l->error = error < 0 ? error : -ECANCELED;
	wait_fire(&l->waits, error);
	listing_close(l);
	inode_unref(folder);
	core_unlock(core);
}

static void fetch(struct listing *l, struct sheet *s, uint32_t limit)
{
	assert(!l->fetching);
	l->fetching = s;
	l->refs++;
	inode_ref(l->folder);
	core_call_begins(l->core);
	(void)l->core->store->ops->children(l->core->store, l->folder->id, s->after, limit, false, on_page, l);
}

/* -- from cached names -- */

static_assert(LISTING_RECALL_MAX * (sizeof(struct entry_head) + NAME_BYTES_MAX + sizeof(uint32_t)) < LISTING_BYTES_MAX,
	"a listing from what is known is never let go in part");

/* Fills the only sheet. */
static int recall_sheet(struct listing *l, struct name *const *names, size_t count)
{
	struct sheet *s = add_sheet(l, span_of(NULL, 0));
	size_t bytes = 0, at = 0;

	for (size_t i = 0; i < count; i++) {
		if (!inode_valid(names[i]->inode))
			return -EAGAIN; /* a page of the store brings the attributes, too */
		bytes += names[i]->size;
	}
	if (!s || load(l, s, count, bytes) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		at = put(s, at,
			&(struct listing_entry){names[i]->inode->id, names[i]->inode->attr.mode,
				span_of(names[i]->bytes, names[i]->size)});
	l->count = count;
	return 0;
}

/* Makes the listing from cached names. False: the store has to be asked. */
static bool recall(struct listing *l)
{
	struct core *core = l->core;
	struct inode *folder = l->folder;
	struct name **names = NULL;
	size_t count = 0;
	int r;

	if (!inode_valid(folder) || folder->orphan)
		return false;
	r = names_list(l->names, folder->id, LISTING_RECALL_MAX, &names, &count);
	if (r == 0)
		r = recall_sheet(l, names, count);
	free(names);
	if (r < 0) {
		drop_sheets(l);
		return false;
	}
	l->ended = true;
	/* Later changes are included only if they are this mount's own, or happen to be known: others' changes
	 * before them may be missing. */
	l->seen = core->view.followed;
	keep(l);
	return true;
}

/* -- the reader -- */

static void restart(struct listing *l)
{
	struct sheet *s;

	assert(!l->fetching);
	drop_sheets(l);
	l->ended = false;
	l->clean = true;
	l->error = 0;
	l->reached = 0;
	l->touched = false;
	l->epoch = l->core->inodes.epoch;
	/* A drive that others change may have entries that only they have been shown so far: then the store is
	 * asked. */
	if (!core_is_shared(l->core) && recall(l))
		return;
	s = add_sheet(l, span_of(NULL, 0));
	if (s)
		fetch(l, s, l->learning ? LISTING_PAGE : LISTING_PAGE_FIRST);
	else
		l->error = -ENOMEM;
}

static struct listing *listing_new(struct names *names, struct core *core, struct inode *folder, bool learning)
{
	struct listing *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->core = core;
	l->names = names;
	l->folder = folder;
	l->learning = learning;
	l->refs = 1;
	restart(l);
	return l;
}

struct listing *listing_open(struct names *names, struct core *core, struct inode *folder)
{
	/* A file that others have just been shown in the folder must not be missing here: then no kept listing
	 * is used. */
	struct listing *l = core_is_shared_folder(core, folder) ? NULL : find_kept(folder);

	return l ? l : listing_new(names, core, folder, false);
}

struct listing *listing_rewind(struct listing *l)
{
	struct names *names = l->names;
	struct core *core = l->core;
	struct inode *folder = l->folder;

	if (!l->touched)
		return l;
	if (l->kept.bytes == 0 && !l->fetching) {
		restart(l);
		return l;
	}
	listing_close(l);
	return listing_open(names, core, folder);
}

void listing_missed(struct names *names, struct core *core, struct inode *folder)
{
	if (inode_has_all_names(folder))
		return; /* another client changed this name */
	if (folder->misses < UINT8_MAX)
		folder->misses++;
	/* Once only, until the folder was complete and lost that: a folder that is too large is not listed again
	 * and again. */
	if (folder->misses == LISTING_MISSES)
		listing_close(listing_new(names, core, folder, true));
}

int listing_wait(struct listing *l, void (*ready)(void *cookie, int error), void *cookie)
{
	return wait_add(&l->waits, ready, cookie);
}

static struct sheet *find(struct listing *l, uint64_t n)
{
	struct sheet *s;

	/* Readers go forward: so the sheet is rarely far from the end. */
	for (s = l->sheets ? l->sheets->prev : NULL; s; s = s == l->sheets ? NULL : s->prev)
		if (s->first <= n)
			return s;
	return NULL;
}

int listing_at(struct listing *l, uint64_t n, struct listing_entry *ret)
{
	struct entry_head head;
	struct sheet *s;

	if (l->error < 0) {
		int error = l->error;

		if (!l->fetching)
			restart(l); /* the next reader tries again */
		return error;
	}
	l->touched = true;
	l->reached = n;
	if (n >= l->count) {
		fetch_ahead(l);
		return l->ended ? 0 : -EAGAIN;
	}
	s = find(l, n);
	if (!s->loaded) {
		if (!l->fetching)
			fetch(l, s, s->count > 0 ? s->count : LISTING_PAGE);
		return -EAGAIN;
	}
	if (n - s->first >= s->count)
		return 0; /* the sheet was smaller when it was fetched again */
	memcpy(&head, s->data + s->places[n - s->first], sizeof(head));
	ret->id = head.id;
	ret->mode = head.mode;
	ret->name = span_of(s->data + s->places[n - s->first] + sizeof(head), head.size);
	fetch_ahead(l);
	return 1;
}
