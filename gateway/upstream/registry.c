#include "gateway/upstream/registry.h"

#include "common/ring/placement.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/*
 * A table of the instances of the services, of fixed size, under one lock that is only held for a walk through
 * it. An instance registers every second (registry_put), which adds its row or renews it; an expired row does
 * not count any more, and its place is used by the next instance that registers.
 *
 * A request asks for a choice: up to REGISTRY_TRIES_MAX instances, in the order in which it should try them.
 * For requests of one drive that order is that of the drive's owners (common/ring/placement): all gateways
 * choose the same instance while it lives, since it has that drive in its cache, and when it goes, only its
 * drives move. All other requests take the instances in turn. An instance that has refused a connection is
 * tried last until it registers again.
 *
 * The caller gets copies, so that nothing of the table is touched without the lock. The time is a parameter:
 * tests choose it.
 */

static_assert(REGISTRY_INSTANCES_MAX <= PLACEMENT_MEMBERS_MAX, "registry_for places among all of them");

struct registry {
	pthread_mutex_t lock; /* guards everything below; held for a table walk only */
	struct registry_instance table[REGISTRY_INSTANCES_MAX];
	size_t count;
	uint64_t turn[REGISTRY_KINDS];
	int64_t missing_ns[REGISTRY_KINDS]; /* when the first caller found none; 0: nobody has, since one was ready */
};

struct candidate {
	const struct registry_instance *instance;
	uint64_t rank; /* smaller is tried first */
};

static const char *const KIND_NAMES[REGISTRY_KINDS] = {[REGISTRY_USER] = "user", [REGISTRY_DOCS] = "docs"};

int registry_new(struct registry **ret)
{
	struct registry *r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	pthread_mutex_init(&r->lock, NULL);
	*ret = r;
	return 0;
}

void registry_free(struct registry *r)
{
	if (!r)
		return;
	pthread_mutex_destroy(&r->lock);
	free(r);
}

const char *registry_kind_name(enum registry_kind kind)
{
	return kind < REGISTRY_KINDS ? KIND_NAMES[kind] : "";
}

int registry_kind_parse(const char *name, enum registry_kind *ret)
{
	for (unsigned kind = 0; kind < REGISTRY_KINDS; kind++) {
		if (name && strcmp(name, KIND_NAMES[kind]) == 0) {
			*ret = (enum registry_kind)kind;
			return 0;
		}
	}
	return -EINVAL;
}

static struct registry_instance *find(struct registry *r, enum registry_kind kind, const char *name)
{
	for (size_t i = 0; i < r->count; i++) {
		if (r->table[i].kind == kind && strcmp(r->table[i].name, name) == 0)
			return &r->table[i];
	}
	return NULL;
}

static void remove_at(struct registry *r, size_t index)
{
	assert(index < r->count && r->count <= REGISTRY_INSTANCES_MAX);
	r->table[index] = r->table[--r->count];
}

static void drop_expired(struct registry *r, int64_t now_ns)
{
	for (size_t i = r->count; i-- > 0;) {
		if (r->table[i].expires_ns <= now_ns)
			remove_at(r, i);
	}
}

static void drop_left(struct registry *r)
{
	for (size_t i = r->count; i-- > 0;) {
		if (r->table[i].left)
			remove_at(r, i);
	}
}

static bool is_made_of(const char *text, const char *more, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		char c = text[i];
		bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!plain && (c == '\0' || !strchr(more, c)))
			return false;
	}
	return size > 0;
}

static bool name_is_good(const char *name, size_t size)
{
	return name && strlen(name) < size && is_made_of(name, "._-", strlen(name));
}

/* Targets are appended to the URL as they are: a path, a query or a user in the URL would distort each of them.
 * ret gets the URL without a slash at the end. */
static bool url_is_good(const char *url, char *ret)
{
	static const char SCHEME[] = "http://";
	size_t size = url ? strlen(url) : 0;
	if (size >= REGISTRY_URL_SIZE || size < sizeof(SCHEME) || strncmp(url, SCHEME, sizeof(SCHEME) - 1) != 0)
		return false;
	size -= url[size - 1] == '/';
	if (size < sizeof(SCHEME) || !is_made_of(url + sizeof(SCHEME) - 1, ".-:[]", size - (sizeof(SCHEME) - 1)))
		return false;
	memcpy(ret, url, size);
	ret[size] = '\0';
	return true;
}

int registry_put(struct registry *r, const struct registry_entry *entry, int64_t now_ns)
{
	char url[REGISTRY_URL_SIZE];
	if (!name_is_good(entry->name, REGISTRY_NAME_SIZE) || !name_is_good(entry->instance, REGISTRY_INSTANCE_SIZE) ||
		!url_is_good(entry->url, url))
		return -EINVAL;

	int error = 0;
	pthread_mutex_lock(&r->lock);
	struct registry_instance *instance = find(r, entry->kind, entry->name);
	if (!instance) {
		drop_expired(r, now_ns);
		if (r->count == REGISTRY_INSTANCES_MAX)
			drop_left(r);
		if (r->count == REGISTRY_INSTANCES_MAX) {
			error = -ENOSPC;
			goto out;
		}
		instance = &r->table[r->count++];
	}
	*instance = (struct registry_instance){
		.kind = entry->kind,
		.ready = entry->ready,
		.expires_ns = now_ns + REGISTRY_LEASE_NS,
	};
	if (entry->ready)
		r->missing_ns[entry->kind] = 0;
	memcpy(instance->name, entry->name, strlen(entry->name));
	memcpy(instance->url, url, strlen(url));
	memcpy(instance->instance, entry->instance, strlen(entry->instance));
out:
	pthread_mutex_unlock(&r->lock);
	return error;
}

void registry_leave(struct registry *r, enum registry_kind kind, const char *name, int64_t now_ns)
{
	pthread_mutex_lock(&r->lock);
	struct registry_instance *instance = find(r, kind, name);
	if (instance && !instance->left) {
		instance->left = true;
		instance->expires_ns = now_ns + REGISTRY_LEFT_NS;
	}
	pthread_mutex_unlock(&r->lock);
}

bool registry_is_lost(struct registry *r, enum registry_kind kind, const char *name, int64_t now_ns)
{
	pthread_mutex_lock(&r->lock);
	const struct registry_instance *instance = find(r, kind, name);
	bool lost = !instance || instance->expires_ns <= now_ns;
	pthread_mutex_unlock(&r->lock);
	return lost;
}

void registry_suspect(struct registry *r, enum registry_kind kind, const char *name)
{
	pthread_mutex_lock(&r->lock);
	struct registry_instance *instance = find(r, kind, name);
	if (instance)
		instance->suspect = true;
	pthread_mutex_unlock(&r->lock);
}

static int by_rank(const void *a, const void *b)
{
	const struct candidate *left = a;
	const struct candidate *right = b;
	if (left->instance->suspect != right->instance->suspect)
		return left->instance->suspect ? 1 : -1;
	return left->rank < right->rank ? -1 : left->rank > right->rank;
}

static int by_name(const void *a, const void *b)
{
	const struct candidate *left = a;
	const struct candidate *right = b;
	return strcmp(left->instance->name, right->instance->name);
}

static size_t collect(struct registry *r, enum registry_kind kind, int64_t now_ns, struct candidate *ret)
{
	size_t count = 0;
	for (size_t i = 0; i < r->count; i++) {
		const struct registry_instance *instance = &r->table[i];
		if (instance->expires_ns <= now_ns || instance->left ||
			(kind != REGISTRY_KINDS && (instance->kind != kind || !instance->ready)))
			continue;
		ret[count++].instance = instance;
	}
	/* Registration order is accidental and differs between gateways; names do not. */
	qsort(ret, count, sizeof(*ret), by_name);
	return count;
}

static void choose(struct candidate *candidates, size_t count, struct registry_choice *ret)
{
	qsort(candidates, count, sizeof(*candidates), by_rank);
	ret->count = count < REGISTRY_TRIES_MAX ? count : REGISTRY_TRIES_MAX;
	for (size_t i = 0; i < ret->count; i++)
		ret->list[i] = *candidates[i].instance;
}

void registry_turn(struct registry *r, enum registry_kind kind, int64_t now_ns, struct registry_choice *ret)
{
	struct candidate candidates[REGISTRY_INSTANCES_MAX];

	pthread_mutex_lock(&r->lock);
	size_t count = collect(r, kind, now_ns, candidates);
	uint64_t first = count > 0 ? r->turn[kind]++ % count : 0;
	for (size_t i = 0; i < count; i++)
		candidates[i].rank = (i + count - first) % count;
	choose(candidates, count, ret);
	pthread_mutex_unlock(&r->lock);
}

void registry_for(
	struct registry *r, enum registry_kind kind, struct span key, int64_t now_ns, struct registry_choice *ret)
{
	struct candidate candidates[REGISTRY_INSTANCES_MAX];
	struct placement_member members[REGISTRY_INSTANCES_MAX];
	size_t owners[REGISTRY_INSTANCES_MAX];

	pthread_mutex_lock(&r->lock);
	size_t count = collect(r, kind, now_ns, candidates);
	for (size_t i = 0; i < count; i++)
		members[i] = (struct placement_member){.name = candidates[i].instance->name, .weight = 1};
	placement_owners(members, count, key, owners, REGISTRY_INSTANCES_MAX);
	for (size_t i = 0; i < count; i++)
		candidates[owners[i]].rank = i;
	choose(candidates, count, ret);
	pthread_mutex_unlock(&r->lock);
}

bool registry_may_return(struct registry *r, enum registry_kind kind, int64_t now_ns)
{
	assert(kind < REGISTRY_KINDS);
	pthread_mutex_lock(&r->lock);
	if (r->missing_ns[kind] == 0)
		r->missing_ns[kind] = now_ns;
	const int64_t since_ns = r->missing_ns[kind];
	pthread_mutex_unlock(&r->lock);
	return now_ns - since_ns <= REGISTRY_WAIT_NS;
}

size_t registry_list(struct registry *r, int64_t now_ns, struct registry_instance *ret, size_t max)
{
	struct candidate candidates[REGISTRY_INSTANCES_MAX];

	pthread_mutex_lock(&r->lock);
	size_t count = collect(r, REGISTRY_KINDS, now_ns, candidates);
	if (count > max)
		count = max;
	for (size_t i = 0; i < count; i++)
		ret[i] = *candidates[i].instance;
	pthread_mutex_unlock(&r->lock);
	return count;
}
