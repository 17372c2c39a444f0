#include "cli/command.h"
#include "cli/folders.h"
#include "cli/mounts.h"
#include "cli/print.h"
#include "cli/remote.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/text.h"
#include "common/proto/item.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * inotify reports only what the own machine did. What others did (another mount, the web page, curl) is in the
 * drive's journal, which this command follows by long poll. It reports every change below one folder, in the
 * order in which the changes were made, whoever made them. Nothing is missed while it runs, because each poll
 * names the last change that was reported. After an outage it continues from there; if the journal does not reach
 * back so far, it reports "reset" for the whole folder.
 */

#define WAIT_S 20		/* of one poll: less than API_DEADLINE_MS, and than the timeouts of proxies */
#define NAME_STORAGE_BYTES 4096 /* one name that is not UTF-8 */
#define PAUSE_NS NS_PER_S	/* between attempts while no gateway answers */

struct watch {
	struct command_run *run;
	const char *prefix; /* put before every path: the folder as typed, without a slash at its end */
	int64_t top;	    /* the folder's id */
	int64_t since;	    /* the seq that was reported last */
	uint64_t left;	    /* changes to report before the end; UINT64_MAX: no limit */
	struct folders *folders;
	struct buf path, old_path, line, storage;
};

/* ---- the folder ---- */

/* A folder on a mount: its inode number is its id in the store. -ENOENT: the path is not on a mount of ours. */
static int find_on_mount(const char *path, int64_t *ret_id)
{
	struct statfs fs;
	struct stat st;

	if (statfs(path, &fs) < 0 || fs.f_type != FUSE_SUPER_MAGIC || stat(path, &st) < 0)
		return -ENOENT;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	*ret_id = (int64_t)st.st_ino;
	return ITEM_DRIVE(*ret_id) > 0 ? 0 : -ENOENT;
}

/* A folder of the first drive, named as in other commands. */
static int find_in_store(struct watch *w, const char *path)
{
	struct api_request request = {.method = "GET"};
	struct api_answer answer;
	struct buf url;
	int code, r;

	buf_init(&url, REMOTE_URL_BYTES_MAX);
	code = command_path(w->run, REMOTE_ITEM, path, &url);
	if (code == EXIT_DONE && url.size == sizeof(REMOTE_ITEM) - 1 && buf_append_str(&url, "/") < 0)
		code = command_fail(w->run, -ENOMEM, path);
	if (code == EXIT_DONE) {
		request.path = url.data;
		r = api_call(w->run->api, &request, &answer);
		if (r == 0 && (item_json_get_id(answer.json, "id", &w->top) < 0 || ITEM_DRIVE(w->top) == 0))
			r = -EPROTO;
		if (r == -ERR_NOT_FOUND)
			code = command_say(w->run, EXIT_REFUSED, path,
				"there is no such folder, neither on a mount here nor in the first drive of the store");
		else
			code = command_judge(w->run, r, &answer, path);
		api_answer_fini(&answer);
	}
	buf_fini(&url);
	return code;
}

/* Starts at the end of the journal. */
static int find_position(struct watch *w)
{
	struct api_request request = {.method = "GET"};
	struct api_answer answer;
	char path[64];
	int code, r;

	(void)snprintf(path, sizeof(path), "/api/v2/docs/drives/%" PRId64, (int64_t)ITEM_DRIVE(w->top));
	request.path = path;
	r = api_call(w->run->api, &request, &answer);
	if (r == 0 && item_json_get_id(answer.json, "seq", &w->since) < 0)
		r = -EPROTO;
	code = command_judge(w->run, r, &answer, w->run->args.words[0]);
	api_answer_fini(&answer);
	return code;
}

/* ---- reporting ---- */

static void print_change(struct watch *w, const char *op)
{
	bool escape = command_on_terminal();

	buf_reset(&w->line);
	(void)buf_printf(&w->line, "%-11s ", op);
	if (w->old_path.size > 0) {
		(void)print_name(&w->line, buf_span(&w->old_path), escape);
		(void)buf_append_str(&w->line, w->path.size > 0 ? " -> " : " ->");
	}
	(void)print_name(&w->line, buf_span(&w->path), escape);
	(void)buf_append_str(&w->line, "\n");
	command_print(&w->line);
}

static int print_json(const struct watch *w, const char *op, int64_t seq)
{
	json_t *object = json_pack("{s:s}", "op", op);
	char number[24];
	int r = object ? 0 : -ENOMEM;

	(void)snprintf(number, sizeof(number), "%" PRId64, seq);
	if (r == 0 && json_object_set_new(object, "seq", json_string(number)) < 0)
		r = -ENOMEM;
	if (r == 0 && w->path.size > 0)
		r = item_json_set_bytes(object, "path", buf_span(&w->path));
	if (r == 0 && w->old_path.size > 0)
		r = item_json_set_bytes(object, "old_path", buf_span(&w->old_path));
	if (r == 0)
		command_print_json(object);
	json_decref(object);
	return r;
}

/* Runs sh -c COMMAND sh OP PATH OLD-PATH, and waits for it: commands never overtake each other. Their exit status
 * is ignored. */
static int run_command(struct watch *w, const char *op)
{
	const char *argv[] = {"sh", "-c", w->run->options.exec, "sh", op, w->path.data ? w->path.data : "",
		w->old_path.data ? w->old_path.data : "", NULL};
	int status, r;
	pid_t pid;

	r = posix_spawn(&pid, "/bin/sh", NULL, NULL, (char *const *)argv, environ);
	if (r != 0)
		return -r;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

static int tell(struct watch *w, const char *op, int64_t seq)
{
	int r = 0;

	if (w->run->options.exec)
		r = run_command(w, op);
	else if (w->run->options.json)
		r = print_json(w, op, seq);
	else
		print_change(w, op);
	if (w->left != UINT64_MAX)
		w->left--;
	if (r == 0 && (fflush(stdout) != 0 || ferror(stdout)))
		r = -EPIPE; /* the reader has closed its end */
	return r;
}

/* ---- one change ---- */

/* Makes "PREFIX/a/b/name", or an empty text if the place is not below the folder. */
static int place(struct watch *w, const json_t *change, const char *parent_key, const char *name_key, struct buf *ret)
{
	int64_t parent;
	int r;

	buf_reset(ret);
	if (item_json_get_id(change, parent_key, &parent) < 0)
		return 0;
	buf_reset(&w->storage);
	r = item_json_get_bytes(change, name_key, &w->storage);
	if (r < 0)
		return 0;
	r = buf_append_str(ret, w->prefix);
	if (r == 0)
		r = folders_path(w->folders, parent, ret);
	if (r == 0)
		r = buf_append_str(ret, "/");
	if (r == 0)
		r = buf_append_span(ret, buf_span(&w->storage));
	if (r == -ENOENT) {
		buf_reset(ret);
		r = 0;
	}
	return r;
}

static int on_change(struct watch *w, const json_t *change)
{
	const char *op = json_string_value(json_object_get(change, "op"));
	int64_t seq = 0, id = 0;
	bool moves;
	int r;

	if (!op || item_json_get_id(change, "seq", &seq) < 0 || item_json_get_id(change, "id", &id) < 0)
		return -EPROTO;
	moves = strcmp(op, "rename") == 0;
	r = place(w, change, "parent", "name", &w->path);
	if (r == 0 && moves)
		r = place(w, change, "old_parent", "old_name", &w->old_path);
	else
		buf_reset(&w->old_path);
	if (r == 0 && moves)
		folders_forget(w->folders, id);
	if (r == 0 && (w->path.size > 0 || w->old_path.size > 0))
		r = tell(w, op, seq);
	/* Forgotten only now: the removals of its children were reported before. */
	if (r == 0 && strcmp(op, "rmdir") == 0)
		folders_forget(w->folders, id);
	if (r == 0)
		w->since = seq;
	return r;
}

/* ---- the journal ---- */

/* The journal does not reach back so far: everything may have changed. */
static int reset(struct watch *w)
{
	int code = find_position(w);

	folders_free(w->folders);
	w->folders = NULL;
	if (code == EXIT_DONE && folders_new(w->run->api, w->top, &w->folders) < 0)
		code = command_fail(w->run, -ENOMEM, NULL);
	buf_reset(&w->path);
	buf_reset(&w->old_path);
	if (code == EXIT_DONE &&
		(buf_append_str(&w->path, *w->prefix ? w->prefix : "/") < 0 || tell(w, "reset", w->since) < 0))
		code = command_fail(w->run, -EIO, NULL);
	return code;
}

static int on_page(struct watch *w, const json_t *page)
{
	const json_t *list = json_object_get(page, "changes");
	int64_t last = 0;
	size_t i;
	json_t *change;
	int r = 0;

	if (!json_is_array(list) || item_json_get_id(page, "last", &last) < 0)
		return -EPROTO;
	json_array_foreach(list, i, change) {
		r = on_change(w, change);
		if (r < 0 || w->left == 0)
			break;
	}
	return r;
}

/* Says once that no gateway answers, and has the caller ask again: an outage does not end the command. */
static bool goes_on(struct watch *w, const struct api_answer *answer, bool *said)
{
	const struct timespec pause = clock_timespec(PAUSE_NS);

	if (answer->status != 0 && answer->status < 500)
		return false;
	if (!*said)
		(void)command_say(w->run, 0, NULL, "no gateway answers; changes are told of when one does");
	*said = true;
	(void)nanosleep(&pause, NULL);
	return true;
}

static int follow(struct watch *w)
{
	struct api_request request = {.method = "GET"};
	bool said = false;
	int code = EXIT_DONE;

	while (code == EXIT_DONE && w->left > 0) {
		struct api_answer answer;
		char path[128];
		int r;

		(void)snprintf(path, sizeof(path), "/api/v2/docs/drives/%" PRId64 "/changes?since=%" PRId64 "&wait=%d",
			(int64_t)ITEM_DRIVE(w->top), w->since, WAIT_S);
		request.path = path;
		r = api_call(w->run->api, &request, &answer);
		if (answer.status == 410) {
			code = reset(w);
		} else if (r == 0) {
			said = false;
			r = on_page(w, answer.json);
			code = r == -EPIPE ? EXIT_REFUSED
				: r < 0	   ? command_fail(w->run, r, w->run->args.words[0])
					   : EXIT_DONE;
		} else if (!goes_on(w, &answer, &said)) {
			code = command_judge(w->run, r, &answer, w->run->args.words[0]);
		}
		api_answer_fini(&answer);
	}
	return code;
}

/* ---- the command ---- */

static int begin(struct watch *w, const char *directory)
{
	int r = find_on_mount(directory, &w->top);
	int code = EXIT_DONE;

	if (r == -ENOTDIR)
		return command_say(w->run, EXIT_USAGE, directory, "it is not a folder: watch the one it lies in");
	if (r == -ENOENT)
		code = find_in_store(w, directory);
	if (code == EXIT_DONE)
		code = find_position(w);
	if (code == EXIT_DONE) {
		r = folders_new(w->run->api, w->top, &w->folders);
		code = r < 0 ? command_fail(w->run, r, directory) : follow(w);
	}
	return code;
}

static int watch_run(struct command_run *run)
{
	const char *directory = run->args.words[0];
	size_t size = strlen(directory);
	struct watch w = {.run = run, .left = UINT64_MAX};
	char *prefix;
	int code;

	if (run->options.count && text_parse_u64(span_str(run->options.count), UINT64_MAX - 1, &w.left) < 0)
		return command_say(run, EXIT_USAGE, run->options.count, "--count takes a number of changes");
	while (size > 0 && directory[size - 1] == '/')
		size--;
	prefix = strndup(directory, size);
	if (!prefix)
		return command_fail(run, -ENOMEM, directory);
	w.prefix = prefix;
	buf_init(&w.path, PRINT_LINE_BYTES_MAX);
	buf_init(&w.old_path, PRINT_LINE_BYTES_MAX);
	buf_init(&w.line, 4 * PRINT_LINE_BYTES_MAX);
	buf_init(&w.storage, NAME_STORAGE_BYTES);
	code = begin(&w, directory);
	folders_free(w.folders);
	buf_fini(&w.path);
	buf_fini(&w.old_path);
	buf_fini(&w.line);
	buf_fini(&w.storage);
	free(prefix);
	return code;
}

static const struct args_flag watch_flags[] = {
	COMMAND_FLAG("exec", 'e', "COMMAND", exec,
		"shell command to run for each change: $1 is the operation, $2 the path, $3 the old path"),
	COMMAND_FLAG("count", 'n', "N", count, "end after so many changes"),
	COMMAND_FLAG_JSON,
	COMMAND_FLAG_CREDENTIALS,
	COMMAND_FLAGS_END,
};

const struct command command_watch = {
	.name = "watch",
	.arguments = "[--exec COMMAND] DIR",
	.summary = "print each change below a folder, whoever makes it",
	.details =
		"DIR is a folder on a mount, or a path in the first drive. Each line names the operation (create, write, setattr, rename,\n"
		"unlink, …) and the path; for a rename, both paths. The lines include changes by other mounts, by curl and by the web page,\n"
		"which inotify does not see. After an outage the command continues where it stopped; \"reset\" means that changes may have been\n"
		"missed, so that you have to read the folder again. With --json each line is an object. --exec runs one command after another.\n",
	.flags = watch_flags,
	.words_min = 1,
	.words_max = 1,
	.needs = COMMAND_NEEDS_TOKEN,
	.run = watch_run,
};
