#include "backend/docs/s3/block_s3.h"

#include "backend/docs/blocks/block_name.h"
#include "backend/docs/blocks/spool.h"
#include "backend/docs/s3/block_s3_probe.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/text.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * A block is the object PREFIX abcd/DRIVE-SHA256-GENERATION, where abcd begins the hash. So a listing has the
 * folders of blocks in their order, and empty folders cost nothing.
 *
 * One PUT stores an object whole or not at all, with "only if there is none" where the service supports that.
 * When the answer to a PUT was lost and the next try finds that the object exists, its bytes are compared: if
 * they are the same, it is ours. A try that the service carries out late, after the block was removed, makes a
 * stray, which `each` finds.
 */

#define KEY_SIZE (5 + BLOCK_NAME_SIZE)

struct block_s3 {
	struct block_store base;
	struct s3_client *client;
	int spool_folder;
	pthread_mutex_t lock; /* guards all below */
	bool probed, new_only;
};

static void key_of(const struct block_name *name, char ret[KEY_SIZE])
{
	char text[BLOCK_NAME_SIZE];

	block_name_format(name, text);
	(void)snprintf(ret, KEY_SIZE, "%04x/%s", (unsigned)block_name_folder(name), text);
}

/* Maps an answer, or the lack of one, to an error; 0: success. */
static int meaning(const char *what, int r, const struct s3_answer *a)
{
	if (r == -ENOTCONN || r == -ETIMEDOUT || r == -ENOMEM || (r == 0 && a->status / 100 == 2))
		return r;
	if (r == 0 && a->status == 404 && strcmp(a->code, "NoSuchKey") == 0)
		return -ENOENT;
	if (r == 0 && a->status == 412)
		return -EEXIST;
	log_warning(NULL, "op=%s part=blocks status=%d error=%d text=\"%s\"", what, a->status, r, a->why);
	return a->status == 507 || strcmp(a->code, "QuotaExceeded") == 0 ? -ENOSPC : -EIO;
}

/* ---- get ---- */

/* Checks the length: fewer bytes than the object has from that place on would be a torn block. */
static int check_part(const struct s3_request *request, const struct s3_answer *a)
{
	const int64_t left = a->whole - (int64_t)request->from;
	const int64_t wanted = left < (int64_t)request->into_size ? left : (int64_t)request->into_size;

	if (a->status == 206 && a->whole >= 0 && (int64_t)a->size == wanted)
		return 0;
	/* The service sent the whole object; we took the bytes that we wanted, or it has no more. */
	return a->status == 200 && request->from == 0 ? 0 : -EIO;
}

/* ret_whole -1: missing in the answer. */
static int read_part(struct block_s3 *b, const struct block_name *name, struct s3_request *part, int64_t *ret_whole)
{
	struct s3_answer answer;
	char key[KEY_SIZE];

	key_of(name, key);
	part->method = "GET";
	part->key = key;
	part->part = true;
	int r = s3_ask(b->client, part, &answer);
	part->key = NULL;
	if (r == 0 && answer.status == 416) { /* the object exists, but has no such bytes */
		part->into_size = 0;
		*ret_whole = answer.whole;
		return 0;
	}
	r = meaning("get", r, &answer);
	if (r == 0)
		r = check_part(part, &answer);
	part->into_size = answer.size;
	*ret_whole = answer.whole;
	return r;
}

static int block_s3_size(struct block_store *s, const struct block_name *name, uint32_t *ret)
{
	char byte;
	struct s3_request part = {.into = &byte, .into_size = 1};
	int64_t whole;
	int r = read_part((struct block_s3 *)s, name, &part, &whole);

	if (r < 0)
		return r;
	if (part.into_size == 0)
		whole = 0; /* the object has no first byte */
	if (whole < 0 || whole > UINT32_MAX)
		return -EIO;
	*ret = (uint32_t)whole;
	return 0;
}

/* budget: the signature is that of block_store.h */
static int block_s3_get(struct block_store *s, const struct block_name *name, uint32_t from, void *data, uint32_t size,
	uint32_t *ret_size)
{
	struct s3_request part = {.from = from, .into = data, .into_size = size};
	int64_t whole;
	uint32_t ignored;
	int r;

	if (size == 0) {
		/* a request for 0 bytes still learns whether the block exists */
		r = block_s3_size(s, name, &ignored);
		part.into_size = 0;
	} else {
		r = read_part((struct block_s3 *)s, name, &part, &whole);
	}
	if (r == 0)
		*ret_size = (uint32_t)part.into_size;
	return r;
}

/* ---- put ---- */

/* Tests the service unless that is done. ret_new_only: whether puts may use "only if there is none". */
static int be_probed(struct block_s3 *b, bool *ret_new_only)
{
	int r = 0;

	pthread_mutex_lock(&b->lock);
	if (!b->probed)
		r = block_s3_probe(b->client, &b->new_only);
	if (r == 0)
		b->probed = true;
	*ret_new_only = b->new_only;
	pthread_mutex_unlock(&b->lock);
	return r == -EINVAL ? -EIO : r;
}

static int check_same(struct block_s3 *b, const struct block_name *name, struct span bytes)
{
	char *there = malloc(bytes.size + 1);
	struct s3_request all = {.into = there, .into_size = bytes.size + 1};
	int64_t whole;

	if (!there)
		return -ENOMEM;
	int r = read_part(b, name, &all, &whole);
	if (r == 0 && !span_eq(bytes, span_of(there, all.into_size)))
		r = -EEXIST;
	free(there);
	return r == -ENOENT ? -ENOTCONN : r; /* it was removed since: our bytes are not stored */
}

static int check_missing(struct block_store *s, const struct block_name *name)
{
	uint32_t ignored;
	const int r = block_s3_size(s, name, &ignored);

	return r == 0 ? -EEXIST : r == -ENOENT ? 0 : r;
}

static int block_s3_put(struct block_store *s, const struct block_name *name, struct span bytes)
{
	struct block_s3 *b = (struct block_s3 *)s;
	struct s3_request request = {.method = "PUT", .body = bytes};
	struct s3_answer answer;
	char key[KEY_SIZE];
	int r = be_probed(b, &request.new_only);

	if (r == 0 && !request.new_only)
		r = check_missing(s, name);
	if (r < 0)
		return r;
	key_of(name, key);
	request.key = key;
	r = meaning("put", s3_ask(b->client, &request, &answer), &answer);
	return r == -EEXIST && answer.repeated ? check_same(b, name, bytes) : r;
}

static int block_s3_remove(struct block_store *s, const struct block_name *name)
{
	struct block_s3 *b = (struct block_s3 *)s;
	struct s3_answer answer;
	char key[KEY_SIZE];

	key_of(name, key);
	const struct s3_request request = {.method = "DELETE", .key = key};
	const int r = meaning("remove", s3_ask(b->client, &request, &answer), &answer);
	return r == -ENOENT ? 0 : r;
}

/* ---- walking through all blocks ---- */

struct walk {
	struct block_s3 *store;
	char *page;		   /* BLOCK_S3_PAGE_BYTES */
	size_t size;		   /* bytes in the page */
	char first[12];		   /* the first page begins behind this key; "": at the first key */
	struct buf token, encoded; /* token: of the next page; encoded: the whole query */
	int64_t before_s;
	uint32_t folder; /* BLOCK_NAME_FOLDERS: not known yet */
	bool more;
};

#define TOKEN_BYTES 4096u /* services use some hundred; this bounds what they may send */

static int make_query(struct walk *w)
{
	const struct span prefix = span_str(s3_client_prefix(w->store->client));
	struct buf *q = &w->encoded;
	int r = 0;

	buf_reset(q);
	if (w->token.size > 0)
		r = buf_printf(q, "continuation-token=%s&", w->token.data);
	if (r == 0)
		r = buf_printf(q, "list-type=2&max-keys=%d&prefix=", BLOCK_S3_NAMES);
	if (r == 0)
		r = text_url_encode(prefix, q);
	if (r < 0 || w->token.size > 0 || !w->first[0])
		return r;
	r = buf_append_str(q, "&start-after=");
	if (r == 0)
		r = text_url_encode(prefix, q);
	return r < 0 ? r : buf_append_str(q, w->first);
}

static int read_page(struct walk *w)
{
	struct s3_request request = {.method = "GET", .into = w->page, .into_size = BLOCK_S3_PAGE_BYTES};
	struct s3_answer answer;
	int r = make_query(w);

	if (r < 0)
		return r == -ENOMEM ? r : -EIO;
	request.query = w->encoded.data;
	r = meaning("each", s3_ask(w->store->client, &request, &answer), &answer);
	if (r < 0)
		return r == -ENOENT || r == -EEXIST ? -EIO : r;
	w->size = answer.size;
	buf_reset(&w->token);
	r = answer.cut ? -EBADMSG : s3_list_more(span_of(w->page, w->size), &w->more, &w->token);
	if (r == -EBADMSG || r == -E2BIG)
		log_warning(NULL, "op=each part=blocks text=\"a listing that is none, or too long\"");
	return r < 0 && r != -ENOMEM ? -EIO : r;
}

/* Objects of others under our prefix are skipped. */
static bool name_of(struct span key, size_t prefix, struct block_name *ret)
{
	char text[BLOCK_NAME_SIZE], again[KEY_SIZE];

	if (key.size < prefix + 5 || key.size - prefix - 5 >= sizeof(text))
		return false;
	memcpy(text, key.data + prefix + 5, key.size - prefix - 5);
	text[key.size - prefix - 5] = '\0';
	if (!block_name_parse(text, ret))
		return false;
	key_of(ret, again);
	return memcmp(again, key.data + prefix, 5) == 0;
}

static int visit_page(struct walk *w, block_store_on_name on_name, void *cookie)
{
	const size_t prefix = strlen(s3_client_prefix(w->store->client));
	struct block_name name;
	struct s3_item item;
	size_t at = 0;
	int r = 0;

	while (r == 0 && s3_list_next(span_of(w->page, w->size), &at, &item)) {
		if (!name_of(item.key, prefix, &name))
			continue;
		if (w->folder == BLOCK_NAME_FOLDERS)
			w->folder = block_name_folder(&name);
		if (block_name_folder(&name) != w->folder) {
			w->more = false;
			break;
		}
		if (item.modified_s < w->before_s)
			r = on_name(&name, cookie);
	}
	return r;
}

static int walk_folder(struct walk *w, block_store_on_name on_name, void *cookie)
{
	int r = 0;

	while (r == 0 && w->more) {
		r = read_page(w);
		if (r == 0)
			r = visit_page(w, on_name, cookie);
	}
	return r;
}

/* budget: the signature is that of block_store.h */
static int block_s3_each(
	struct block_store *s, uint32_t *folder, int64_t older_s, block_store_on_name on_name, void *cookie)
{
	struct walk w = {.store = (struct block_s3 *)s,
		.before_s = clock_real_ns() / NS_PER_S - older_s,
		.folder = BLOCK_NAME_FOLDERS,
		.more = true,
		.page = malloc(BLOCK_S3_PAGE_BYTES)};

	if (!w.page)
		return -ENOMEM;
	if (*folder != 0)
		(void)snprintf(w.first, sizeof(w.first), "%04x", (unsigned)*folder);
	buf_init(&w.token, TOKEN_BYTES);
	buf_init(&w.encoded, 2 * TOKEN_BYTES);
	const int r = walk_folder(&w, on_name, cookie);
	buf_fini(&w.token);
	buf_fini(&w.encoded);
	free(w.page);
	if (r == 0 || w.folder != BLOCK_NAME_FOLDERS)
		*folder = w.folder + 1 < BLOCK_NAME_FOLDERS ? w.folder + 1 : 0;
	return r;
}

/* ---- the rest ---- */

static int block_s3_spool(struct block_store *s)
{
	return spool_open(((struct block_s3 *)s)->spool_folder);
}

static int block_s3_free_bytes(struct block_store *s, int64_t *ret, int64_t *ret_total)
{
	(void)s;
	*ret = *ret_total = BLOCK_ROOM_UNKNOWN;
	return 0;
}

static void block_s3_free(struct block_store *s)
{
	struct block_s3 *b = (struct block_s3 *)s;

	if (!b)
		return;
	s3_client_free(b->client);
	if (b->spool_folder >= 0)
		close(b->spool_folder);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

static const struct block_store_ops block_s3_ops = {
	.put = block_s3_put,
	.get = block_s3_get,
	.size = block_s3_size,
	.remove = block_s3_remove,
	.each = block_s3_each,
	.spool = block_s3_spool,
	.free_bytes = block_s3_free_bytes,
	.free = block_s3_free,
};

static int open_folder(const char *path)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 ? fd : -errno;
}

int block_s3_new(const struct block_s3_options *options, struct block_store **ret)
{
	struct block_s3 *b = calloc(1, sizeof(*b));
	bool ignored;

	if (!b)
		return -ENOMEM;
	b->base.ops = &block_s3_ops;
	pthread_mutex_init(&b->lock, NULL);
	b->spool_folder = open_folder(options->spool_folder);
	int r = b->spool_folder < 0 ? b->spool_folder : s3_client_new(&options->s3, &b->client);
	if (r == 0) {
		const int probed = be_probed(b, &ignored);

		if (probed == -ENOTCONN || probed == -ETIMEDOUT)
			log_warning(NULL,
				"op=start part=blocks error=%d outcome=\"the service of S3 does not answer; it is tried out before the first block is stored\"",
				probed);
		else
			r = probed == -EIO ? -EINVAL : probed;
	}
	if (r < 0) {
		block_s3_free(&b->base);
		return r;
	}
	*ret = &b->base;
	return 0;
}
