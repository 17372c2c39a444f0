#include "cli/command.h"
#include "cli/remote.h"
#include "common/base/error.h"
#include "common/proto/item.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * Small changes by path: "nephos rm" and "nephos mkdir". They send one request each, except "mkdir -p", which
 * looks at each folder on the way, from the root down, and makes those that are missing.
 *
 * A folder is made in its parent by the parent's id. A path in JSON would have to be UTF-8, but names in the
 * store may have any bytes, which the path of a URL can express. With -p it is no failure if another client makes
 * one of the folders at the same time: the command looks at the name again, and accepts it if it is a folder.
 */

/* Gets the document at path. 0: it is a folder, and ret_id gets its id. -ENOTDIR: it is something else. */
static int look_for_folder(struct command_run *run, const char *path, char ret_id[24], struct api_answer *ret)
{
	struct api_request request = {.method = "GET"};
	struct buf url;
	const char *type;
	int64_t id = 0;
	int r;

	memset(ret, 0, sizeof(*ret));
	buf_init(&url, REMOTE_URL_BYTES_MAX);
	r = buf_append_str(&url, REMOTE_ITEM);
	if (r == 0)
		r = remote_encode(path, &url);
	if (r == 0 && url.size == sizeof(REMOTE_ITEM) - 1)
		r = buf_append_str(&url, "/");
	request.path = url.data;
	if (r == 0)
		r = api_call(run->api, &request, ret);
	if (r == 0) {
		type = json_string_value(json_object_get(ret->json, "type"));
		r = item_json_get_id(ret->json, "id", &id) < 0 || !type ? -EPROTO
			: strcmp(type, "dir") != 0			? -ENOTDIR
									: 0;
	}
	(void)snprintf(ret_id, 24, "%" PRId64, id);
	buf_fini(&url);
	return r;
}

/* A path with a slash at its end means a folder, and nothing else: rm(1) removes no file by such a path either. */
static int check_is_folder(struct command_run *run, const char *path)
{
	struct api_answer answer;
	char id[24];
	int code, r = look_for_folder(run, path, id, &answer);

	if (r == -ENOTDIR && answer.status == 200)
		code = command_fail(run, r, path);
	else
		code = command_judge(run, r, &answer, path);
	api_answer_fini(&answer);
	return code;
}

static int rm_run(struct command_run *run)
{
	const char *path = run->args.words[0];
	struct api_request request = {.method = "DELETE"};
	struct api_answer answer;
	struct buf url;
	int code, r;

	if (remote_last(path).size == 0)
		return command_say(run, EXIT_USAGE, path, "the root of a drive cannot be moved or removed");
	buf_init(&url, REMOTE_URL_BYTES_MAX);
	code = command_path(run, REMOTE_FILES, path, &url);
	if (code == EXIT_DONE && remote_is_folder(path))
		code = check_is_folder(run, path);
	if (code == EXIT_DONE) {
		request.path = url.data;
		r = api_call(run->api, &request, &answer);
		code = command_judge(run, r, &answer, path);
		api_answer_fini(&answer);
	}
	buf_fini(&url);
	return code;
}

/* Finds the id of the folder that contains path, by a URL: a path in JSON would have to be text, one in a URL may
 * have any bytes. */
static int find_parent(struct command_run *run, const char *path, char ret_id[24])
{
	char *above = strndup(path, (size_t)(remote_last(path).data - path));
	struct api_answer answer;
	int code, r;

	if (!above)
		return command_fail(run, -ENOMEM, path);
	r = look_for_folder(run, above, ret_id, &answer);
	if (r == -ERR_NOT_FOUND && !run->options.json)
		code = command_say(run, EXIT_REFUSED, path, "its folder is missing; -p makes it");
	else if (r == -ENOTDIR && answer.status == 200)
		code = command_say(run, EXIT_REFUSED, path, "the path goes through something that is not a folder");
	else
		code = command_judge(run, r, &answer, path);
	api_answer_fini(&answer);
	free(above);
	return code;
}

/* -ERR_EXISTS: the name is taken. */
static int post_folder(struct command_run *run, const char *path, const char *parent, struct api_answer *ret)
{
	json_t *body = json_pack("{s:s}", "parent", parent);
	struct api_request request = {.method = "POST", .path = REMOTE_HOME "/folders", .body = body};
	int r = body ? item_json_set_bytes(body, "name", remote_last(path)) : -ENOMEM;

	memset(ret, 0, sizeof(*ret));
	if (r == 0)
		r = api_call(run->api, &request, ret);
	json_decref(body);
	return r;
}

static int make_folder(struct command_run *run, const char *path, const char *parent)
{
	struct api_answer answer;
	int r = post_folder(run, path, parent, &answer);
	int code = command_judge(run, r, &answer, path);

	if (code == EXIT_DONE && run->options.json && answer.json)
		command_print_json(answer.json);
	api_answer_fini(&answer);
	return code;
}

/* ---- mkdir -p ---- */

/* Makes the folder at path in the folder `id` unless it exists, whoever made it; id becomes its own id. */
static int have_folder(struct command_run *run, const char *path, char id[24])
{
	struct api_answer answer;
	char own[24];
	int64_t made = 0;
	int code, r = look_for_folder(run, path, own, &answer);

	if (r == -ERR_NOT_FOUND) {
		api_answer_fini(&answer);
		r = post_folder(run, path, id, &answer);
		if (r == 0)
			r = item_json_get_id(answer.json, "id", &made) < 0 ? -EPROTO : 0;
		(void)snprintf(own, sizeof(own), "%" PRId64, made);
	}
	if (r == -ERR_EXISTS || r == -EEXIST) { /* another client was quicker */
		api_answer_fini(&answer);
		r = look_for_folder(run, path, own, &answer);
	}
	if (r == -ENOTDIR && answer.status == 200)
		code = command_say(
			run, EXIT_REFUSED, path, "something of this name exists already, and it is not a folder");
	else
		code = command_judge(run, r, &answer, path);
	memcpy(id, own, sizeof(own));
	api_answer_fini(&answer);
	return code;
}

/* Makes each missing folder on the way, from the root down. */
static int make_all(struct command_run *run, const char *path)
{
	char *way = strdup(path), id[24];
	struct api_answer answer;
	int code, r = way ? look_for_folder(run, "/", id, &answer) : -ENOMEM;

	if (!way)
		return command_fail(run, r, path);
	code = command_judge(run, r, &answer, path);
	api_answer_fini(&answer);
	for (char *end = way; code == EXIT_DONE && *end;) {
		size_t size;
		char cut;

		end += strspn(end, "/");
		size = strcspn(end, "/");
		end += size;
		cut = *end;
		*end = '\0';
		if (size > 0 && remote_last(way).size > 0)
			code = have_folder(run, way, id);
		*end = cut;
	}
	if (code == EXIT_DONE && run->options.json) {
		r = look_for_folder(run, path, id, &answer);
		code = command_judge(run, r, &answer, path);
		if (code == EXIT_DONE)
			command_print_json(answer.json);
		api_answer_fini(&answer);
	}
	free(way);
	return code;
}

static int mkdir_run(struct command_run *run)
{
	const char *path = run->args.words[0];
	char parent[24];
	struct buf url;
	int code;

	/* The root exists, which is no failure with --parents. */
	if (remote_last(path).size == 0 && (!run->options.parents || !*path))
		return command_say(run, EXIT_USAGE, path, "the path names no folder to make: add its name at the end");
	buf_init(&url, REMOTE_URL_BYTES_MAX);
	code = command_path(run, REMOTE_ITEM, path, &url); /* checks the path before any request */
	buf_fini(&url);
	if (code != EXIT_DONE)
		return code;
	if (run->options.parents)
		return make_all(run, path);
	code = find_parent(run, path, parent);
	return code == EXIT_DONE ? make_folder(run, path, parent) : code;
}

static const struct args_flag rm_flags[] = {COMMAND_FLAG_JSON, COMMAND_FLAG_CREDENTIALS, COMMAND_FLAGS_END};
static const struct args_flag mkdir_flags[] = {
	COMMAND_FLAG("parents", 'p', NULL, parents,
		"make missing parent folders, too; it is no failure if the folder exists"),
	COMMAND_FLAG_JSON,
	COMMAND_FLAG_CREDENTIALS,
	COMMAND_FLAGS_END,
};

const struct command command_rm = {
	.name = "rm",
	.arguments = "PATH",
	.summary = "remove a file or an empty folder",
	.flags = rm_flags,
	.words_min = 1,
	.words_max = 1,
	.needs = COMMAND_NEEDS_TOKEN,
	.run = rm_run,
};

const struct command command_mkdir = {
	.name = "mkdir",
	.arguments = "[-p] PATH",
	.summary = "make a folder",
	.flags = mkdir_flags,
	.words_min = 1,
	.words_max = 1,
	.needs = COMMAND_NEEDS_TOKEN,
	.run = mkdir_run,
};
