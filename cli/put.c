#include "cli/command.h"
#include "cli/digest.h"
#include "cli/print.h"
#include "cli/progress.h"
#include "cli/remote.h"
#include "common/base/error.h"
#include "common/base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * "nephos put": stores a local file, or the standard input, as a file in the store.
 *
 * The command reads a file twice: once for its digest, which it sends first, and once to send the content. If the
 * file changes in between, the store refuses it, instead of storing content that the file never had. The content
 * is sent as it is read, piece by piece, whatever its size. When an attempt breaks off, the command reads the
 * file from the beginning again and sends it under the same key, to another gateway if need be, so that it is
 * stored once.
 *
 * Content from a pipe has no digest, and cannot be sent again once a part of it was sent: then a broken
 * connection is a failure. The same holds for a standard input that is a file of which a part was read already.
 * The store replaces the document only when all content has come: until then, and after a failure, the document
 * keeps its former content.
 */

#define HASH_PIECE_BYTES (256u * 1024)

struct upload {
	struct command_run *run;
	const char *local;
	int fd;
	bool is_file;
	int64_t size; /* -1: not known */
	int error;    /* of reading the local file */
	uint64_t done;
	struct progress progress;
};

static void on_tick(void *cookie)
{
	struct upload *u = cookie;

	command_progress(&u->progress, u->done);
}

static int upload_open(struct upload *u)
{
	struct stat st;

	u->fd = strcmp(u->local, "-") == 0 ? STDIN_FILENO : open(u->local, O_RDONLY | O_CLOEXEC);
	if (u->fd < 0 || fstat(u->fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	/* The standard input may be a file of which a part was read already: then it is handled like a pipe. */
	u->is_file = S_ISREG(st.st_mode) && lseek(u->fd, 0, SEEK_CUR) == 0;
	u->size = u->is_file ? st.st_size : -1;
	return u->is_file && (uint64_t)u->size > CONTENT_BYTES_MAX ? -EFBIG : 0;
}

static int upload_read(struct upload *u, void *data, size_t size, size_t *ret_size)
{
	ssize_t n;

	do
		n = read(u->fd, data, size);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		u->error = -errno;
		return -ECANCELED;
	}
	*ret_size = (size_t)n;
	u->done += (size_t)n;
	command_progress(&u->progress, u->done);
	return 0;
}

static int on_pull(void *cookie, void *data, size_t size, size_t *ret_size)
{
	return upload_read(cookie, data, size, ret_size);
}

static int on_rewind(void *cookie)
{
	struct upload *u = cookie;

	u->done = 0;
	return u->is_file && lseek(u->fd, 0, SEEK_SET) == 0 ? 0 : -ESPIPE;
}

/* Computes the SHA-256 of the file as it is now. Afterwards the file is at its beginning again. */
static int hash_file(struct upload *u, uint8_t ret[SHA256_BYTES])
{
	char *piece = malloc(HASH_PIECE_BYTES);
	int64_t left = u->size;
	struct sha256 hash;
	size_t got = 1;
	int r = sha256_init(&hash);

	if (!piece)
		r = -ENOMEM;
	command_progress_begin(&u->progress, "reading", u->size);
	while (r == 0 && left > 0 && got > 0) {
		r = upload_read(u, piece, left < HASH_PIECE_BYTES ? (size_t)left : HASH_PIECE_BYTES, &got);
		if (r == 0)
			r = sha256_update(&hash, piece, got);
		left -= (int64_t)got;
	}
	if (r == 0)
		r = sha256_final(&hash, ret);
	if (r == 0 && lseek(u->fd, 0, SEEK_SET) < 0)
		r = -errno;
	command_progress_end(&u->progress);
	u->done = 0;
	sha256_fini(&hash);
	free(piece);
	return r;
}

static int add_digest(struct upload *u, struct http_headers *headers)
{
	uint8_t sha256[SHA256_BYTES];
	struct buf field;
	int r = hash_file(u, sha256);

	buf_init(&field, 128);
	if (r == 0)
		r = digest_format(sha256, &field);
	if (r == 0)
		r = http_headers_add(headers, "Repr-Digest", field.data);
	buf_fini(&field);
	return r;
}

static int judge(struct upload *u, int r, const struct api_answer *answer, const char *path)
{
	if (u->error < 0)
		return command_fail(u->run, u->error, u->local);
	/* The file ended before the announced length, or its bytes have changed meanwhile. */
	if (u->is_file && ((answer->status == 0 && r == -EPROTO) || r == -ERR_BAD_DIGEST))
		return command_say(
			u->run, EXIT_REFUSED, u->local, "the file changed while it was sent; nothing was stored");
	if (r == -ERR_PARENT_MISSING && !u->run->options.json)
		return command_say(u->run, EXIT_REFUSED, path, "its folder is missing; --parents makes it");
	return command_judge(u->run, r, answer, path);
}

static int send_content(struct upload *u, const char *url, const char *path)
{
	struct api_stream stream = {
		.length = u->size, .pull = on_pull, .rewind = on_rewind, .on_tick = on_tick, .cookie = u};
	struct http_headers headers;
	struct api_request request = {.method = "PUT", .path = url, .headers = &headers, .stream = &stream};
	struct api_answer answer;
	int code, r;

	http_headers_init(&headers);
	memset(&answer, 0, sizeof(answer));
	r = http_headers_add(&headers, "Content-Type", "application/octet-stream");
	if (r == 0 && u->is_file)
		r = add_digest(u, &headers);
	command_progress_begin(&u->progress, path, u->size);
	if (r == 0)
		r = api_call(u->run->api, &request, &answer);
	command_progress_end(&u->progress);
	code = judge(u, r, &answer, path);
	if (code == EXIT_DONE && u->run->options.json && answer.json)
		command_print_json(answer.json);
	api_answer_fini(&answer);
	http_headers_fini(&headers);
	return code;
}

/* PATH; if it names a folder: LOCAL's name in that folder. */
static int choose_target(const struct upload *u, char **ret)
{
	const char *path = u->run->args.words[1];
	struct span name = remote_last(u->local);
	bool into = remote_is_folder(path);
	int r;

	if (into && (strcmp(u->local, "-") == 0 || name.size == 0))
		return -EISDIR;
	const char *slash = into && (path[0] == '\0' || path[strlen(path) - 1] != '/') ? "/" : "";
	r = asprintf(ret, "%s%s%.*s", path, slash, into ? (int)name.size : 0, name.data);
	return r < 0 ? -ENOMEM : 0;
}

static int put_run(struct command_run *run)
{
	struct upload u = {.run = run, .local = run->args.words[0], .fd = -1};
	char *target = NULL;
	struct buf url;
	int code, r = choose_target(&u, &target);

	if (r == -EISDIR)
		return command_say(run, EXIT_USAGE, run->args.words[1],
			"this is a folder in the store: add the name that the file shall have in it");
	buf_init(&url, REMOTE_URL_BYTES_MAX);
	code = r < 0 ? command_fail(run, r, NULL) : command_path(run, REMOTE_FILES, target, &url);
	if (code == EXIT_DONE && run->options.parents && buf_append_str(&url, "?parents=1") < 0)
		code = command_fail(run, -ENAMETOOLONG, target);
	if (code == EXIT_DONE) {
		r = upload_open(&u);
		code = r < 0 ? command_fail(run, r, u.local) : send_content(&u, url.data, target);
	}
	if (u.fd > STDIN_FILENO)
		(void)close(u.fd);
	free(target);
	buf_fini(&url);
	return code;
}

static const struct args_flag put_flags[] = {
	COMMAND_FLAG("parents", 'p', NULL, parents, "make the folders that are missing"),
	COMMAND_FLAG_JSON,
	COMMAND_FLAG_CREDENTIALS,
	COMMAND_FLAGS_END,
};

const struct command command_put = {
	.name = "put",
	.arguments = "LOCAL|- PATH [--parents]",
	.summary = "store a file",
	.details =
		"PATH begins at the root of the first drive, with or without a slash; one that ends with a slash is a folder, in which the file keeps its\n"
		"name. \"-\" is the standard input. What was there is replaced as a whole. --json prints what is stored.\n",
	.flags = put_flags,
	.words_min = 2,
	.words_max = 2,
	.needs = COMMAND_NEEDS_TOKEN,
	.run = put_run,
};
