#include "cli/command.h"
#include "cli/pages.h"
#include "cli/print.h"
#include "cli/remote.h"
#include "common/base/error.h"
#include "common/base/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/*
 * "nephos ls": shows a document, the entries of a folder, or with -R everything below it.
 *
 * Folders are listed page by page and printed as they come, so that the first lines of a large folder appear at
 * once, and the command needs the memory of one page. With -R, the ids and paths of the folders found in a folder
 * are kept until that folder is done, and these folders are listed then: in the order of ls, and with the listing
 * of only one folder in memory.
 *
 * For people an entry is one line, with -l in the form of ls -l. Names are escaped on a terminal, so that none of
 * them can move its cursor. With --json the output is one array, with each entry as the store describes it, and
 * its path added, which neither its name nor its parent's id contains.
 */

#define ITEM_STORAGE_BYTES (8u * 1024) /* for a name and a target that are not UTF-8, as item.h requires */

struct folder {
	int64_t id;
	char *path;
	size_t size;
	struct folder *next;
};

struct listing {
	struct command_run *run;
	bool escape;
	bool json_begun;
	struct span path; /* of the folder that is listed */
	struct buf line, full, storage;
	struct folder *found, **last; /* in this folder */
};

/* ---- one item ---- */

static int join(struct listing *l, struct span name)
{
	int r;

	buf_reset(&l->full);
	r = buf_append_span(&l->full, l->path);
	if (r == 0 && (l->full.size == 0 || l->full.data[l->full.size - 1] != '/'))
		r = buf_append_str(&l->full, "/");
	return r == 0 ? buf_append_span(&l->full, name) : r;
}

/* Adds the path, which the name and the parent's id do not contain. */
static int print_json(struct listing *l, json_t *object)
{
	int r = item_json_set_bytes(object, "path", buf_span(&l->full));
	char *text = r == 0 ? json_dumps(object, JSON_COMPACT) : NULL;

	if (!text)
		return -ENOMEM;
	(void)printf("%s%s", l->json_begun ? ",\n" : "[", text);
	l->json_begun = true;
	free(text);
	return 0;
}

static int print_line(struct listing *l, const struct item *item, struct span name)
{
	int r;

	buf_reset(&l->line);
	if (l->run->options.details) {
		r = print_item(&l->line, item, name, l->escape);
	} else {
		r = print_name(&l->line, name, l->escape);
		if (r == 0)
			r = buf_append_str(&l->line, "\n");
	}
	if (r == 0)
		command_print(&l->line);
	return r;
}

static int keep_folder(struct listing *l, int64_t id)
{
	struct folder *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->id = id;
	f->size = l->full.size;
	f->path = malloc(l->full.size + 1);
	if (!f->path) {
		free(f);
		return -ENOMEM;
	}
	memcpy(f->path, l->full.data, l->full.size + 1); /* a buf ends with a NUL */
	*l->last = f;
	l->last = &f->next;
	return 0;
}

static int read_item(struct listing *l, const json_t *object, struct item *ret)
{
	int r;

	buf_reset(&l->storage);
	r = buf_reserve(&l->storage, ITEM_STORAGE_BYTES);
	return r < 0 ? r : item_from_json(object, ret, &l->storage) < 0 ? -EPROTO : 0;
}

static int on_item(void *cookie, json_t *object)
{
	struct listing *l = cookie;
	struct item item;
	int r = read_item(l, object, &item);

	if (r == 0)
		r = join(l, item.name);
	if (r == 0)
		r = l->run->options.json ? print_json(l, object) : print_line(l, &item, item.name);
	if (r == 0 && l->run->options.recursive && S_ISDIR(item.mode))
		r = keep_folder(l, item.id);
	/* The reader has closed its end. */
	return r == 0 && ferror(stdout) ? -EPIPE : r;
}

/* ---- folders ---- */

static int list_folder(struct listing *l, int64_t id)
{
	struct api_answer answer;
	char path[128];
	int code, r;

	(void)snprintf(path, sizeof(path), REMOTE_HOME "/items/%" PRId64 "/children", id);
	r = pages_each(l->run->api, path, l, on_item, &answer);
	code = command_judge(l->run, r, &answer, l->path.data);
	api_answer_fini(&answer);
	return code;
}

static void print_heading(struct listing *l, bool first)
{
	if (l->run->options.json || !l->run->options.recursive)
		return;
	buf_reset(&l->line);
	if (!first)
		(void)buf_append_str(&l->line, "\n");
	(void)print_name(&l->line, l->path, l->escape);
	(void)buf_append_str(&l->line, ":\n");
	command_print(&l->line);
}

static void folder_free(struct folder *f)
{
	free(f->path);
	free(f);
}

/* Lists the first folder of the queue; folders found in it go to the front of the queue. */
static int walk(struct listing *l, struct folder *queue)
{
	bool first = true;
	int code = EXIT_DONE;

	while (queue) {
		struct folder *f = queue;

		queue = f->next;
		if (code == EXIT_DONE) {
			l->path = span_of(f->path, f->size);
			l->found = NULL;
			l->last = &l->found;
			print_heading(l, first);
			code = list_folder(l, f->id);
			*l->last = queue;
			queue = l->found;
			first = false;
		}
		folder_free(f);
	}
	return code;
}

/* ---- the command ---- */

static int list_item(struct listing *l, json_t *object, const char *path)
{
	struct item item;
	int r = read_item(l, object, &item);
	struct span shown = remote_last(path);

	if (r == 0 && S_ISDIR(item.mode)) {
		l->path = span_str(path);
		if (remote_last(path).size == 0)
			l->path = SPAN_LITERAL("/");
		r = join(l, span_of(NULL, 0));
		/* The folder's own path has no slash at its end. */
		while (r == 0 && l->full.size > 1 && l->full.data[l->full.size - 1] == '/')
			l->full.data[--l->full.size] = '\0';
		l->last = &l->found;
		if (r == 0)
			r = keep_folder(l, item.id);
		return r < 0 ? command_fail(l->run, r, path) : walk(l, l->found);
	}
	if (r == 0 && remote_is_folder(path))
		r = -ENOTDIR;
	if (r == 0)
		r = join(l, shown);
	if (r == 0)
		r = l->run->options.json ? print_json(l, object) : print_line(l, &item, span_str(path));
	return r < 0 ? command_fail(l->run, r, path) : EXIT_DONE;
}

static int find_item(struct listing *l, const char *url, const char *path)
{
	struct api_request request = {.method = "GET", .path = url};
	struct api_answer answer;
	int code, r = api_call(l->run->api, &request, &answer);

	code = command_judge(l->run, r, &answer, path);
	if (code == EXIT_DONE)
		code = list_item(l, answer.json, path);
	api_answer_fini(&answer);
	return code;
}

static int ls_run(struct command_run *run)
{
	struct listing l = {.run = run, .escape = command_on_terminal()};
	const char *path = run->args.count > 0 ? run->args.words[0] : "/";
	struct buf url;
	int code;

	buf_init(&l.line, PRINT_LINE_BYTES_MAX);
	buf_init(&l.full, PRINT_LINE_BYTES_MAX);
	buf_init(&l.storage, ITEM_STORAGE_BYTES);
	buf_init(&url, REMOTE_URL_BYTES_MAX);
	code = command_path(run, REMOTE_ITEM, path, &url);
	if (code == EXIT_DONE && url.size == sizeof(REMOTE_ITEM) - 1 && buf_append_str(&url, "/") < 0)
		code = command_fail(run, -ENOMEM, path);
	if (code == EXIT_DONE)
		code = find_item(&l, url.data, path);
	if (run->options.json && code == EXIT_DONE)
		(void)printf("%s]\n", l.json_begun ? "" : "[");
	buf_fini(&l.line);
	buf_fini(&l.full);
	buf_fini(&l.storage);
	buf_fini(&url);
	return code;
}

static const struct args_flag ls_flags[] = {
	COMMAND_FLAG("long", 'l', NULL, details, "mode, links, uid, gid, size, time of the last change"),
	COMMAND_FLAG("recursive", 'R', NULL, recursive, "what lies in the folders, too"),
	COMMAND_FLAG_JSON,
	COMMAND_FLAG_CREDENTIALS,
	COMMAND_FLAGS_END,
};

const struct command command_ls = {
	.name = "ls",
	.arguments = "[-l] [-R] [PATH]",
	.summary = "list a folder, or show a file",
	.details =
		"PATH begins at the root of the first drive, with or without a slash. On a terminal, control characters in names are shown as \\xNN.\n"
		"--json prints one array of items, each with its path.\n",
	.flags = ls_flags,
	.words_max = 1,
	.needs = COMMAND_NEEDS_TOKEN,
	.run = ls_run,
};
