#include "cli/command.h"
#include "cli/password.h"
#include "cli/print.h"
#include "common/base/error.h"
#include "common/base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * "nephos login" and "nephos logout": make and revoke a key for this machine.
 *
 * A login leaves a device key, not the session that it used: a key is named after this machine, does not expire,
 * and can be revoked from elsewhere without a new password. The session ends before the command does.
 *
 * The steps of a login: the command chooses the account and the store (from the command line, then variables,
 * then the last login); asks for the password; opens a session with it; makes a key in that session; writes the
 * key to the credentials file; then revokes the key of an earlier login of the same account, and ends the
 * session. If the file cannot be written, it revokes the new key instead, so that no key is left which nobody
 * has. Logout revokes the key and removes the file; if the store cannot be reached, the file stays, because the
 * key is still valid.
 */

#define KEY_PATH_SIZE 64

/* ---- talking to the user service ---- */

static int post(struct command_run *run, const char *path, json_t *body, struct api_answer *ret)
{
	struct api_request request = {
		.method = "POST", .path = path, .body = body, .anonymous = !run->credentials.token};
	int r;

	if (!body) {
		memset(ret, 0, sizeof(*ret));
		return -ENOMEM;
	}
	r = api_call(run->api, &request, ret);
	json_decref(body);
	return r;
}

static int delete_at(struct command_run *run, const char *path, struct api_answer *ret)
{
	struct api_request request = {.method = "DELETE", .path = path};

	return api_call(run->api, &request, ret);
}

static int revoke_key(struct command_run *run, uint64_t key_id, struct api_answer *ret)
{
	char path[KEY_PATH_SIZE];

	(void)snprintf(path, sizeof(path), "/api/v2/user/keys/%" PRIu64, key_id);
	return delete_at(run, path, ret);
}

/* Takes the token of an answer; an answer without a token does not come from a store. */
static int take_token(struct command_run *run, const struct api_answer *answer)
{
	const char *token = json_string_value(json_object_get(answer->json, "token"));

	return token ? credentials_set_token(&run->credentials, token) : -EPROTO;
}

static int open_session(struct command_run *run, const char *password)
{
	struct api_answer answer;
	const char *user = run->credentials.user;
	int r = post(
		run, "/api/v2/user/sessions", json_pack("{s:s, s:s}", "name", user, "password", password), &answer);
	int code;

	if (r == 0)
		r = take_token(run, &answer);
	code = command_judge(run, r, &answer, user);
	api_answer_fini(&answer);
	return code;
}

/* The key's token replaces the session's in run->credentials; ret_session gets the session's token, as the caller
 * still needs both. */
static int make_key(struct command_run *run, char **ret_session)
{
	struct api_answer answer;
	char host[65] = "";
	int64_t id = 0;
	int r, code;

	(void)gethostname(host, sizeof(host) - 1);
	r = post(run, "/api/v2/user/keys", json_pack("{s:s}", "name", host[0] ? host : "login"), &answer);
	if (r == 0)
		r = item_json_get_id(answer.json, "id", &id) < 0 ? -EPROTO : 0;
	if (r == 0) {
		*ret_session = strdup(run->credentials.token);
		r = *ret_session ? take_token(run, &answer) : -ENOMEM;
		run->credentials.key_id = (uint64_t)id;
	}
	code = command_judge(run, r, &answer, NULL);
	api_answer_fini(&answer);
	return code;
}

/* ---- login ---- */

static int choose_urls(struct command_run *run, const struct credentials *old, struct buf *ret_why)
{
	const char *variable = getenv("NEPHOS_URL");

	if (run->args.count > 0)
		return credentials_set_urls(&run->credentials, run->args.words[0], ret_why);
	if (variable && *variable)
		return credentials_set_urls(&run->credentials, variable, ret_why);
	for (size_t i = 0; i < old->url_count; i++) {
		run->credentials.urls[i] = strdup(old->urls[i]);
		if (!run->credentials.urls[i])
			return -ENOMEM;
		run->credentials.url_count++;
	}
	return old->url_count > 0 ? 0 : credentials_set_urls(&run->credentials, COMMAND_DEFAULT_URL, ret_why);
}

static int choose_user(struct command_run *run, const struct credentials *old)
{
	const char *variable = getenv("NEPHOS_USER");
	const struct passwd *self;
	const char *name = run->options.user;

	if (!name && variable && *variable)
		name = variable;
	if (!name)
		name = old->user;
	if (!name) {
		self = getpwuid(geteuid());
		name = self ? self->pw_name : "root";
	}
	run->credentials.user = strdup(name);
	return run->credentials.user ? 0 : -ENOMEM;
}

static bool same_account(const struct credentials *a, const struct credentials *b)
{
	return a->url_count > 0 && b->url_count > 0 && a->user && b->user && strcmp(a->urls[0], b->urls[0]) == 0 &&
		strcmp(a->user, b->user) == 0;
}

/* Revokes old_key, which nothing uses any more, then ends the session. A failure here does no harm: the user can
 * see and revoke both later. */
static void tidy(struct command_run *run, char *session, uint64_t old_key)
{
	struct api_answer answer;

	if (credentials_set_token(&run->credentials, session) < 0)
		return;
	if (old_key > 0) {
		(void)revoke_key(run, old_key, &answer);
		api_answer_fini(&answer);
	}
	(void)delete_at(run, "/api/v2/user/sessions/current", &answer);
	api_answer_fini(&answer);
}

static int log_in(struct command_run *run, const char *path, const struct credentials *old, const char *password)
{
	uint64_t drop = same_account(&run->credentials, old) ? old->key_id : 0;
	char *session = NULL;
	int r, code = open_session(run, password);

	if (code != EXIT_DONE)
		return code;
	code = make_key(run, &session);
	if (code == EXIT_DONE) {
		r = credentials_write(path, &run->credentials);
		if (r < 0) {
			code = command_fail(run, r, path);
			drop = run->credentials.key_id;
		}
	} else {
		drop = 0;
	}
	tidy(run, session ? session : run->credentials.token, drop);
	password_free(session);
	return code;
}

static int ask_password(struct command_run *run, char **ret)
{
	struct password_source source = {.file = run->options.password_file, .variable = "NEPHOS_PASSWORD"};
	struct buf prompt, why;
	int r;

	buf_init(&prompt, PRINT_LINE_BYTES_MAX);
	buf_init(&why, PRINT_LINE_BYTES_MAX);
	r = buf_append_str(&prompt, "Password of ");
	if (r == 0)
		r = print_name(&prompt, span_str(run->credentials.user), true);
	if (r == 0)
		r = buf_printf(&prompt, " at %s: ", run->credentials.urls[0]);
	source.prompt = prompt.data;
	if (r == 0)
		r = password_get(&source, ret, &why);
	if (r < 0)
		(void)command_say(run, EXIT_USAGE, NULL, why.data ? why.data : strerror(-r));
	buf_fini(&prompt);
	buf_fini(&why);
	return r < 0 ? EXIT_USAGE : EXIT_DONE;
}

/* Chooses the store and the account, and makes the client. */
static int prepare(struct command_run *run, const struct credentials *old)
{
	struct buf why;
	int r;

	buf_init(&why, PRINT_LINE_BYTES_MAX);
	r = choose_urls(run, old, &why);
	if (r == 0)
		r = choose_user(run, old);
	if (r == 0)
		r = api_new(&run->credentials, &run->api);
	if (r < 0)
		(void)command_say(run, EXIT_USAGE, NULL, why.data ? why.data : strerror(error_errno(r)));
	buf_fini(&why);
	return r < 0 ? EXIT_USAGE : EXIT_DONE;
}

static int login_run(struct command_run *run)
{
	struct credentials old;
	char *path = NULL, *password = NULL;
	struct buf ignored;
	int code, r = credentials_path(run->options.credentials, &path);

	if (r < 0)
		return command_say(run, EXIT_USAGE, NULL, "where to? There is no HOME; use --credentials FILE");
	buf_init(&ignored, PRINT_LINE_BYTES_MAX);
	credentials_init(&old);
	(void)credentials_read(path, &old, &ignored); /* a file that cannot be read is replaced later */
	code = prepare(run, &old);
	if (code == EXIT_DONE)
		code = ask_password(run, &password);
	if (code == EXIT_DONE)
		code = log_in(run, path, &old, password);
	if (code == EXIT_DONE)
		(void)printf("logged in; the key is in %s\n", path);
	password_free(password);
	credentials_fini(&old);
	buf_fini(&ignored);
	free(path);
	return code;
}

/* ---- logout ---- */

static int give_back(struct command_run *run, const char *path)
{
	struct api_answer answer;
	int code, r = revoke_key(run, run->credentials.key_id, &answer);

	/* A key that is not valid any more counts as revoked. */
	if (r == -ERR_UNAUTHENTICATED || r == -ERR_NOT_FOUND)
		r = 0;
	code = command_judge(run, r, &answer, NULL);
	api_answer_fini(&answer);
	if (code == EXIT_DONE && unlink(path) < 0)
		code = command_fail(run, -errno, path);
	return code;
}

static int logout_with(struct command_run *run, const char *path, struct buf *why)
{
	int r = credentials_read(path, &run->credentials, why);

	if (r == -ENOENT)
		return command_say(
			run, EXIT_UNAUTHENTICATED, path, "nobody is logged in: there is no credentials file to remove");
	if (r < 0)
		return command_say(run, EXIT_USAGE, NULL, why->data ? why->data : strerror(error_errno(r)));
	if (!run->credentials.token || run->credentials.key_id == 0)
		return command_say(run, EXIT_REFUSED, path,
			"this key does not come from \"nephos login\"; \"nephos key revoke\" takes it back");
	r = api_new(&run->credentials, &run->api);
	return r < 0 ? command_fail(run, r, path) : give_back(run, path);
}

static int logout_run(struct command_run *run)
{
	char *path = NULL;
	struct buf why;
	int code, r = credentials_path(run->options.credentials, &path);

	if (r < 0)
		return command_say(
			run, EXIT_UNAUTHENTICATED, NULL, "nobody is logged in: there is no credentials file to remove");
	buf_init(&why, PRINT_LINE_BYTES_MAX);
	code = logout_with(run, path, &why);
	buf_fini(&why);
	free(path);
	return code;
}

static const struct args_flag login_flags[] = {
	COMMAND_FLAG("user", 0, "NAME", user, "login name (NEPHOS_USER, or that on this machine)"),
	COMMAND_FLAG(
		"password-file", 0, "FILE", password_file, "its first line is the password; \"-\": the standard input"),
	COMMAND_FLAG("credentials", 0, "FILE", credentials, "where the key is written to"),
	COMMAND_FLAGS_END,
};

const struct command command_login = {
	.name = "login",
	.arguments = "[URL[,URL…]] [--user NAME]",
	.summary = "get a key for this machine",
	.details =
		"Asks for the password (or takes it from NEPHOS_PASSWORD), makes a device key named after this machine, and writes it to\n"
		"${XDG_CONFIG_HOME:-~/.config}/nephos/credentials. The key of an earlier login in that file is revoked. Several URLs are gateways\n"
		"of one store. Without URL: NEPHOS_URL, that of the last login, or " COMMAND_DEFAULT_URL ".\n",
	.flags = login_flags,
	.words_max = 1,
	.needs = COMMAND_NEEDS_NOTHING,
	.run = login_run,
};

static const struct args_flag logout_flags[] = {
	COMMAND_FLAG("credentials", 0, "FILE", credentials, "where the key lies"),
	COMMAND_FLAGS_END,
};

const struct command command_logout = {
	.name = "logout",
	.arguments = "",
	.summary = "revoke the key of this machine",
	.details =
		"Revokes the key that \"nephos login\" made and removes its file. When the store cannot be reached, the file stays.\n",
	.flags = logout_flags,
	.needs = COMMAND_NEEDS_NOTHING,
	.run = logout_run,
};
