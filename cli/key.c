#include "cli/command.h"
#include "cli/pages.h"
#include "cli/print.h"
#include "common/base/envfile.h"
#include "common/base/error.h"
#include "common/proto/item.h"

#include <errno.h>
#include <stdio.h>

/*
 * Device keys: "nephos key add", "list" and "revoke". A machine, a mount or a script logs in by a key. The store
 * keeps only a hash of the key, so the token is shown once, when the key is made: in the form of a credentials
 * file, which a shell can source and a mount can read.
 *
 * A key is revoked by its id or by its name. Several keys may have one name, and a name may look like an id. So
 * the command looks through all keys first: if a key has the word as its id, that key is revoked; otherwise the
 * word is taken as a name.
 */

#define KEYS "/api/v2/user/keys"

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* ---- add ---- */

/* Prints the lines of a credentials file: the token is shown only this time. */
static int print_credentials(const struct command_run *run, const char *token)
{
	const struct credentials *c = &run->credentials;
	struct buf text;
	int r;

	buf_init(&text, ENVFILE_BYTES_MAX);
	r = envfile_append(&text, "NEPHOS_URL", c->urls[0]);
	if (r == 0 && c->url_count > 1)
		r = credentials_append_urls(c, "NEPHOS_URLS", &text);
	if (r == 0 && c->user)
		r = envfile_append(&text, "NEPHOS_USER", c->user);
	if (r == 0)
		r = envfile_append(&text, "NEPHOS_TOKEN", token);
	if (r == 0)
		command_print(&text);
	buf_fini(&text);
	return r;
}

static int key_add_run(struct command_run *run)
{
	const char *name = run->args.words[0];
	json_t *body = json_pack("{s:s}", "name", name);
	struct api_request request = {.method = "POST", .path = KEYS, .body = body};
	struct api_answer answer;
	int code, r;

	if (!body)
		return command_say(run, EXIT_USAGE, name, "the name of a key must be UTF-8");
	r = api_call(run->api, &request, &answer);
	if (r == 0 && !*text_of(answer.json, "token"))
		r = -EPROTO;
	code = command_judge(run, r, &answer, name);
	if (code == EXIT_DONE && run->options.json) {
		command_print_json(answer.json);
	} else if (code == EXIT_DONE) {
		r = print_credentials(run, text_of(answer.json, "token"));
		code = r < 0 ? command_fail(run, r, name) : EXIT_DONE;
	}
	api_answer_fini(&answer);
	json_decref(body);
	return code;
}

/* ---- list ---- */

struct listing {
	json_t *all; /* with --json */
	struct buf line;
	bool escape;
};

/* A missing time is shown as "-", since 0 would be a time. */
static void print_when(const json_t *key, const char *field, char ret[PRINT_TIME_SIZE])
{
	int64_t ns;

	if (item_json_get_time(key, field, &ns) == 0)
		print_time(ns, ret);
	else
		(void)snprintf(ret, PRINT_TIME_SIZE, "-");
}

static int print_key(void *cookie, json_t *key)
{
	struct listing *l = cookie;
	char made[PRINT_TIME_SIZE], used[PRINT_TIME_SIZE];
	int r;

	if (l->all)
		return json_array_append(l->all, key) < 0 ? -ENOMEM : 0;
	print_when(key, "created_at", made);
	print_when(key, "last_used_at", used);
	buf_reset(&l->line);
	r = buf_printf(&l->line, "%8s  made %-16s  used %-16s  ", text_of(key, "id"), made, used);
	if (r == 0)
		r = print_name(&l->line, span_str(text_of(key, "name")), l->escape);
	if (r == 0)
		r = buf_append_str(&l->line, "\n");
	command_print(&l->line);
	return r;
}

static int key_list_run(struct command_run *run)
{
	struct listing l = {.escape = command_on_terminal(), .all = run->options.json ? json_array() : NULL};
	struct api_answer answer;
	int code, r;

	buf_init(&l.line, PRINT_LINE_BYTES_MAX);
	r = pages_each(run->api, KEYS, &l, print_key, &answer);
	code = command_judge(run, r, &answer, NULL);
	if (code == EXIT_DONE && l.all)
		command_print_json(l.all);
	api_answer_fini(&answer);
	json_decref(l.all);
	buf_fini(&l.line);
	return code;
}

/* ---- revoke ---- */

struct search {
	const char *wanted;
	char by_id[24], by_name[24]; /* ids of the keys that were found */
	size_t names;
};

/* Notes matches by id and by name: several keys can have one name, and a name can look like an id. */
static int on_key(void *cookie, json_t *key)
{
	struct search *s = cookie;

	if (strcmp(text_of(key, "id"), s->wanted) == 0)
		(void)snprintf(s->by_id, sizeof(s->by_id), "%s", text_of(key, "id"));
	if (strcmp(text_of(key, "name"), s->wanted) == 0) {
		(void)snprintf(s->by_name, sizeof(s->by_name), "%s", text_of(key, "id"));
		s->names++;
	}
	return 0;
}

static int revoke_key(struct command_run *run, const char *id, const char *what)
{
	struct api_request request = {.method = "DELETE"};
	struct api_answer answer;
	char path[64];
	int code, r;

	(void)snprintf(path, sizeof(path), KEYS "/%s", id);
	request.path = path;
	r = api_call(run->api, &request, &answer);
	code = command_judge(run, r, &answer, what);
	api_answer_fini(&answer);
	return code;
}

static int key_revoke_run(struct command_run *run)
{
	struct search s = {.wanted = run->args.words[0]};
	struct api_answer answer;
	int code, r = pages_each(run->api, KEYS, &s, on_key, &answer);

	code = command_judge(run, r, &answer, NULL);
	api_answer_fini(&answer);
	if (code != EXIT_DONE)
		return code;
	if (s.by_id[0])
		return revoke_key(run, s.by_id, s.wanted);
	if (s.names == 0)
		return command_say(
			run, EXIT_REFUSED, s.wanted, "no key has this name or id: \"nephos key list\" shows them");
	if (s.names > 1)
		return command_say(run, EXIT_REFUSED, s.wanted,
			"several keys have this name: \"nephos key list\" shows their ids");
	return revoke_key(run, s.by_name, s.wanted);
}

static const struct args_flag add_flags[] = {COMMAND_FLAG_JSON, COMMAND_FLAG_CREDENTIALS, COMMAND_FLAGS_END};
static const struct args_flag revoke_flags[] = {COMMAND_FLAG_JSON, COMMAND_FLAG_CREDENTIALS, COMMAND_FLAGS_END};

const struct command command_key_add = {
	.name = "key add",
	.arguments = "NAME",
	.summary = "make a device key for a mount or a script",
	.details = "Prints a credentials file: (umask 077; nephos key add backup >backup.key)\n",
	.flags = add_flags,
	.words_min = 1,
	.words_max = 1,
	.needs = COMMAND_NEEDS_TOKEN,
	.run = key_add_run,
};

const struct command command_key_list = {
	.name = "key list",
	.arguments = "",
	.summary = "list your device keys",
	.flags = add_flags,
	.needs = COMMAND_NEEDS_TOKEN,
	.run = key_list_run,
};

const struct command command_key_revoke = {
	.name = "key revoke",
	.arguments = "ID|NAME",
	.summary = "revoke a device key",
	.flags = revoke_flags,
	.words_min = 1,
	.words_max = 1,
	.needs = COMMAND_NEEDS_TOKEN,
	.run = key_revoke_run,
};
