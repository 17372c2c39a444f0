#include "cli/command.h"
#include "cli/pages.h"
#include "cli/password.h"
#include "cli/print.h"
#include "cli/remote.h"
#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/base/text.h"
#include "common/proto/item.h"

#include <errno.h>
#include <stdio.h>

/*
 * Accounts: "nephos user add", "list", "passwd", "rm" and "quota". All of these are for administrators, except
 * changing one's own password. The store decides; the command only prints its answer.
 *
 * One request finds an account by its name, and all other requests use its id: the name could belong to another
 * account by the time of the next request. A new password is typed twice at the terminal, or comes from a file or
 * the environment. A user who types it is also asked whether to revoke the device keys, because mounts and
 * scripts that use them would stop. A script decides that by a flag; without the flag the keys are kept.
 */

#define USERS "/api/v2/user/users"
#define ME "/api/v2/user/me"

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* Sends a request with a JSON body, and drops the body. Prints the failure, or with --json the answer. */
static int send_json(struct command_run *run, const char *method, const char *path, json_t *body, const char *what)
{
	struct api_request request = {.method = method, .path = path, .body = body};
	struct api_answer answer;
	int code, r = api_call(run->api, &request, &answer);

	code = command_judge(run, r, &answer, what);
	if (code == EXIT_DONE && run->options.json && answer.json)
		command_print_json(answer.json);
	api_answer_fini(&answer);
	json_decref(body);
	return code;
}

static struct password_source new_password_source(const struct command_run *run)
{
	return (struct password_source){
		.file = run->options.password_file, .variable = "NEPHOS_PASSWORD", .twice = true};
}

static int ask_new_password(struct command_run *run, const char *name, char **ret)
{
	struct password_source source = new_password_source(run);
	struct buf prompt, why;
	int r;

	buf_init(&prompt, PRINT_LINE_BYTES_MAX);
	buf_init(&why, PRINT_LINE_BYTES_MAX);
	r = buf_append_str(&prompt, "New password of ");
	if (r == 0)
		r = print_name(&prompt, span_str(name), true);
	if (r == 0)
		r = buf_append_str(&prompt, ": ");
	source.prompt = prompt.data;
	if (r == 0)
		r = password_get(&source, ret, &why);
	if (r < 0)
		(void)command_say(run, EXIT_USAGE, NULL, why.data ? why.data : strerror(-r));
	buf_fini(&prompt);
	buf_fini(&why);
	return r < 0 ? EXIT_USAGE : EXIT_DONE;
}

static int ask_old_password(struct command_run *run, char **ret)
{
	struct password_source source = {.file = run->options.old_password_file, .prompt = "Old password: "};
	struct buf why;
	int r;

	buf_init(&why, PRINT_LINE_BYTES_MAX);
	r = password_get(&source, ret, &why);
	if (r < 0)
		(void)command_say(run, EXIT_USAGE, NULL, why.data ? why.data : strerror(-r));
	buf_fini(&why);
	return r < 0 ? EXIT_USAGE : EXIT_DONE;
}

/* ---- finding an account by its name ---- */

/* ret_user is a new reference. */
static int find_user(struct command_run *run, const char *name, json_t **ret_user)
{
	struct api_request request = {.method = "GET"};
	struct api_answer answer;
	const json_t *items;
	struct buf path;
	int code, r;

	buf_init(&path, REMOTE_URL_BYTES_MAX);
	r = buf_append_str(&path, USERS "?name=");
	if (r == 0)
		r = text_url_encode(span_str(name), &path);
	if (r < 0) {
		buf_fini(&path);
		return command_fail(run, r, name);
	}
	request.path = path.data;
	r = api_call(run->api, &request, &answer);
	code = command_judge(run, r, &answer, name);
	items = json_object_get(answer.json, "items");
	if (code == EXIT_DONE && json_array_size(items) != 1)
		code = command_say(run, EXIT_REFUSED, name, "no user has this name");
	if (code == EXIT_DONE)
		*ret_user = json_incref(json_array_get(items, 0));
	api_answer_fini(&answer);
	buf_fini(&path);
	return code;
}

static int read_me(struct command_run *run, json_t **ret)
{
	struct api_request request = {.method = "GET", .path = ME};
	struct api_answer answer;
	int code, r = api_call(run->api, &request, &answer);

	code = command_judge(run, r, &answer, NULL);
	if (code == EXIT_DONE)
		*ret = json_incref(answer.json);
	api_answer_fini(&answer);
	return code;
}

static int user_path(const json_t *user, char *ret, size_t size)
{
	int64_t id;

	if (item_json_get_id(user, "id", &id) < 0)
		return -EPROTO;
	(void)snprintf(ret, size, USERS "/%lld", (long long)id);
	return 0;
}

/* ---- add ---- */

static int user_add_run(struct command_run *run)
{
	const char *name = run->args.words[0];
	char *password = NULL;
	json_t *body;
	int code = ask_new_password(run, name, &password);

	if (code != EXIT_DONE)
		return code;
	body = json_pack("{s:s, s:s, s:b}", "name", name, "password", password, "admin", (int)run->options.admin);
	password_free(password);
	if (body && run->options.email && json_object_set_new(body, "email", json_string(run->options.email)) < 0) {
		json_decref(body);
		body = NULL;
	}
	if (!body)
		return command_say(run, EXIT_USAGE, name, "name, email and password must be UTF-8");
	return send_json(run, "POST", USERS, body, name);
}

/* ---- list ---- */

struct listing {
	struct command_run *run;
	json_t *all; /* with --json */
	struct buf line;
	bool escape;
};

static int print_user(void *cookie, json_t *user)
{
	struct listing *l = cookie;
	int r;

	if (l->all)
		return json_array_append(l->all, user) < 0 ? -ENOMEM : 0;
	buf_reset(&l->line);
	r = buf_printf(&l->line, "%8s  %-5s  ", text_of(user, "id"),
		json_is_true(json_object_get(user, "admin")) ? "admin" : "");
	if (r == 0)
		r = print_name(&l->line, span_str(text_of(user, "name")), l->escape);
	if (r == 0 && *text_of(user, "email"))
		r = buf_append_str(&l->line, "  ");
	if (r == 0)
		r = print_name(&l->line, span_str(text_of(user, "email")), l->escape);
	if (r == 0)
		r = buf_append_str(&l->line, "\n");
	command_print(&l->line);
	return r;
}

static int user_list_run(struct command_run *run)
{
	struct listing l = {
		.run = run, .escape = command_on_terminal(), .all = run->options.json ? json_array() : NULL};
	struct api_answer answer;
	int code, r;

	buf_init(&l.line, PRINT_LINE_BYTES_MAX);
	r = pages_each(run->api, USERS, &l, print_user, &answer);
	code = command_judge(run, r, &answer, NULL);
	if (code == EXIT_DONE && l.all)
		command_print_json(l.all);
	api_answer_fini(&answer);
	json_decref(l.all);
	buf_fini(&l.line);
	return code;
}

/* ---- passwd ---- */

/* A user who types the password is asked; a script decides by a flag, and without one the keys are kept. */
static int decide_revoke(struct command_run *run, bool *ret)
{
	const struct password_source source = new_password_source(run);
	int r;

	*ret = run->options.revoke;
	if (run->options.revoke || run->options.keep || !password_is_typed(&source))
		return EXIT_DONE;
	r = password_confirm("Revoke the device keys, too? Mounts and scripts that use them will stop. [y/N] ", ret);
	return r < 0 ? command_say(run, EXIT_USAGE, NULL, strerror(-r)) : EXIT_DONE;
}

/* The body of a change; NULL: the typed text is not UTF-8. */
static json_t *password_body(const char *new, const char *old, bool revoke)
{
	json_t *body = json_pack("{s:s, s:s*}", "password", new, "old_password", old);

	if (body && revoke && json_object_set_new(body, "revoke", json_true()) < 0) {
		json_decref(body);
		return NULL;
	}
	return body;
}

static int change_own(struct command_run *run, const json_t *me)
{
	char *old = NULL, *new = NULL;
	bool revoke = false;
	json_t *body = NULL;
	int code = EXIT_DONE;

	if (json_is_true(json_object_get(me, "has_password")))
		code = ask_old_password(run, &old);
	if (code == EXIT_DONE)
		code = ask_new_password(run, text_of(me, "name"), &new);
	if (code == EXIT_DONE)
		code = decide_revoke(run, &revoke);
	if (code == EXIT_DONE) {
		body = password_body(new, old, revoke);
		code = body ? send_json(run, "PATCH", ME, body, NULL)
			    : command_say(run, EXIT_USAGE, NULL, "a password must be UTF-8");
	}
	password_free(old);
	password_free(new);
	return code;
}

static int change_other(struct command_run *run, const json_t *user)
{
	const char *name = text_of(user, "name");
	char *new = NULL, path[64];
	bool revoke = false;
	json_t *body = NULL;
	int code, r = user_path(user, path, sizeof(path));

	if (r < 0)
		return command_fail(run, r, name);
	code = ask_new_password(run, name, &new);
	if (code == EXIT_DONE)
		code = decide_revoke(run, &revoke);
	if (code == EXIT_DONE)
		body = password_body(new, NULL, revoke);
	password_free(new);
	if (code != EXIT_DONE)
		return code;
	return body ? send_json(run, "PATCH", path, body, name)
		    : command_say(run, EXIT_USAGE, NULL, "a password must be UTF-8");
}

static int user_passwd_run(struct command_run *run)
{
	const char *name = run->args.count > 0 ? run->args.words[0] : NULL;
	json_t *me = NULL, *user = NULL;
	int code;

	if (run->options.revoke && run->options.keep)
		return command_say(run, EXIT_USAGE, NULL, "--revoke and --keep exclude each other");
	code = read_me(run, &me);
	if (code == EXIT_DONE && name && strcmp(name, text_of(me, "name")) != 0)
		code = find_user(run, name, &user);
	if (code == EXIT_DONE && user && strcmp(text_of(user, "id"), text_of(me, "id")) != 0)
		code = change_other(run, user);
	else if (code == EXIT_DONE)
		code = change_own(run, me);
	json_decref(me);
	json_decref(user);
	return code;
}

/* ---- rm ---- */

static int user_rm_run(struct command_run *run)
{
	const char *name = run->args.words[0];
	json_t *user = NULL;
	char path[64];
	int r, code = find_user(run, name, &user);

	if (code != EXIT_DONE)
		return code;
	r = user_path(user, path, sizeof(path));
	code = r < 0 ? command_fail(run, r, name) : send_json(run, "DELETE", path, NULL, name);
	json_decref(user);
	return code;
}

/* ---- quota ---- */

static int print_account(struct command_run *run, const json_t *account, const char *name)
{
	const json_t *used = json_object_get(account, "used");
	struct buf line;

	if (run->options.json) {
		command_print_json(account);
		return EXIT_DONE;
	}
	buf_init(&line, PRINT_LINE_BYTES_MAX);
	(void)print_name(&line, span_str(name), command_on_terminal());
	(void)buf_append_str(&line, ": ");
	if (used)
		(void)buf_printf(&line, "%lld bytes used of ", (long long)json_integer_value(used));
	if (json_integer_value(json_object_get(account, "quota")) > 0)
		(void)buf_printf(&line, "%lld", (long long)json_integer_value(json_object_get(account, "quota")));
	else
		(void)buf_append_str(&line, "no limit");
	(void)buf_append_str(&line, json_is_true(json_object_get(account, "own")) ? "\n" : " (the default)\n");
	command_print(&line);
	buf_fini(&line);
	return EXIT_DONE;
}

/* "none": no limit; "default": the limit of all accounts without one of their own. ret_body: a new reference. */
static int parse_quota(struct command_run *run, const char *text, json_t **ret_body)
{
	uint64_t size = 0;

	if (strcmp(text, "default") == 0) {
		*ret_body = json_pack("{s:n}", "quota");
		return EXIT_DONE;
	}
	if (strcmp(text, "none") != 0 && (text_parse_size(span_str(text), FILE_BYTES_MAX, &size) < 0 || size == 0))
		return command_say(run, EXIT_USAGE, text, "a size is bytes, or with K, M, G or T; or none, or default");
	*ret_body = json_pack("{s:I}", "quota", (json_int_t)size);
	return EXIT_DONE;
}

static int account_path(struct command_run *run, const char *name, char *path, size_t size)
{
	json_t *user = NULL;
	int64_t id;
	int code = EXIT_DONE;

	(void)snprintf(path, size, "/api/v2/docs/accounts/default");
	if (run->options.defaults)
		return EXIT_DONE;
	code = find_user(run, name, &user);
	if (code == EXIT_DONE && item_json_get_id(user, "id", &id) < 0)
		code = command_fail(run, -EPROTO, name);
	else if (code == EXIT_DONE)
		(void)snprintf(path, size, "/api/v2/docs/accounts/%lld", (long long)id);
	json_decref(user);
	return code;
}

static int user_quota_run(struct command_run *run)
{
	const bool defaults = run->options.defaults;
	const size_t words = run->args.count, first = defaults ? 0 : 1;
	const char *name = defaults || words == 0 ? "default" : run->args.words[0];
	struct api_request request = {.method = "GET"};
	struct api_answer answer;
	char path[64];
	int code, r;

	if (words < first || words > first + 1)
		return command_say(run, EXIT_USAGE, NULL, "say whose: NAME, or --default");
	code = words > first ? parse_quota(run, run->args.words[first], &request.body) : EXIT_DONE;
	if (code == EXIT_DONE)
		code = account_path(run, name, path, sizeof(path));
	if (code == EXIT_DONE) {
		request.method = request.body ? "PUT" : "GET";
		request.path = path;
		r = api_call(run->api, &request, &answer);
		code = command_judge(run, r, &answer, name);
		if (code == EXIT_DONE)
			code = print_account(run, answer.json, name);
		api_answer_fini(&answer);
	}
	json_decref(request.body);
	return code;
}

#define PASSWORD_FLAG                                           \
	COMMAND_FLAG("password-file", 0, "FILE", password_file, \
		"its first line is the new password; \"-\": the standard input")

static const struct args_flag add_flags[] = {
	COMMAND_FLAG("admin", 0, NULL, admin, "an administrator"),
	COMMAND_FLAG("email", 0, "ADDRESS", email, "where they can be reached"),
	PASSWORD_FLAG,
	COMMAND_FLAG_JSON,
	COMMAND_FLAG_CREDENTIALS,
	COMMAND_FLAGS_END,
};

static const struct args_flag list_flags[] = {COMMAND_FLAG_JSON, COMMAND_FLAG_CREDENTIALS, COMMAND_FLAGS_END};

static const struct args_flag passwd_flags[] = {
	PASSWORD_FLAG,
	COMMAND_FLAG("old-password-file", 0, "FILE", old_password_file, "its first line is the one that holds now"),
	COMMAND_FLAG("revoke", 0, NULL, revoke, "end the device keys, too, but the one in use"),
	COMMAND_FLAG("keep", 0, NULL, keep, "keep the device keys, without a question"),
	COMMAND_FLAG_JSON,
	COMMAND_FLAG_CREDENTIALS,
	COMMAND_FLAGS_END,
};

static const struct args_flag rm_flags[] = {COMMAND_FLAG_JSON, COMMAND_FLAG_CREDENTIALS, COMMAND_FLAGS_END};

const struct command command_user_add = {
	.name = "user add",
	.arguments = "NAME [--admin] [--email ADDRESS]",
	.summary = "create an account (administrators)",
	.details = "Asks for the password of the new account, or takes it from NEPHOS_PASSWORD.\n",
	.flags = add_flags,
	.words_min = 1,
	.words_max = 1,
	.needs = COMMAND_NEEDS_TOKEN,
	.run = user_add_run,
};

const struct command command_user_list = {
	.name = "user list",
	.arguments = "",
	.summary = "list the accounts (administrators)",
	.flags = list_flags,
	.needs = COMMAND_NEEDS_TOKEN,
	.run = user_list_run,
};

const struct command command_user_passwd = {
	.name = "user passwd",
	.arguments = "[NAME] [--revoke | --keep]",
	.summary = "set your password, or that of another user (administrators)",
	.details =
		"For your own account the command asks for the old password first, if there is one; the old password is only read from the\n"
		"terminal or a file. The new one may come from NEPHOS_PASSWORD. All sessions of the user end. Whether device keys end, too, is\n"
		"asked on a terminal; otherwise --revoke or --keep decides, and by default the keys stay valid.\n",
	.flags = passwd_flags,
	.words_max = 1,
	.needs = COMMAND_NEEDS_TOKEN,
	.run = user_passwd_run,
};

const struct command command_user_rm = {
	.name = "user rm",
	.arguments = "NAME",
	.summary = "delete an account; its drives go to the trash (administrators)",
	.flags = rm_flags,
	.words_min = 1,
	.words_max = 1,
	.needs = COMMAND_NEEDS_TOKEN,
	.run = user_rm_run,
};

static const struct args_flag quota_flags[] = {
	COMMAND_FLAG("default", 0, NULL, defaults, "of all who have no quota of their own"),
	COMMAND_FLAG_JSON,
	COMMAND_FLAG_CREDENTIALS,
	COMMAND_FLAGS_END,
};

const struct command command_user_quota = {
	.name = "user quota",
	.arguments = "NAME|--default [SIZE|none|default]",
	.summary = "show or set how much a user may store in all drives together (administrators)",
	.details =
		"SIZE is in bytes, or with K, M, G or T. A new quota applies at once; content that is stored already stays.\n",
	.flags = quota_flags,
	.words_max = 2,
	.needs = COMMAND_NEEDS_TOKEN,
	.run = user_quota_run,
};
