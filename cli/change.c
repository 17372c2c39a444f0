#include "cli/command.h"
#include "cli/remote.h"
#include "common/base/error.h"
#include "common/proto/item.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* Small changes by path: rm and mkdir. */

static int rm_run(struct command_run *run)
{
	const char *path = run->args.words[0];
	struct api_request request = {.method = "DELETE"};
	struct api_answer answer;
	struct buf url;
	int code, r;

	if (remote_last(path).size == 0)
		return command_say(run, EXIT_USAGE, path, "the root of a drive stays");
	buf_init(&url, REMOTE_URL_BYTES_MAX);
	code = command_path(run, REMOTE_FILES, path, &url);
	if (code == EXIT_DONE) {
		request.path = url.data;
		r = api_call(run->api, &request, &answer);
		code = command_judge(run, r, &answer, path);
		api_answer_fini(&answer);
	}
	buf_fini(&url);
	return code;
}

/* The folder that holds path, by its id: a path in JSON is text, in a URL it may have any bytes. */
static int find_parent(struct command_run *run, const char *path, char ret_id[24])
{
	struct api_request request = {.method = "GET"};
	struct api_answer answer;
	struct buf url;
	int64_t id = 0;
	int code, r;

	buf_init(&url, REMOTE_URL_BYTES_MAX);
	code = command_path(run, REMOTE_ITEM, path, &url);
	if (code == EXIT_DONE) {
		/* Without the last name. */
		*strrchr(url.data, '/') = '\0';
		url.size = strlen(url.data);
		request.path = url.size > sizeof(REMOTE_ITEM) - 1 ? url.data : REMOTE_ITEM "/";
		r = api_call(run->api, &request, &answer);
		if (r == 0 && item_json_get_id(answer.json, "id", &id) < 0)
			r = -EPROTO;
		if (r == -ERR_NOT_FOUND)
			code = command_say(run, EXIT_REFUSED, path, "its folder is missing");
		else
			code = command_judge(run, r, &answer, path);
		api_answer_fini(&answer);
		(void)snprintf(ret_id, 24, "%" PRId64, id);
	}
	buf_fini(&url);
	return code;
}

static int make_folder(struct command_run *run, const char *path, const char *parent)
{
	json_t *body = json_pack("{s:s}", "parent", parent);
	struct api_request request = {.method = "POST", .path = REMOTE_HOME "/folders", .body = body};
	struct api_answer answer;
	int code, r = body ? item_json_set_bytes(body, "name", remote_last(path)) : -ENOMEM;

	if (r < 0) {
		json_decref(body);
		return command_fail(run, r, path);
	}
	r = api_call(run->api, &request, &answer);
	code = command_judge(run, r, &answer, path);
	if (code == EXIT_DONE && run->options.json && answer.json)
		command_print_json(answer.json);
	api_answer_fini(&answer);
	json_decref(body);
	return code;
}

static int mkdir_run(struct command_run *run)
{
	const char *path = run->args.words[0];
	char parent[24];
	int code;

	if (remote_last(path).size == 0)
		return command_say(run, EXIT_USAGE, path, "what shall the folder be called?");
	code = find_parent(run, path, parent);
	return code == EXIT_DONE ? make_folder(run, path, parent) : code;
}

static const struct args_flag rm_flags[] = {COMMAND_FLAG_CREDENTIALS, COMMAND_FLAGS_END};
static const struct args_flag mkdir_flags[] = {COMMAND_FLAG_JSON, COMMAND_FLAG_CREDENTIALS, COMMAND_FLAGS_END};

const struct command command_rm = {
	.name = "rm",
	.arguments = "PATH",
	.summary = "remove a file, or an empty folder",
	.flags = rm_flags,
	.words_min = 1,
	.words_max = 1,
	.needs = COMMAND_NEEDS_TOKEN,
	.run = rm_run,
};

const struct command command_mkdir = {
	.name = "mkdir",
	.arguments = "PATH",
	.summary = "make a folder",
	.flags = mkdir_flags,
	.words_min = 1,
	.words_max = 1,
	.needs = COMMAND_NEEDS_TOKEN,
	.run = mkdir_run,
};
