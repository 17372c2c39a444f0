#include "cli/command.h"
#include "cli/pages.h"
#include "cli/print.h"
#include "common/base/error.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

/*
 * The check of the whole store. A docs service runs it, whether or not a command follows it. This command starts
 * a check, or finds one that is running already, shows its progress, and prints at the end what was found. If the
 * command is interrupted the check continues, and the next call of the command follows it.
 *
 * The exit codes are those of fsck programs and of scripts that ask one question, not those of the other
 * commands: 0 nothing is wrong, 1 something was found (mended or not), 2 the check could not be done, a missing key and
 * an unreachable store included.
 */

#define FSCK "/api/v2/docs/fsck"
#define POLL_MS 250 /* between two requests for the state, which are cheap */
#define PATIENCE 40 /* requests in a row that may fail: an exchange of the services takes less than ten seconds */

enum { FOUND_NOTHING = 0, FOUND_SOMETHING = 1, COULD_NOT = 2 };

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static long long number_of(const json_t *object, const char *key)
{
	return (long long)json_integer_value(json_object_get(object, key));
}

/* ---- one finding ---- */

struct listing {
	struct command_run *run;
	struct buf line;
	bool escape;
};

static int print_place(struct listing *l, const json_t *finding)
{
	int r = buf_printf(&l->line, "drive %s", text_of(finding, "drive"));

	if (r == 0 && *text_of(finding, "drive_name")) {
		r = buf_append_str(&l->line, " (");
		if (r == 0)
			r = print_name(&l->line, span_str(text_of(finding, "drive_name")), l->escape);
		if (r == 0)
			r = buf_append_str(&l->line, ")");
	}
	if (r == 0 && *text_of(finding, "path")) {
		r = buf_append_str(&l->line, " ");
		if (r == 0)
			r = print_name(&l->line, span_str(text_of(finding, "path")), l->escape);
	}
	if (r == 0 && json_is_true(json_object_get(finding, "removed")))
		r = buf_append_str(&l->line, " a removed document");
	if (r == 0 && *text_of(finding, "id"))
		r = buf_printf(&l->line, " [id %s]", text_of(finding, "id"));
	return r;
}

static int print_finding(void *cookie, json_t *finding)
{
	struct listing *l = cookie;
	int r;

	if (l->run->options.json) {
		command_print_json(finding);
		return 0;
	}
	buf_reset(&l->line);
	r = print_place(l, finding);
	if (r == 0)
		r = buf_printf(&l->line, ": %s (%s%s%s)%s\n", text_of(finding, "text"), text_of(finding, "kind"),
			*text_of(finding, "detail") ? ": " : "", text_of(finding, "detail"),
			json_is_true(json_object_get(finding, "mended")) ? ": mended" : "");
	if (r == 0)
		command_print(&l->line);
	return r;
}

static int print_findings(struct command_run *run)
{
	struct listing l = {.run = run, .escape = command_on_terminal()};
	struct api_answer answer;
	int code, r;

	buf_init(&l.line, PRINT_LINE_BYTES_MAX);
	r = pages_each(run->api, FSCK "/findings", &l, print_finding, &answer);
	code = command_judge(run, r, &answer, NULL);
	api_answer_fini(&answer);
	buf_fini(&l.line);
	return code;
}

/* ---- the end ---- */

static int sum_up(struct command_run *run, const json_t *state)
{
	const long long found = number_of(state, "found"), mended = number_of(state, "mended");
	struct buf line;

	if (run->options.json) {
		command_print_json(state);
		return found > 0 ? FOUND_SOMETHING : FOUND_NOTHING;
	}
	buf_init(&line, PRINT_LINE_BYTES_MAX);
	(void)buf_printf(&line, "%lld drives, %lld rows, %lld blocks of %lld bytes: ", number_of(state, "drives"),
		number_of(state, "rows"), number_of(state, "blocks"), number_of(state, "bytes"));
	if (found == 0)
		(void)buf_append_str(&line, "nothing is wrong\n");
	else
		(void)buf_printf(&line, "%lld found, %lld mended\n", found, mended);
	command_print(&line);
	buf_fini(&line);
	return found > 0 ? FOUND_SOMETHING : FOUND_NOTHING;
}

static int conclude(struct command_run *run, const json_t *state)
{
	const char *how = text_of(state, "state");
	int code;

	if (strcmp(how, "never") == 0)
		return command_say(run, COULD_NOT, NULL, "the store was never checked");
	if (print_findings(run) != EXIT_DONE)
		return COULD_NOT;
	code = sum_up(run, state);
	if (strcmp(how, "stopped") == 0)
		return command_say(run, COULD_NOT, NULL, "the check was stopped before its end");
	if (strcmp(how, "failed") == 0)
		return command_say(
			run, COULD_NOT, NULL, "the check could not go on; the log of a docs service says why");
	return code;
}

/* ---- following ---- */

/* ret: a new reference. */
static int ask(struct command_run *run, const char *method, json_t *body, json_t **ret)
{
	struct api_request request = {.method = method, .path = FSCK, .body = body};
	struct api_answer answer;
	int code, r = api_call(run->api, &request, &answer);

	code = command_judge(run, r, &answer, NULL);
	if (code == EXIT_DONE && !json_is_object(answer.json))
		code = command_fail(run, -EPROTO, NULL);
	if (code == EXIT_DONE)
		*ret = json_incref(answer.json);
	api_answer_fini(&answer);
	return code;
}

/* Asks how far the check has come. A failure that may be temporary is reported only after PATIENCE times in a row. */
static int look(struct command_run *run, json_t **state)
{
	struct api_request request = {.method = "GET", .path = FSCK};
	int code = EXIT_DONE;

	for (int i = 0; i < PATIENCE; i++) {
		const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
		struct api_answer answer;
		int r;

		(void)nanosleep(&pause, NULL);
		r = api_call(run->api, &request, &answer);
		if (r == 0 && json_is_object(answer.json)) {
			json_decref(*state);
			*state = json_incref(answer.json);
			api_answer_fini(&answer);
			return EXIT_DONE;
		}
		const bool passes = answer.status == 0 || answer.status >= 500;
		if (!passes || i + 1 == PATIENCE)
			code = command_judge(run, r < 0 ? r : -EPROTO, &answer, NULL);
		api_answer_fini(&answer);
		if (!passes)
			break;
	}
	return code;
}

static int follow(struct command_run *run, json_t **state)
{
	struct progress progress;
	int code = EXIT_DONE;

	command_progress_begin(&progress, "the store", (int64_t)number_of(*state, "bytes_total"));
	while (code == EXIT_DONE && strcmp(text_of(*state, "state"), "running") == 0) {
		command_progress(&progress, (uint64_t)number_of(*state, "bytes"));
		code = look(run, state);
	}
	command_progress_end(&progress);
	return code;
}

static int fsck_run(struct command_run *run)
{
	json_t *state = NULL, *body = NULL;
	int code;

	if (run->options.last + run->options.stop + run->options.repair > 1)
		return command_say(run, COULD_NOT, NULL, "--last, --stop and --repair exclude each other");
	if (!run->options.last && !run->options.stop)
		body = json_pack("{s:b}", "repair", (int)run->options.repair);
	code = ask(run, run->options.last ? "GET" : run->options.stop ? "DELETE" : "POST", body, &state);
	json_decref(body);
	if (code == EXIT_DONE && !run->options.stop) {
		code = follow(run, &state);
		code = code == EXIT_DONE ? conclude(run, state) : COULD_NOT;
	} else if (code != EXIT_DONE) {
		code = COULD_NOT;
	}
	json_decref(state);
	return code;
}

static const struct args_flag fsck_flags[] = {
	COMMAND_FLAG("repair", 0, NULL, repair, "mend what can be derived from other rows"),
	COMMAND_FLAG(
		"last", 0, NULL, last, "start no check: follow the running one, or show the result of the last one"),
	COMMAND_FLAG("stop", 0, NULL, stop, "stop the check that runs"),
	COMMAND_FLAG_JSON,
	COMMAND_FLAG_CREDENTIALS,
	COMMAND_FLAGS_END,
};

const struct command command_fsck = {
	.name = "fsck",
	.arguments = "[--repair | --last | --stop] [--json]",
	.summary = "check the rows and the stored blocks of the store (administrators)",
	.details =
		"A docs service reads the whole store while it is in use, with at most half of the time of one thread. The check continues when\n"
		"this command is interrupted, and after a restart; the next call follows it. Each finding names the drive, the path and the id\n"
		"of the document. Content in blocks is compared with the hashes of the blocks. Content of less than 32 KiB lies in rows, and can\n"
		"only be compared where a digest of it is kept; the digest of a file of several blocks is not checked. --repair mends usage,\n"
		"counts of links, entries and extents, names, digests, dangling rows and gaps in the journal. Lost content can only be restored\n"
		"from a backup.\n",
	.flags = fsck_flags,
	.needs = COMMAND_NEEDS_TOKEN,
	.run = fsck_run,
	.failure = COULD_NOT,
	.exits =
		"\nExit status: 0 nothing is wrong, 1 something was found, mended or not, 2 the check could not be done, for whatever reason.\n",
};
