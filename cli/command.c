#include "cli/command.h"

#include "cli/print.h"
#include "cli/remote.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/suggest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HELP_BYTES_MAX (64u * 1024)
#define NAME_COLUMN 14

static const struct command *const commands[] = {
	&command_login,
	&command_logout,
	&command_status,
	&command_fsck,
	&command_backup,
	&command_restore,
	&command_umount,
	&command_ls,
	&command_get,
	&command_put,
	&command_mkdir,
	&command_rm,
	&command_watch,
	&command_user_add,
	&command_user_list,
	&command_user_passwd,
	&command_user_rm,
	&command_user_quota,
	&command_key_add,
	&command_key_list,
	&command_key_revoke,
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))
#define MOUNT_NAME "mount"

static const char exit_text[] =
	"\nExit status: 0 done, 1 refused by the store or failed here, 2 wrong usage, 3 the store cannot be reached or is not ready,\n"
	"4 not authenticated.\n";

static const char key_text[] =
	"\nStore and key are taken from the first of: --credentials FILE; the file that NEPHOS_CREDENTIALS names; the variables NEPHOS_URL\n"
	"(one URL, or several gateways of one store separated by commas) and NEPHOS_TOKEN; the file that \"nephos login\" writes,\n"
	"${XDG_CONFIG_HOME:-~/.config}/nephos/credentials.\n";

/* ---- messages ---- */

static void print_all(FILE *to, const struct buf *text)
{
	/* An error of stdout is noticed at the end (ferror), an error of stderr never. */
	if (text->size > 0)
		(void)fwrite(text->data, 1, text->size, to);
}

void command_print(const struct buf *text)
{
	print_all(stdout, text);
}

void command_print_json(const json_t *value)
{
	(void)json_dumpf(value, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
	(void)putchar('\n');
}

bool command_on_terminal(void)
{
	return isatty(STDOUT_FILENO) == 1;
}

/* problem: the problem that the store answered, or NULL. */
static void say_json(const struct command_run *run, int code, const char *what, const char *why, const json_t *problem)
{
	static const char *const members[] = {"type", "status", "errno", "trace_id"};
	json_t *error = json_pack("{s:s, s:i}", "command", run->command->name, "exit", code);

	if (what)
		(void)item_json_set_bytes(error, "what", span_str(what));
	(void)item_json_set_bytes(error, "detail", span_str(why));
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		json_t *member = json_object_get(problem, members[i]);

		if (member)
			(void)json_object_set(error, members[i], member);
	}
	error = json_pack("{s:o}", "error", error);
	(void)json_dumpf(error, stderr, JSON_COMPACT);
	(void)fputc('\n', stderr);
	json_decref(error);
}

static int exit_of(const struct command *command, int code)
{
	return code != EXIT_DONE && command->failure != 0 ? command->failure : code;
}

int command_say(const struct command_run *run, int code, const char *what, const char *why)
{
	struct buf text;

	code = exit_of(run->command, code);
	if (run->options.json) {
		(void)fflush(stdout);
		say_json(run, code, what, why, NULL);
		return code;
	}

	buf_init(&text, HELP_BYTES_MAX);
	(void)buf_printf(&text, "nephos %s: ", run->command->name);
	if (what) {
		(void)print_name(&text, span_str(what), true);
		(void)buf_append_str(&text, ": ");
	}
	(void)print_name(&text, span_str(why), true);
	(void)buf_append_str(&text, "\n");
	(void)fflush(stdout);
	print_all(stderr, &text);
	buf_fini(&text);
	return code;
}

int command_fail(const struct command_run *run, int r, const char *what)
{
	return command_say(run, EXIT_REFUSED, what, error_text(r));
}

/* Why there was no answer: the text before the URL, and the text after it. */
static const struct unreachable {
	int error;
	const char *before, *behind;
} unreachable[] = {
	{-ECONNREFUSED, "the store at ", " cannot be reached: nothing listens there"},
	{-EHOSTUNREACH, "the store at ", " cannot be reached: there is no way to that host"},
	{-ERR_NO_SUCH_HOST, "the store at ", " cannot be reached: nobody knows a host of that name (DNS)"},
	{-ECONNRESET, "the store at ", " cannot be reached: it closes the connection without an answer"},
	{-ETIMEDOUT, "the store at ", " cannot be reached: it does not answer in time"},
	{-ERR_NO_TLS, "what answers at ", " does not speak TLS: is it http instead of https?"},
	{-ERR_CERTIFICATE, "the certificate of ", " is not trusted on this machine"},
	{-EPROTO, "what answers at ", " is no store, or one that speaks https only"},
};

static int judge_transport(const struct command_run *run, int r, const char *what)
{
	const struct unreachable *found = NULL;
	char why[CREDENTIALS_TOKEN_BYTES];

	for (size_t i = 0; !found && i < sizeof(unreachable) / sizeof(unreachable[0]); i++)
		if (unreachable[i].error == r)
			found = &unreachable[i];
	if (!found)
		return command_fail(run, r, what);
	(void)snprintf(why, sizeof(why), "%s%s%s", found->before, run->api ? api_url(run->api) : "", found->behind);
	return command_say(run, EXIT_UNREACHABLE, what, why);
}

static enum command_exit exit_of_status(int status)
{
	switch (status) {
	case 401:
		return EXIT_UNAUTHENTICATED;
	case 502:
	case 503:
	case 504:
		return EXIT_UNREACHABLE;
	default:
		return EXIT_REFUSED;
	}
}

int command_judge(const struct command_run *run, int r, const struct api_answer *answer, const char *what)
{
	char why[API_TEXT_SIZE + sizeof(answer->trace) + 16];
	int code;

	if (r == 0)
		return EXIT_DONE;
	if (answer->status == 0 || (answer->status >= 200 && answer->status < 300))
		return judge_transport(run, r, what);
	code = exit_of(run->command, exit_of_status(answer->status));
	if (run->options.json) {
		(void)fflush(stdout);
		say_json(run, code, what, answer->detail, answer->json);
		return code;
	}
	(void)snprintf(why, sizeof(why), "%s%s%s%s", answer->detail, answer->trace[0] ? " (trace " : "", answer->trace,
		answer->trace[0] ? ")" : "");
	return command_say(run, code, what, why);
}

/* ---- progress ---- */

void command_progress_begin(struct progress *p, const char *name, int64_t total)
{
	progress_begin(p, name, total, clock_mono_ns());
}

void command_progress(struct progress *p, uint64_t done)
{
	struct buf text;

	if (!p->name || isatty(STDERR_FILENO) != 1)
		return;
	buf_init(&text, PRINT_LINE_BYTES_MAX);
	if (progress_at(p, done, clock_mono_ns(), &text))
		print_all(stderr, &text);
	buf_fini(&text);
}

void command_progress_end(struct progress *p)
{
	struct buf text;

	buf_init(&text, PRINT_LINE_BYTES_MAX);
	progress_end(p, &text);
	print_all(stderr, &text);
	buf_fini(&text);
}

int command_path(const struct command_run *run, const char *prefix, const char *path, struct buf *ret_url)
{
	int r = buf_append_str(ret_url, prefix);

	if (r == 0)
		r = remote_encode(path, ret_url);
	switch (r) {
	case 0:
		return EXIT_DONE;
	case -EINVAL:
		return command_say(run, EXIT_USAGE, path, "a path in the store cannot contain \"..\"");
	case -ENAMETOOLONG:
	case -E2BIG:
		return command_say(run, EXIT_USAGE, path, strerror(ENAMETOOLONG));
	default:
		return command_fail(run, r, path);
	}
}

/* ---- help ---- */

/* Whether name is "WORD …", a command of two words. */
static bool in_group(const char *name, const char *word)
{
	size_t size = strlen(word);

	return strncmp(name, word, size) == 0 && name[size] == ' ';
}

static int print_list(FILE *to)
{
	struct buf text;

	buf_init(&text, HELP_BYTES_MAX);
	(void)buf_append_str(&text,
		"usage: nephos COMMAND [ARGUMENT…]\n\nYour own cloud store: files by commands, and as a mounted folder.\n\n");
	(void)buf_printf(&text, "  %-*s%s\n", NAME_COLUMN, MOUNT_NAME, "mount a drive on a folder");
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		(void)buf_printf(&text, "  %-*s%s\n", NAME_COLUMN, commands[i]->name, commands[i]->summary);
	(void)buf_append_str(&text, "\n\"nephos COMMAND --help\" says more of each.\n");
	(void)buf_append_str(&text, key_text);
	(void)buf_append_str(&text, exit_text);
	print_all(to, &text);
	buf_fini(&text);
	return EXIT_DONE;
}

static int print_group(const char *word)
{
	struct buf text;

	buf_init(&text, HELP_BYTES_MAX);
	(void)buf_printf(&text, "usage: nephos %s COMMAND [ARGUMENT…]\n\n", word);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (in_group(commands[i]->name, word))
			(void)buf_printf(&text, "  %-*s%s\n", NAME_COLUMN, commands[i]->name, commands[i]->summary);
	(void)buf_printf(&text, "\n\"nephos %s COMMAND --help\" says more of each.\n", word);
	(void)buf_append_str(&text, exit_text);
	command_print(&text);
	buf_fini(&text);
	return EXIT_DONE;
}

static int print_help_of_help(void)
{
	struct buf text;

	buf_init(&text, HELP_BYTES_MAX);
	(void)buf_append_str(&text,
		"usage: nephos help [COMMAND]\n\nList the commands, or say what one of them does: "
		"the same text as of \"nephos COMMAND --help\".\n");
	(void)buf_append_str(&text, exit_text);
	command_print(&text);
	buf_fini(&text);
	return EXIT_DONE;
}

static int print_help(const struct command *c)
{
	struct buf text;

	buf_init(&text, HELP_BYTES_MAX);
	(void)buf_printf(&text, "usage: nephos %s%s%s\n\n%c%s.\n", c->name, *c->arguments ? " " : "", c->arguments,
		c->summary[0] - 'a' + 'A', c->summary + 1);
	if (c->details)
		(void)buf_printf(&text, "\n%s", c->details);
	(void)buf_append_str(&text, "\n");
	(void)args_help(c->flags, &text);
	if (c->needs != COMMAND_NEEDS_NOTHING)
		(void)buf_append_str(&text, key_text);
	(void)buf_append_str(&text, c->exits ? c->exits : exit_text);
	command_print(&text);
	buf_fini(&text);
	return EXIT_DONE;
}

/* ---- which command ---- */

static bool is_group(const char *word)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (in_group(commands[i]->name, word))
			return true;
	return false;
}

/* argv[1], and argv[2] in a group. ret_used: words of the name. */
static const struct command *find(int argc, char **argv, int *ret_used)
{
	char name[SUGGEST_BYTES_MAX];
	bool group = is_group(argv[1]);

	*ret_used = group ? 2 : 1;
	if (group && argc < 3)
		return NULL;
	(void)snprintf(name, sizeof(name), group ? "%s %s" : "%s", argv[1], group ? argv[2] : "");
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

static int refuse_name(int argc, char **argv)
{
	bool group = is_group(argv[1]);
	struct suggest s;
	struct buf text;

	buf_init(&text, HELP_BYTES_MAX);
	suggest_init(&s, group ? argc > 2 ? argv[2] : "" : argv[1]);
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (group && in_group(commands[i]->name, argv[1]))
			suggest_offer(&s, commands[i]->name + strlen(argv[1]) + 1);
		else if (!group)
			suggest_offer(&s, commands[i]->name);
	}
	if (!group) {
		suggest_offer(&s, MOUNT_NAME);
		suggest_offer(&s, "user");
		suggest_offer(&s, "key");
	}
	if (group && argc < 3) {
		(void)buf_printf(&text, "nephos %s: what? There are", argv[1]);
		for (size_t i = 0; i < COMMAND_COUNT; i++)
			if (in_group(commands[i]->name, argv[1]))
				(void)buf_printf(&text, " \"%s\"", commands[i]->name);
	} else {
		(void)buf_append_str(&text, "nephos: there is no command \"");
		(void)print_name(&text, span_str(argv[1]), true);
		if (group)
			(void)buf_append_str(&text, " ");
		(void)print_name(&text, span_str(group ? argv[2] : ""), true);
		(void)buf_append_str(&text, "\"");
		if (suggest_best(&s))
			(void)buf_printf(&text, "; did you mean \"%s%s%s\"?", group ? argv[1] : "", group ? " " : "",
				suggest_best(&s));
	}
	(void)buf_append_str(&text, "\n\"nephos --help\" lists the commands.\n");
	print_all(stderr, &text);
	buf_fini(&text);
	return EXIT_USAGE;
}

/* ---- running one ---- */

/* Tells the user at the terminal why the command takes a second longer. */
static void say_silence(const char *silent, const char *now, void *cookie)
{
	const struct command_run *run = cookie;

	(void)fprintf(stderr, "nephos %s: %s does not answer; %s is asked\n", run->command->name, silent, now);
}

static void say_readers(const struct command_run *run)
{
	const char *path = run->credentials.shared, *readers = file_readers(path);

	if (readers)
		(void)fprintf(stderr, "nephos %s: %s can read the key in %s\n", run->command->name, readers, path);
}

static int find_store(struct command_run *run)
{
	enum command_needs needs = run->command->needs;
	struct buf why;
	int r, code = EXIT_DONE;

	if (needs == COMMAND_NEEDS_NOTHING)
		return EXIT_DONE;
	buf_init(&why, PRINT_LINE_BYTES_MAX);
	r = credentials_find(run->options.credentials, &run->credentials, &why);
	if (r < 0) {
		code = command_say(run, EXIT_USAGE, NULL, why.data ? why.data : strerror(error_errno(r)));
	} else if (needs == COMMAND_NEEDS_TOKEN && !run->credentials.token) {
		code = command_say(run, EXIT_UNAUTHENTICATED, NULL,
			"there is no key: use \"nephos login\", or --credentials FILE");
	} else if (run->credentials.url_count == 0) {
		r = credentials_set_urls(&run->credentials, COMMAND_DEFAULT_URL, &why);
	}
	if (r == 0 && code == EXIT_DONE) {
		r = api_new(&run->credentials, &run->api);
		code = r < 0 ? command_fail(run, r, NULL) : EXIT_DONE;
	}
	if (run->credentials.shared)
		say_readers(run);
	if (run->api && isatty(STDERR_FILENO) == 1)
		api_on_silence(run->api, say_silence, run);
	buf_fini(&why);
	return code;
}

static int check_words(const struct command_run *run)
{
	const struct command *c = run->command;
	char usage[256];

	if (run->args.count >= c->words_min && run->args.count <= c->words_max)
		return EXIT_DONE;
	(void)snprintf(usage, sizeof(usage), "usage: nephos %s%s%s", c->name, *c->arguments ? " " : "", c->arguments);
	return command_say(
		run, EXIT_USAGE, run->args.count < c->words_min ? "something is missing" : "too many words", usage);
}

static int run_command(const struct command *command, int argc, char **argv)
{
	struct command_run run = {.command = command};
	struct buf why;
	int code = EXIT_DONE, r;

	credentials_init(&run.credentials);
	buf_init(&why, PRINT_LINE_BYTES_MAX);
	r = args_parse(command->flags, argc, argv, &run.options, &run.args, &why);
	if (r == -ECANCELED)
		code = print_help(command);
	else if (r < 0)
		code = command_say(&run, EXIT_USAGE, NULL, why.data ? why.data : strerror(-r));
	if (r == 0)
		code = check_words(&run);
	if (r == 0 && code == EXIT_DONE)
		code = find_store(&run);
	if (r == 0 && code == EXIT_DONE)
		code = command->run(&run);
	api_free(run.api);
	credentials_fini(&run.credentials);
	buf_fini(&why);
	return code;
}

/* A failed write of the output must not look like success. command: NULL: none of the table. */
static int end_output(const struct command *command, int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	(void)fprintf(stderr, "nephos: writing the output: %s\n", strerror(errno));
	return code != EXIT_DONE ? code : command ? exit_of(command, EXIT_REFUSED) : EXIT_REFUSED;
}

static bool is_one_of(const char *word, const char *a, const char *b, const char *c)
{
	return strcmp(word, a) == 0 || strcmp(word, b) == 0 || strcmp(word, c) == 0;
}

static bool is_help(const char *word)
{
	return is_one_of(word, "--help", "-h", "help");
}

/* "help NAME" does the same as "NAME --help". argv[0] is "help". */
static int help_about(int argc, char **argv, int (*mount)(int argc, char **argv))
{
	static char flag[] = "--help";
	char *mount_help[] = {argv[1], flag, NULL};
	const struct command *command;
	int used;

	if (strcmp(argv[1], MOUNT_NAME) == 0)
		return mount(2, mount_help);
	if (is_help(argv[1]))
		return end_output(NULL, print_help_of_help());
	if (is_group(argv[1]) && (argc < 3 || is_help(argv[2])))
		return end_output(NULL, print_group(argv[1]));
	command = find(argc, argv, &used);
	return command ? end_output(NULL, print_help(command)) : refuse_name(argc, argv);
}

int command_main(int argc, char **argv, int (*mount)(int argc, char **argv))
{
	const struct command *command;
	int used = 1;

	if (argc < 2) {
		(void)print_list(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], MOUNT_NAME) == 0)
		return mount(argc - 1, argv + 1);
	if (is_help(argv[1]))
		return argc > 2 ? help_about(argc - 1, argv + 1, mount) : end_output(NULL, print_list(stdout));
	if (is_one_of(argv[1], "--version", "-V", "version")) {
		(void)printf("nephos %s\n", NEPHOS_VERSION);
		return end_output(NULL, EXIT_DONE);
	}
	if (is_group(argv[1]) && argc > 2 && is_help(argv[2]))
		return end_output(NULL, print_group(argv[1]));
	command = find(argc, argv, &used);
	if (!command)
		return refuse_name(argc, argv);
	return end_output(command, run_command(command, argc - used, argv + used));
}
