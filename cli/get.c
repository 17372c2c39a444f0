#include "cli/command.h"
#include "cli/digest.h"
#include "cli/local.h"
#include "cli/progress.h"
#include "cli/remote.h"
#include "common/base/error.h"
#include "common/base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/*
 * "nephos get": writes a file of the store to a local file, or to the standard output.
 *
 * Content comes in one stream. If the stream breaks, the command asks for the rest, from another gateway if need
 * be, on condition that the document is still the one that was begun (If-Match). So the local file is one state
 * of the document, never the beginning of one state and the end of another.
 *
 * The bytes go into a file without a name, which replaces the target only when all bytes have come and were
 * verified (local): the size is the announced one, and the SHA-256 is that of the Repr-Digest field, if the store
 * has one. So a command that fails leaves nothing behind, and the former file stays. Bytes that went to the
 * standard output cannot be taken back; then the exit code says whether they were right.
 */

#define PIECES_MAX 8 /* attempts, each of which continues where the last one broke off */

struct download {
	struct command_run *run;
	const char *path; /* in the store */
	struct local *local;
	struct sha256 hash;
	uint64_t received;
	uint64_t expected; /* size of the whole content; UINT64_MAX: not known */
	char etag[128];	   /* of the state that was begun */
	bool has_digest;
	uint8_t digest[SHA256_BYTES];
	int local_error; /* of writing the local file */
	bool to_terminal;
	struct progress progress;
};

/* Reads the size of the whole content; for a part it is the number after the slash of Content-Range. */
static int read_size(struct download *d, const struct http_response *head)
{
	const char *length = http_headers_get(&head->headers, "Content-Length");
	const char *range = http_headers_get(&head->headers, "Content-Range");
	const char *total = range ? strchr(range, '/') : NULL;
	uint64_t from = 0, size = 0;

	if (head->status == 206) {
		const char *dash = range ? strchr(range, '-') : NULL;

		if (!total || !dash || strncmp(range, "bytes ", 6) != 0 ||
			text_parse_u64(span_of(range + 6, (size_t)(dash - range) - 6), INT64_MAX, &from) < 0 ||
			from != d->received || text_parse_u64(span_str(total + 1), INT64_MAX, &size) < 0)
			return -EPROTO;
		d->expected = size;
		return 0;
	}
	if (d->received > 0)
		return -EPROTO; /* the rest was asked for, but the whole content comes */
	if (length && text_parse_u64(span_str(length), INT64_MAX, &size) < 0)
		return -EPROTO;
	d->expected = length ? size : UINT64_MAX;
	return 0;
}

static int on_head(void *cookie, const struct http_response *head)
{
	struct download *d = cookie;
	const char *etag = http_headers_get(&head->headers, "ETag");
	const char *digest = http_headers_get(&head->headers, "Repr-Digest");

	if (etag && strlen(etag) < sizeof(d->etag))
		(void)snprintf(d->etag, sizeof(d->etag), "%s", etag);
	if (digest && digest_find(digest, d->digest) == 0)
		d->has_digest = true;
	int r = read_size(d, head);

	if (d->expected <= INT64_MAX)
		d->progress.total = (int64_t)d->expected;
	return r;
}

static int on_data(void *cookie, const void *data, size_t size)
{
	struct download *d = cookie;
	int r = local_write(d->local, data, size);

	if (r < 0) {
		d->local_error = r;
		return -ECANCELED;
	}
	d->received += size;
	command_progress(&d->progress, d->received);
	return sha256_update(&d->hash, data, size);
}

static void on_tick(void *cookie)
{
	struct download *d = cookie;

	command_progress(&d->progress, d->received);
}

static int receive(struct download *d, const char *path, struct api_answer *ret)
{
	struct api_stream stream = {
		.on_head = on_head, .on_data = on_data, .on_tick = on_tick, .resumable = true, .cookie = d};
	struct http_headers headers;
	struct api_request request = {.method = "GET", .path = path, .headers = &headers, .stream = &stream};
	int r = 0;

	http_headers_init(&headers);
	memset(ret, 0, sizeof(*ret));
	if (d->received > 0) {
		r = http_headers_addf(&headers, "Range", "bytes=%" PRIu64 "-", d->received);
		if (r == 0)
			r = http_headers_add(&headers, "If-Match", d->etag);
	}
	if (r == 0)
		r = api_call(d->run->api, &request, ret);
	http_headers_fini(&headers);
	return r;
}

static bool is_cut(const struct download *d, int r)
{
	return (r == -ECONNRESET || r == -ETIMEDOUT) && d->received > 0 && d->etag[0] &&
		(d->expected == UINT64_MAX || d->received < d->expected);
}

/* Checks that the content that came is the one that was announced. */
static int check(struct download *d)
{
	uint8_t sha256[SHA256_BYTES];
	int r;

	if (d->expected != UINT64_MAX && d->received != d->expected)
		return -EPROTO;
	if (!d->has_digest)
		return 0;
	r = sha256_final(&d->hash, sha256);
	return r == 0 && memcmp(sha256, d->digest, sizeof(sha256)) != 0 ? -ERR_BAD_DIGEST : r;
}

static int judge(struct download *d, int r, const struct api_answer *answer)
{
	if (d->local_error < 0)
		return command_fail(d->run, d->local_error, "writing it here");
	if (r == -ERR_BAD_DIGEST && answer->status < 300)
		return command_say(d->run, EXIT_REFUSED, d->path,
			"it arrived damaged (its digest does not match) and was not kept: try again");
	if (r == -EPROTO && answer->status < 300)
		return command_say(d->run, EXIT_REFUSED, d->path, "it arrived incomplete and was not kept: try again");
	if (r == -ERR_PRECONDITION)
		return command_say(d->run, EXIT_REFUSED, d->path, "it was changed while it was read; try again");
	return command_judge(d->run, r, answer, d->path);
}

static int download(struct download *d, const char *path)
{
	struct api_answer answer;
	int code, r;

	/* No progress line between the lines of content on a terminal. */
	command_progress_begin(&d->progress, d->to_terminal ? NULL : d->path, -1);
	r = receive(d, path, &answer);
	for (unsigned piece = 1; piece < PIECES_MAX && is_cut(d, r); piece++) {
		api_answer_fini(&answer);
		r = receive(d, path, &answer);
	}
	command_progress_end(&d->progress);
	if (r == 0)
		r = check(d);
	if (r == 0) {
		r = local_commit(d->local);
		d->local_error = r;
	}
	code = judge(d, r, &answer);
	api_answer_fini(&answer);
	return code;
}

/* LOCAL; if it is a folder: the document's own name in that folder; without LOCAL: the own name in this folder. */
static int choose_target(const struct command_run *run, char **ret)
{
	const char *local = run->args.count > 1 ? run->args.words[1] : NULL;
	struct span name = remote_last(run->args.words[0]);
	struct stat st;
	int r;

	if (local && (strcmp(local, "-") == 0 || stat(local, &st) < 0 || !S_ISDIR(st.st_mode)))
		r = asprintf(ret, "%s", local);
	else
		r = asprintf(ret, "%s%s%.*s", local ? local : "", local ? "/" : "", (int)name.size, name.data);
	return r < 0 ? -ENOMEM : 0;
}

static int get_run(struct command_run *run)
{
	struct download d = {.run = run, .path = run->args.words[0], .expected = UINT64_MAX};
	char *target = NULL;
	struct buf path;
	int r, code;

	if (remote_last(d.path).size == 0)
		return command_say(run, EXIT_USAGE, d.path, "this is a folder");
	if (remote_is_folder(d.path))
		return command_say(run, EXIT_USAGE, d.path, "a path with a slash at its end is that of a folder");
	buf_init(&path, REMOTE_URL_BYTES_MAX);
	code = command_path(run, REMOTE_FILES, d.path, &path);
	if (code == EXIT_DONE) {
		r = choose_target(run, &target);
		if (r == 0)
			r = sha256_init(&d.hash);
		if (r == 0)
			r = local_open(target, &d.local);
		d.to_terminal = target && strcmp(target, "-") == 0 && command_on_terminal();
		code = r < 0 ? command_fail(run, r, target) : download(&d, path.data);
	}
	local_free(d.local);
	sha256_fini(&d.hash);
	free(target);
	buf_fini(&path);
	return code;
}

static const struct args_flag get_flags[] = {COMMAND_FLAG_JSON, COMMAND_FLAG_CREDENTIALS, COMMAND_FLAGS_END};

const struct command command_get = {
	.name = "get",
	.arguments = "PATH [LOCAL|-]",
	.summary = "fetch a file",
	.details =
		"PATH begins at the root of the first drive, with or without a slash. LOCAL is a file or a folder; \"-\" is the standard output.\n"
		"LOCAL appears only when it is complete. An interrupted transfer continues where it stopped, from another gateway if necessary.\n",
	.flags = get_flags,
	.words_min = 1,
	.words_max = 2,
	.needs = COMMAND_NEEDS_TOKEN,
	.run = get_run,
};
