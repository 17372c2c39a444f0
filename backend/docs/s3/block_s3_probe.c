#include "backend/docs/s3/block_s3_probe.h"

#include "common/base/log.h"
#include "common/base/text.h"

#include <errno.h>
#include <stdio.h>

/*
 * Services differ in what they do with a precondition: some refuse the request, some ignore the header, some do
 * not know it. So the behaviour is tested: an object under a random name is put, put again, read in part,
 * listed, removed, and then must be missing. A probe that is killed leaves a few bytes under a name that is no
 * block's.
 */

#define RANDOM_BYTES 8
#define KEY_SIZE (sizeof("probe-") + 2 * RANDOM_BYTES)
#define PAGE_BYTES 8192u /* for a listing of one object */

static const struct span FIRST = SPAN_LITERAL("first bytes"), SECOND = SPAN_LITERAL("other bytes");

struct probe {
	struct s3_client *client;
	char key[KEY_SIZE];
	struct s3_answer answer;
	bool new_only;
};

static int refuse(const struct probe *p, const char *what)
{
	log_error(NULL, "op=start part=blocks status=%d code=\"%s\" outcome=\"the service of S3 %s\"", p->answer.status,
		p->answer.code, what);
	return -EINVAL;
}

static int put(struct probe *p, struct span body, bool new_only)
{
	const struct s3_request request = {.method = "PUT", .key = p->key, .body = body, .new_only = new_only};

	return s3_ask(p->client, &request, &p->answer);
}

static const char *put_refused(const struct s3_answer *a)
{
	if (strcmp(a->code, "NoSuchBucket") == 0)
		return "has no such bucket: make it, or see s3-bucket";
	if (strcmp(a->code, "InvalidAccessKeyId") == 0 || strcmp(a->code, "SignatureDoesNotMatch") == 0)
		return "does not know these keys: see the file s3-keys, and s3-region";
	if (strcmp(a->code, "RequestTimeTooSkewed") == 0)
		return "has another time: one of the two clocks is wrong";
	return a->status == 403 ? "does not let these keys write to the bucket" : "does not take an object";
}

static int try_puts(struct probe *p)
{
	int r = put(p, FIRST, true);

	p->new_only = p->answer.status / 100 == 2;
	if (r == 0 && (p->answer.status == 501 || p->answer.status == 400))
		r = put(p, FIRST, false);
	if (r == 0 && p->answer.status / 100 != 2)
		return refuse(p, put_refused(&p->answer));
	if (r < 0 || !p->new_only)
		return r;
	r = put(p, SECOND, true);
	p->new_only = p->answer.status == 412;
	return r;
}

/* The object is FIRST or SECOND now; both have the same end. */
static int try_part(struct probe *p)
{
	static const struct span wanted = SPAN_LITERAL("bytes");
	char part[5] = "";
	const struct s3_request request = {.method = "GET",
		.key = p->key,
		.part = true,
		.from = (uint32_t)(FIRST.size - wanted.size),
		.into = part,
		.into_size = sizeof(part)};
	int r = s3_ask(p->client, &request, &p->answer);

	if (r < 0)
		return r;
	if (p->answer.status != 206 || p->answer.whole != (int64_t)FIRST.size ||
		!span_eq(wanted, span_of(part, p->answer.size)))
		return refuse(p, "does not give the part of an object that it is asked for");
	return 0;
}

static int try_list(struct probe *p)
{
	char page[PAGE_BYTES], query[512], whole[512];
	const struct s3_request request = {.method = "GET", .query = query, .into = page, .into_size = sizeof(page)};
	struct s3_item item;
	struct buf encoded;
	size_t at = 0;

	buf_init(&encoded, sizeof(query));
	(void)snprintf(whole, sizeof(whole), "%s%s", s3_client_prefix(p->client), p->key);
	int r = text_url_encode(span_str(whole), &encoded);
	(void)snprintf(query, sizeof(query), "list-type=2&max-keys=2&prefix=%s", encoded.data ? encoded.data : "");
	buf_fini(&encoded);
	if (r == 0)
		r = s3_ask(p->client, &request, &p->answer);
	if (r < 0)
		return r;
	if (p->answer.status != 200 || !s3_list_next(span_of(page, p->answer.size), &at, &item) ||
		!span_eq_str(item.key, whole) || item.modified_s == INT64_MAX)
		return refuse(p, "does not list an object that was put");
	return 0;
}

static int try_remove(struct probe *p)
{
	char byte;
	const struct s3_request removal = {.method = "DELETE", .key = p->key};
	const struct s3_request look = {
		.method = "GET", .key = p->key, .part = true, .into = &byte, .into_size = sizeof(byte)};
	int r = s3_ask(p->client, &removal, &p->answer);

	if (r == 0 && p->answer.status / 100 != 2)
		return refuse(p, "does not remove an object");
	if (r == 0)
		r = s3_ask(p->client, &look, &p->answer);
	if (r == 0 && (p->answer.status != 404 || strcmp(p->answer.code, "NoSuchKey") != 0))
		return refuse(p, "does not say NoSuchKey of an object that was removed");
	return r;
}

int block_s3_probe(struct s3_client *client, bool *ret_new_only)
{
	struct probe p = {.client = client};
	char random[2 * RANDOM_BYTES + 1];
	int r = text_random_hex(RANDOM_BYTES, random);

	if (r < 0)
		return r;
	(void)snprintf(p.key, sizeof(p.key), "probe-%s", random);
	r = try_puts(&p);
	if (r == 0)
		r = try_part(&p);
	if (r == 0)
		r = try_list(&p);
	if (r == 0)
		r = try_remove(&p);
	if (r == -EIO)
		log_error(NULL, "op=start part=blocks text=\"%s\" outcome=\"the service of S3 cannot be spoken to\"",
			p.answer.why);
	if (r < 0)
		return r;
	if (!p.new_only)
		log_warning(NULL,
			"op=start part=blocks outcome=\"the service of S3 does not refuse to overwrite (If-None-Match): it is asked before each block whether there is one\"");
	*ret_new_only = p.new_only;
	return 0;
}
