#include "common/trust/cluster.h"

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/text.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>

/*
 * The keys of the store, as they are in their file now. A process reads the file when it starts, and when it is
 * notified of a change (cluster_reload). All other modules ask this one, and get copies. A file that cannot be
 * read, or is invalid, changes nothing: the previous keys stay in use, and the caller logs it.
 *
 * Keys are exchanged while all processes run: every process accepts each key of the file, and begins with the
 * first. So an administrator adds a new key, makes it the first one once every process has it, and then removes the
 * old one. The generation grows with each change, so that a process can check at low cost whether what it derived
 * is still valid. When a key was removed, the time is kept, too: connections that were greeted before it may have
 * been greeted with that key, and are greeted again.
 *
 * No key leaves this module, only values that are derived from it (HMAC), with a label for each purpose: what is
 * revealed for one purpose tells nothing about another. Copies on the stack are wiped.
 */

#define KEY_FILE_BYTES_MAX 1024 /* CLUSTER_KEYS_MAX lines and some white space */

struct keys {
	uint8_t list[CLUSTER_KEYS_MAX][SHA256_BYTES];
	size_t count;
};

struct cluster {
	char *path; /* NULL: the key came from memory */
	atomic_uint_fast64_t generation;
	atomic_int_fast64_t narrowed_ns;
	pthread_mutex_t lock; /* guards the fields below */
	struct keys keys;
	struct hello_keys hello;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int add_key(struct keys *keys, struct span hex)
{
	uint8_t key[SHA256_BYTES];

	if (keys->count == CLUSTER_KEYS_MAX || text_unhex(hex, key, sizeof(key)) < 0)
		return -EINVAL;
	for (size_t i = 0; i < keys->count; i++) {
		if (memcmp(keys->list[i], key, sizeof(key)) == 0)
			return -EINVAL;
	}
	memcpy(keys->list[keys->count++], key, sizeof(key));
	return 0;
}

static int parse(struct span text, struct keys *ret)
{
	struct keys keys = {0};
	int r = 0;

	while (r == 0 && text.size > 0) {
		size_t size = 0;

		while (size < text.size && !is_space(text.data[size]))
			size++;
		if (size > 0)
			r = add_key(&keys, span_of(text.data, size));
		size += size < text.size;
		text = span_of(text.data + size, text.size - size);
	}
	if (r == 0 && keys.count == 0)
		r = -EINVAL;
	if (r == 0)
		*ret = keys;
	sodium_memzero(&keys, sizeof(keys));
	return r;
}

static int read_keys(const char *path, struct keys *ret)
{
	struct buf text;

	buf_init(&text, KEY_FILE_BYTES_MAX);
	int r = file_read(path, KEY_FILE_BYTES_MAX, true, &text);
	if (r == 0)
		r = parse(buf_span(&text), ret);
	if (text.data)
		sodium_memzero(text.data, text.size);
	buf_fini(&text);
	return r == -EFBIG ? -EINVAL : r;
}

static bool has_key(const struct keys *keys, const uint8_t key[SHA256_BYTES])
{
	for (size_t i = 0; i < keys->count; i++) {
		if (sodium_memcmp(keys->list[i], key, SHA256_BYTES) == 0)
			return true;
	}
	return false;
}

/* Whether a key of before is missing in now. */
static bool is_narrower(const struct keys *before, const struct keys *now)
{
	for (size_t i = 0; i < before->count; i++) {
		if (!has_key(now, before->list[i]))
			return true;
	}
	return false;
}

static void take_keys(struct cluster *c, const struct keys *keys)
{
	pthread_mutex_lock(&c->lock);
	if (c->keys.count != keys->count || memcmp(c->keys.list, keys->list, sizeof(keys->list)) != 0) {
		assert(keys->count > 0 && keys->count <= CLUSTER_KEYS_MAX);
		const bool narrower = is_narrower(&c->keys, keys);

		c->keys = *keys;
		c->hello.count = keys->count;
		for (size_t i = 0; i < keys->count; i++)
			hello_key_derive(keys->list[i], &c->hello.list[i]);
		/* After the keys: a thread that copied the previous keys did so before this moment. */
		if (narrower)
			atomic_store(&c->narrowed_ns, clock_mono_ns());
		atomic_fetch_add(&c->generation, 1);
	}
	pthread_mutex_unlock(&c->lock);
}

static int make(const char *path, const struct keys *keys, struct cluster **ret)
{
	struct cluster *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	pthread_mutex_init(&c->lock, NULL);
	if (path && !(c->path = strdup(path))) {
		cluster_free(c);
		return -ENOMEM;
	}
	take_keys(c, keys);
	*ret = c;
	return 0;
}

int cluster_new(const char *path, struct cluster **ret)
{
	struct keys keys;

	/* The first call in a process selects the fastest code for this machine; later calls do nothing. */
	if (sodium_init() < 0)
		return -EIO;
	int r = read_keys(path, &keys);
	if (r == 0)
		r = make(path, &keys, ret);
	sodium_memzero(&keys, sizeof(keys));
	return r;
}

int cluster_new_of(const uint8_t key[SHA256_BYTES], struct cluster **ret)
{
	struct keys keys = {.count = 1};

	if (sodium_init() < 0)
		return -EIO;
	memcpy(keys.list[0], key, SHA256_BYTES);
	return make(NULL, &keys, ret);
}

void cluster_free(struct cluster *c)
{
	if (!c)
		return;
	pthread_mutex_destroy(&c->lock);
	free(c->path);
	sodium_memzero(c, sizeof(*c));
	free(c);
}

int cluster_reload(struct cluster *c)
{
	struct keys keys;
	int r = c->path ? read_keys(c->path, &keys) : -ENOENT;

	if (r == 0) {
		take_keys(c, &keys);
		sodium_memzero(&keys, sizeof(keys));
	}
	return r;
}

uint64_t cluster_generation(const struct cluster *c)
{
	return atomic_load_explicit(&c->generation, memory_order_acquire);
}

int64_t cluster_narrowed_ns(const struct cluster *c)
{
	return atomic_load_explicit(&c->narrowed_ns, memory_order_acquire);
}

int cluster_derive(struct cluster *c, size_t n, const char *label, uint8_t ret[SHA256_BYTES])
{
	int r = -ENOENT;

	pthread_mutex_lock(&c->lock);
	if (n < c->keys.count)
		r = sha256_hmac(span_of(c->keys.list[n], SHA256_BYTES), span_str(label), ret);
	pthread_mutex_unlock(&c->lock);
	return r;
}

uint64_t cluster_hello_keys(struct cluster *c, struct hello_keys *ret)
{
	pthread_mutex_lock(&c->lock);
	assert(c->hello.count == c->keys.count);
	*ret = c->hello;
	const uint64_t generation = cluster_generation(c);
	pthread_mutex_unlock(&c->lock);
	return generation;
}
