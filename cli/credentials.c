#include "cli/credentials.h"

#include "cli/print.h"
#include "common/base/envfile.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A shell that sources the file must not get a variable that no program uses, so the key's id is a comment. */
#define KEY_LINE "# device key "

void credentials_init(struct credentials *c)
{
	memset(c, 0, sizeof(*c));
}

static void drop_urls(struct credentials *c)
{
	for (size_t i = 0; i < c->url_count; i++)
		free(c->urls[i]);
	c->url_count = 0;
}

static void drop_token(struct credentials *c)
{
	if (c->token)
		explicit_bzero(c->token, strlen(c->token));
	free(c->token);
	c->token = NULL;
}

void credentials_fini(struct credentials *c)
{
	drop_urls(c);
	drop_token(c);
	free(c->user);
	free(c->shared);
	credentials_init(c);
}

static int replace(char **at, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	free(*at);
	*at = copy;
	return 0;
}

static bool is_known(const struct credentials *c, struct span url)
{
	for (size_t i = 0; i < c->url_count; i++)
		if (span_eq_str(url, c->urls[i]))
			return true;
	return false;
}

static int add_url(struct credentials *c, struct span url, struct buf *ret_why)
{
	const char *fault;

	url = gateways_url_trim(url);
	fault = gateways_url_fault(url);
	if (fault) {
		(void)buf_append_str(ret_why, "\"");
		(void)print_name(ret_why, url, true);
		(void)buf_printf(ret_why, "\" is not the URL of a store, like http://127.0.0.1:8050: %s", fault);
		return -EINVAL;
	}
	if (is_known(c, url))
		return 0;
	if (c->url_count == GATEWAYS_GIVEN_MAX) {
		(void)buf_printf(ret_why, "more than %d URLs", GATEWAYS_GIVEN_MAX);
		return -EINVAL;
	}
	c->urls[c->url_count] = strndup(url.data, url.size);
	return c->urls[c->url_count] ? (c->url_count++, 0) : -ENOMEM;
}

static int add_urls(struct credentials *c, const char *list, struct buf *ret_why)
{
	int r;

	do {
		size_t size = strcspn(list, ",");

		r = add_url(c, span_of(list, size), ret_why);
		list += size;
	} while (r == 0 && *list++ == ',');
	if (r < 0)
		drop_urls(c);
	return r;
}

int credentials_set_urls(struct credentials *c, const char *list, struct buf *ret_why)
{
	drop_urls(c);
	return add_urls(c, list, ret_why);
}

int credentials_set_token(struct credentials *c, const char *token)
{
	size_t size = strlen(token);
	char *copy;

	if (size == 0 || size > CREDENTIALS_TOKEN_BYTES)
		return -EINVAL;
	for (size_t i = 0; i < size; i++)
		if (token[i] <= ' ' || token[i] >= 0x7f)
			return -EINVAL;
	copy = strdup(token); /* token may be c->token, which is freed below */
	if (!copy)
		return -ENOMEM;
	drop_token(c);
	c->token = copy;
	return 0;
}

/* ---- files ---- */

struct reading {
	struct credentials *c;
	struct buf *why;
	bool said;  /* why already has the reason */
	char *urls; /* of NEPHOS_URLS: added after that of NEPHOS_URL, in whichever order the lines are */
};

static int on_pair(void *cookie, const char *key, const char *value, unsigned line)
{
	struct reading *reading = cookie;
	int r = 0;

	if (!*value)
		return 0;
	if (strcmp(key, "NEPHOS_URL") == 0) {
		r = credentials_set_urls(reading->c, value, reading->why);
		reading->said = r == -EINVAL;
	} else if (strcmp(key, "NEPHOS_URLS") == 0) {
		r = replace(&reading->urls, value);
	} else if (strcmp(key, "NEPHOS_TOKEN") == 0) {
		r = credentials_set_token(reading->c, value);
	} else if (strcmp(key, "NEPHOS_USER") == 0) {
		r = replace(&reading->c->user, value);
	}
	if (r == -EINVAL && !reading->said) {
		(void)buf_printf(reading->why, "line %u: this is no token", line);
		reading->said = true;
	}
	return r;
}

/* The id in the comment that login writes; 0: there is no such comment. */
static uint64_t find_key_id(struct span text)
{
	static const struct span mark = SPAN_LITERAL(KEY_LINE);
	uint64_t id = 0;

	for (size_t at = 0; at < text.size;) {
		const char *line = text.data + at;
		const char *end = memchr(line, '\n', text.size - at);
		size_t size = end ? (size_t)(end - line) : text.size - at;

		if (size > mark.size && memcmp(line, mark.data, mark.size) == 0 &&
			text_parse_u64(span_of(line + mark.size, size - mark.size), INT64_MAX, &id) == 0)
			return id;
		at += size + 1;
	}
	return 0;
}

static void say_why(const char *path, int r, unsigned line, struct buf *ret_why)
{
	if (r == -EPERM)
		(void)buf_printf(ret_why, "%s %s, and think of a new key", path, file_secret_fault(path));
	else if (r == -EINVAL && line > 0)
		(void)buf_printf(ret_why, "%s, line %u: not like KEY=value", path, line);
	else if (r == -EINVAL || r == -EFBIG)
		(void)buf_printf(ret_why, "%s is no file of credentials", path);
	else
		(void)buf_printf(ret_why, "%s: %s", path, strerror(error_errno(r)));
}

int credentials_read(const char *path, struct credentials *ret, struct buf *ret_why)
{
	struct credentials c;
	struct reading reading = {.c = &c, .why = ret_why};
	unsigned line = 0;
	struct buf text;
	int r;

	credentials_init(&c);
	buf_init(&text, ENVFILE_BYTES_MAX);
	r = file_read(path, ENVFILE_BYTES_MAX, true, &text);
	if (r == 0)
		r = envfile_parse(buf_span(&text), &reading, on_pair, &line);
	if (r == 0 && reading.urls) {
		r = add_urls(&c, reading.urls, ret_why);
		reading.said = r == -EINVAL;
	}
	free(reading.urls);
	if (r == 0)
		c.key_id = find_key_id(buf_span(&text));
	if (r == 0 && file_readers(path))
		c.shared = strdup(path); /* without memory only the warning is missing */
	if (r < 0 && !reading.said)
		say_why(path, r, line, ret_why);
	if (text.data)
		explicit_bzero(text.data, text.size);
	buf_fini(&text);
	if (r < 0)
		credentials_fini(&c);
	else
		*ret = c;
	return r;
}

int credentials_path(const char *named, char **ret)
{
	const char *variable = getenv("NEPHOS_CREDENTIALS"), *config = getenv("XDG_CONFIG_HOME"),
		   *home = getenv("HOME");
	char *path = NULL;
	int r;

	if (!named && variable && *variable)
		named = variable;
	if (named)
		r = asprintf(&path, "%s", named);
	else if (config && *config == '/') /* the XDG specification says that relative paths are invalid */
		r = asprintf(&path, "%s/nephos/credentials", config);
	else if (home && *home)
		r = asprintf(&path, "%s/.config/nephos/credentials", home);
	else
		return -ENOENT;
	if (r < 0)
		return -ENOMEM;
	*ret = path;
	return 0;
}

static int make_folders(const char *path)
{
	char *copy = strdup(path);
	int r = copy ? 0 : -ENOMEM;

	for (char *slash = copy; r == 0 && slash && (slash = strchr(slash + 1, '/'));) {
		*slash = '\0';
		if (mkdir(copy, 0700) < 0 && errno != EEXIST)
			r = -errno;
		*slash = '/';
	}
	free(copy);
	return r;
}

int credentials_append_urls(const struct credentials *c, const char *variable, struct buf *ret)
{
	struct buf list;
	int r = 0;

	buf_init(&list, ENVFILE_BYTES_MAX);
	for (size_t i = 0; r == 0 && i < c->url_count; i++)
		r = buf_printf(&list, "%s%s", i > 0 ? "," : "", c->urls[i]);
	if (r == 0)
		r = envfile_append(ret, variable, list.data ? list.data : "");
	buf_fini(&list);
	return r;
}

int credentials_write(const char *path, const struct credentials *c)
{
	struct buf text;
	int r;

	buf_init(&text, ENVFILE_BYTES_MAX);
	r = credentials_append_urls(c, "NEPHOS_URL", &text);
	if (r == 0 && c->user)
		r = envfile_append(&text, "NEPHOS_USER", c->user);
	if (r == 0 && c->token)
		r = envfile_append(&text, "NEPHOS_TOKEN", c->token);
	if (r == 0 && c->key_id)
		r = buf_printf(&text, KEY_LINE "%" PRIu64 "\n", c->key_id);
	if (r == 0)
		r = make_folders(path);
	if (r == 0)
		r = file_write_atomic(path, 0600, buf_span(&text));
	if (text.data)
		explicit_bzero(text.data, text.size);
	buf_fini(&text);
	return r;
}

/* ---- sources ---- */

static int from_variables(struct credentials *c, struct buf *ret_why)
{
	const char *url = getenv("NEPHOS_URL"), *user = getenv("NEPHOS_USER"), *token = getenv("NEPHOS_TOKEN");
	int r = 0;

	if (url && *url)
		r = credentials_set_urls(c, url, ret_why);
	if (r < 0 || !token || !*token)
		return r;
	if (c->url_count == 0) {
		(void)buf_append_str(ret_why, "NEPHOS_TOKEN is set, but not the NEPHOS_URL of its store");
		return -EINVAL;
	}
	r = credentials_set_token(c, token);
	if (r == -EINVAL)
		(void)buf_append_str(ret_why, "what is in NEPHOS_TOKEN is no token");
	return r == 0 && user && *user ? replace(&c->user, user) : r;
}

static bool shares_url(const struct credentials *a, const struct credentials *b)
{
	for (size_t i = 0; i < a->url_count; i++)
		for (size_t n = 0; n < b->url_count; n++)
			if (strcmp(a->urls[i], b->urls[n]) == 0)
				return true;
	return false;
}

/* Reads the file that login left; a missing file is no failure. */
static int from_login(struct credentials *c, struct buf *ret_why)
{
	struct credentials found;
	char *path = NULL;
	struct buf why;
	int r = credentials_path(NULL, &path);

	buf_init(&why, PRINT_LINE_BYTES_MAX);
	credentials_init(&found);
	if (r == 0)
		r = credentials_read(path, &found, &why);
	if (r == 0 && (c->url_count == 0 || shares_url(c, &found))) {
		/* The URLs of the variable are used: there may be more of them than in the file. */
		if (c->url_count > 0) {
			drop_urls(&found);
			memcpy(found.urls, c->urls, sizeof(c->urls));
			found.url_count = c->url_count;
			c->url_count = 0;
		}
		credentials_fini(c);
		*c = found;
		credentials_init(&found);
	}
	if (r < 0 && r != -ENOENT)
		(void)buf_append_span(ret_why, buf_span(&why));
	credentials_fini(&found);
	buf_fini(&why);
	free(path);
	return r == -ENOENT ? 0 : r;
}

int credentials_find(const char *named, struct credentials *ret, struct buf *ret_why)
{
	const char *variable = getenv("NEPHOS_CREDENTIALS");
	struct credentials c;
	int r;

	if (!named && variable && *variable)
		named = variable;
	if (named)
		return credentials_read(named, ret, ret_why);
	credentials_init(&c);
	r = from_variables(&c, ret_why);
	if (r == 0 && !c.token)
		r = from_login(&c, ret_why);
	if (r < 0)
		credentials_fini(&c);
	else
		*ret = c;
	return r;
}
