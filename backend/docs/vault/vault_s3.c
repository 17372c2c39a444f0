#include "backend/docs/vault/vault_s3.h"

#include "backend/docs/s3/s3_client.h"
#include "common/base/log.h"
#include "common/base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * A backup asks whether pieces exist, a hundred thousand of them, one after the other in the order of their
 * names. So one page of the listing is kept: it begins just before the name that was asked for, and has all
 * names up to its last one. The answers are right in whatever order the names are asked for.
 */

#define BUCKET_SIZE 64
#define PREFIX_SIZE 256
#define QUERY_SIZE 900

struct vault_s3 {
	struct vault base;
	struct s3_client *client;
	char *page; /* VAULT_S3_PAGE_BYTES */
	size_t page_size;
	bool page_last;			 /* no names follow behind it */
	char page_from[VAULT_NAME_SIZE]; /* the page has all names behind this one … */
	char page_to[VAULT_NAME_SIZE];	 /* … up to this one, inclusive; "": it has none */
};

/* ---- errors of a service ---- */

static const char *reason(const struct s3_answer *a)
{
	if (strcmp(a->code, "NoSuchBucket") == 0)
		return "the service of S3 has no such bucket: make it";
	if (strcmp(a->code, "InvalidAccessKeyId") == 0 || strcmp(a->code, "SignatureDoesNotMatch") == 0)
		return "the service of S3 does not know these keys: see their file, and the region";
	if (strcmp(a->code, "RequestTimeTooSkewed") == 0)
		return "the service of S3 has another time: one of the two clocks is wrong";
	return a->status == 403 ? "the service of S3 does not let these keys do that" : a->why;
}

static int meaning(const char *what, int r, const struct s3_answer *a)
{
	if (r == -ENOMEM || (r == 0 && a->status / 100 == 2))
		return r;
	if (r == 0 && a->status == 404 && strcmp(a->code, "NoSuchKey") == 0)
		return -ENOENT;
	log_error(NULL, "op=backup what=%s status=%d code=\"%s\" error=%d outcome=\"%s\"", what, a->status, a->code, r,
		r < 0 ? a->why : reason(a));
	if (r < 0)
		return r;
	if (a->status == 507 || strcmp(a->code, "QuotaExceeded") == 0)
		return -ENOSPC;
	return a->status == 403 ? -EACCES : strcmp(a->code, "NoSuchBucket") == 0 ? -ENODEV : -EIO;
}

/* ---- listings ---- */

static int append_parameter(struct buf *query, const char *name, const char *prefix, const char *value)
{
	int r = buf_printf(query, "&%s=", name);

	if (r == 0)
		r = text_url_encode(span_str(prefix), query);
	return r == 0 ? text_url_encode(span_str(value), query) : r;
}

/* Reads the names that begin with prefix and come behind `behind`, as many as fit a page. */
static int read_page(struct vault_s3 *s, const char *prefix, const char *behind, size_t names)
{
	const char *const all = s3_client_prefix(s->client);
	struct s3_request request = {.method = "GET", .into = s->page, .into_size = VAULT_S3_PAGE_BYTES};
	struct s3_answer answer;
	struct buf query;
	int r;

	buf_init(&query, QUERY_SIZE);
	r = buf_printf(&query, "list-type=2&max-keys=%zu", names);
	if (r == 0)
		r = append_parameter(&query, "prefix", all, prefix);
	if (r == 0 && *behind)
		r = append_parameter(&query, "start-after", all, behind);
	if (r == 0) {
		request.query = query.data;
		r = meaning("list", s3_ask(s->client, &request, &answer), &answer);
	}
	buf_fini(&query);
	if (r == 0 && answer.cut)
		r = -EFBIG;
	s->page_size = r == 0 ? answer.size : 0;
	return r;
}

/* The next name of the page, without the client's prefix; names that no vault has put are skipped. */
static bool next_name(const struct vault_s3 *s, size_t *at, char ret[VAULT_NAME_SIZE], int64_t *ret_size)
{
	const size_t prefix = strlen(s3_client_prefix(s->client));
	struct s3_item item;

	while (s3_list_next(span_of(s->page, s->page_size), at, &item)) {
		if (item.key.size <= prefix || item.key.size - prefix >= VAULT_NAME_SIZE)
			continue;
		memcpy(ret, item.key.data + prefix, item.key.size - prefix);
		ret[item.key.size - prefix] = '\0';
		*ret_size = item.size;
		return true;
	}
	return false;
}

static bool is_last(const struct vault_s3 *s)
{
	struct span truncated;

	return s3_element(span_of(s->page, s->page_size), "IsTruncated", &truncated) && span_eq_str(truncated, "false");
}

static int turn_page_to(struct vault_s3 *s, const char *name)
{
	char last[VAULT_NAME_SIZE];
	int64_t size;
	size_t at = 0;

	(void)snprintf(s->page_from, sizeof(s->page_from), "%.*s", (int)strlen(name) - 1, name);
	s->page_to[0] = '\0';
	const int r = read_page(s, "", s->page_from, VAULT_S3_NAMES);
	if (r < 0)
		return r;
	s->page_last = is_last(s);
	while (next_name(s, &at, last, &size))
		memcpy(s->page_to, last, sizeof(last));
	return 0;
}

static bool page_covers(const struct vault_s3 *s, const char *name)
{
	return s->page_size > 0 && strcmp(name, s->page_from) > 0 && (s->page_last || strcmp(name, s->page_to) <= 0);
}

static int vault_s3_has(struct vault *v, const char *name, uint64_t size)
{
	struct vault_s3 *s = (struct vault_s3 *)v;
	char other[VAULT_NAME_SIZE];
	int64_t there;
	size_t at = 0;
	int r = 0;

	if (!*name || strlen(name) >= VAULT_NAME_SIZE)
		return -EINVAL;
	if (!page_covers(s, name))
		r = turn_page_to(s, name);
	while (r == 0 && next_name(s, &at, other, &there))
		if (strcmp(other, name) == 0)
			return there == (int64_t)size;
	return r;
}

static int each_of_page(struct vault_s3 *s, char last[VAULT_NAME_SIZE], vault_on_name on_name, void *cookie)
{
	char name[VAULT_NAME_SIZE];
	int64_t size;
	size_t at = 0;
	int r = 0;

	last[0] = '\0';
	while (r == 0 && next_name(s, &at, name, &size)) {
		memcpy(last, name, sizeof(name));
		r = on_name(name, cookie);
	}
	return r;
}

static int vault_s3_each(struct vault *v, const char *prefix, vault_on_name on_name, void *cookie)
{
	struct vault_s3 *s = (struct vault_s3 *)v;
	char last[VAULT_NAME_SIZE] = "";
	bool more = true;
	int r = 0;

	while (r == 0 && more) {
		r = read_page(s, prefix, last, VAULT_S3_NAMES);
		more = r == 0 && !is_last(s);
		if (r == 0)
			r = each_of_page(s, last, on_name, cookie);
		if (r == 0 && more && !last[0])
			r = -EBADMSG; /* the service reports more names, but gives none to go on from */
	}
	s->page_size = 0; /* this page is not one that vault_s3_has can use */
	return r;
}

/* ---- pieces ---- */

static int vault_s3_put(struct vault *v, const char *name, struct span bytes)
{
	struct vault_s3 *s = (struct vault_s3 *)v;
	const struct s3_request request = {.method = "PUT", .key = name, .body = bytes};
	struct s3_answer answer;

	return meaning("put", s3_ask(s->client, &request, &answer), &answer);
}

static int vault_s3_get(struct vault *v, const char *name, struct buf *ret)
{
	struct vault_s3 *s = (struct vault_s3 *)v;
	struct s3_request request = {.method = "GET", .key = name, .into_size = VAULT_BYTES_MAX};
	struct s3_answer answer;
	int r;

	request.into = malloc(VAULT_BYTES_MAX);
	if (!request.into)
		return -ENOMEM;
	r = meaning("get", s3_ask(s->client, &request, &answer), &answer);
	if (r == 0 && answer.cut)
		r = -EFBIG;
	if (r == 0)
		r = buf_append(ret, request.into, answer.size);
	free(request.into);
	return r;
}

static int vault_s3_remove(struct vault *v, const char *name)
{
	struct vault_s3 *s = (struct vault_s3 *)v;
	const struct s3_request request = {.method = "DELETE", .key = name};
	struct s3_answer answer;
	const int r = meaning("remove", s3_ask(s->client, &request, &answer), &answer);

	return r == -ENOENT ? 0 : r;
}

static int vault_s3_sync(struct vault *v)
{
	(void)v;
	return 0;
}

static void vault_s3_free(struct vault *v)
{
	struct vault_s3 *s = (struct vault_s3 *)v;

	if (!s)
		return;
	s3_client_free(s->client);
	free(s->page);
	free(s);
}

static const struct vault_ops vault_s3_ops = {
	.has = vault_s3_has,
	.put = vault_s3_put,
	.get = vault_s3_get,
	.remove = vault_s3_remove,
	.each = vault_s3_each,
	.sync = vault_s3_sync,
	.free = vault_s3_free,
};

/* ---- life ---- */

static int refuse(const char *target, const char *why)
{
	log_error(NULL, "op=backup target=\"%s\" outcome=\"%s\"", target, why);
	return -EINVAL;
}

/* "s3://BUCKET[/PREFIX[/]]"; the prefix that is returned ends with a slash. */
static int parse_target(const char *target, char ret_bucket[BUCKET_SIZE], char ret_prefix[PREFIX_SIZE])
{
	const char *bucket = target + strlen(VAULT_S3_SCHEME);
	const size_t size = strcspn(bucket, "/");
	const char *prefix = bucket + size + (bucket[size] == '/');
	size_t length = strlen(prefix);

	while (length > 0 && prefix[length - 1] == '/')
		length--;
	if (size == 0 || size >= BUCKET_SIZE || length + 2 > PREFIX_SIZE)
		return refuse(target, "a place for backups at a service of S3 is s3://BUCKET or s3://BUCKET/PREFIX");
	(void)snprintf(ret_bucket, BUCKET_SIZE, "%.*s", (int)size, bucket);
	(void)snprintf(ret_prefix, PREFIX_SIZE, "%.*s%s", (int)length, prefix, length > 0 ? "/" : "");
	return 0;
}

int vault_s3_new(const struct vault_options *options, struct vault **ret)
{
	char bucket[BUCKET_SIZE], prefix[PREFIX_SIZE];
	const struct s3_options s3 = {.endpoint = options->endpoint,
		.bucket = bucket,
		.region = options->region,
		.prefix = prefix,
		.keys_file = options->keys_file,
		.ca_file = options->ca_file,
		.connections = options->connections};
	struct vault_s3 *s;
	int r = parse_target(options->target, bucket, prefix);

	if (r == 0 && (!options->endpoint || !options->keys_file))
		r = refuse(options->target, "which service of S3? --s3-endpoint URL and --s3-keys FILE say so");
	if (r < 0)
		return r;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->base.ops = &vault_s3_ops;
	s->page = malloc(VAULT_S3_PAGE_BYTES);
	r = s->page ? s3_client_new(&s3, &s->client) : -ENOMEM;
	if (r == 0)
		r = read_page(s, "", "", 1);
	s->page_size = 0;
	if (r < 0) {
		vault_s3_free(&s->base);
		return r;
	}
	*ret = &s->base;
	return 0;
}
