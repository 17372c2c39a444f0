#include "fusefs/mount/options.h"

#include "common/base/envfile.h"
#include "common/base/error.h"
#include "common/base/file.h"

#include <errno.h>
#include <limits.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Finds the key of a mount. With -o credentials=FILE it is taken from that file only. Otherwise it comes from the
 * first of these that has one: the environment (NEPHOS_TOKEN, NEPHOS_URL); the file that NEPHOS_CREDENTIALS names;
 * the kernel's keyring, where an administrator puts a key with keyctl; and the file that "nephos login" wrote for
 * this user.
 *
 * The key that login stored is only sent to the store it was made for: the URL stored with it has to be one of those
 * that are mounted. A user without any key gets a message that says how to give one.
 */

#define KEY_BYTES_MAX 1024 /* a token; those of nephos have under 100 */

/* The contents of a credentials file. */
struct found {
	char *url, *token;
	char *urls; /* all gateways of the store */
};

static void found_fini(struct found *f)
{
	if (f->token)
		explicit_bzero(f->token, strlen(f->token));
	free(f->url);
	free(f->urls);
	free(f->token);
}

static char **field_of(struct found *f, const char *key)
{
	if (strcmp(key, "NEPHOS_URL") == 0)
		return &f->url;
	if (strcmp(key, "NEPHOS_URLS") == 0)
		return &f->urls;
	return strcmp(key, "NEPHOS_TOKEN") == 0 ? &f->token : NULL;
}

static int on_pair(void *cookie, const char *key, const char *value, unsigned line)
{
	struct found *f = cookie;
	char **at = field_of(f, key);

	(void)line;
	if (!at)
		return 0;
	free(*at);
	*at = strdup(value);
	return *at ? 0 : -ENOMEM;
}

static int read_file(const char *path, struct found *ret, struct buf *ret_why)
{
	struct found f = {NULL, NULL, NULL};
	unsigned line = 0;
	int r = envfile_read(path, true, &f, on_pair, &line);

	if (r == 0 && (!f.token || !*f.token))
		r = -ENOKEY;
	if (r == 0 && file_readers(path))
		(void)fprintf(stderr, "nephos mount: %s can read the key in %s\n", file_readers(path), path);
	if (r == -EPERM)
		(void)buf_printf(ret_why, "%s %s, and think of a new key", path, file_secret_fault(path));
	else if (r == -ENOKEY)
		(void)buf_printf(ret_why, "%s has no NEPHOS_TOKEN", path);
	else if (r == -EINVAL && line > 0)
		(void)buf_printf(ret_why, "%s, line %u: not like KEY=value", path, line);
	else if (r < 0)
		(void)buf_printf(ret_why, "%s: %s", path, error_lookup(r)->title);
	if (r < 0) {
		found_fini(&f);
		return r;
	}
	*ret = f;
	return 0;
}

static void take_token(struct mount_options *o, struct found *f)
{
	o->token = f->token;
	f->token = NULL;
}

/* Takes the URLs of the file, unless some were given. */
static int take_urls(struct mount_options *o, const struct found *f, struct buf *ret_why)
{
	int r = 0;

	if (o->url_count > 0)
		return 0;
	if (f->url && *f->url)
		r = options_add_urls(o, f->url, ret_why);
	if (r == 0 && f->urls && *f->urls)
		r = options_add_urls(o, f->urls, ret_why);
	return r;
}

static int use_file(struct mount_options *o, const char *path, struct buf *ret_why)
{
	struct found f;
	int r = read_file(path, &f, ret_why);

	if (r < 0)
		return r;
	r = take_urls(o, &f, ret_why);
	if (r == 0)
		take_token(o, &f);
	found_fini(&f);
	return r;
}

/* A key that an administrator added with: keyctl add user nephos:URL TOKEN @u */
static int use_keyring(struct mount_options *o)
{
	static const int rings[] = {KEY_SPEC_SESSION_KEYRING, KEY_SPEC_USER_KEYRING, KEY_SPEC_USER_SESSION_KEYRING};
	char name[PATH_MAX], token[KEY_BYTES_MAX + 1];

	for (size_t u = 0; u < o->url_count; u++) {
		(void)snprintf(name, sizeof(name), "nephos:%s", o->urls[u]);
		for (size_t i = 0; i < sizeof(rings) / sizeof(rings[0]); i++) {
			long key = syscall(SYS_keyctl, KEYCTL_SEARCH, rings[i], "user", name, 0);
			long size = key < 0 ? -1 : syscall(SYS_keyctl, KEYCTL_READ, key, token, KEY_BYTES_MAX);

			if (size <= 0 || size > KEY_BYTES_MAX)
				continue;
			token[size] = '\0';
			o->token = strdup(token);
			explicit_bzero(token, sizeof(token));
			return o->token ? 0 : -ENOMEM;
		}
	}
	return -ENOENT;
}

static bool is_listed(const char *list, const char *url)
{
	size_t size = strlen(url);

	for (const char *at = list; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (strncmp(at, url, size) == 0 && (at[size] == '\0' || at[size] == ',' || at[size] == '/'))
			return true;
	}
	return false;
}

static int login_path(char *ret, size_t size)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	int n = -1;

	if (config && *config == '/')
		n = snprintf(ret, size, "%s/nephos/credentials", config);
	else if (home && *home)
		n = snprintf(ret, size, "%s/.config/nephos/credentials", home);
	return n < 0 || (size_t)n >= size ? -ENOENT : 0;
}

/* The key that "nephos login" stored. It is only sent to the store it was made for. */
static int use_login(struct mount_options *o, struct buf *ret_why)
{
	char path[PATH_MAX];
	struct found f;
	bool meant;
	int r = login_path(path, sizeof(path));

	if (r == 0 && access(path, F_OK) < 0)
		r = -ENOENT;
	if (r == 0)
		r = read_file(path, &f, ret_why);
	if (r < 0)
		return r;
	meant = o->url_count == 0;
	for (size_t i = 0; i < o->url_count; i++)
		meant |= is_listed(f.url, o->urls[i]) || is_listed(f.urls, o->urls[i]);
	r = take_urls(o, &f, ret_why);
	if (r == 0 && meant)
		take_token(o, &f);
	found_fini(&f);
	return r < 0 ? r : meant ? 0 : -ENOENT;
}

static int use_environment(struct mount_options *o, struct buf *ret_why)
{
	const char *url = getenv("NEPHOS_URL"), *token = getenv("NEPHOS_TOKEN");

	int r = o->url_count == 0 && url && *url ? options_add_urls(o, url, ret_why) : 0;

	if (r < 0)
		return r;
	if (!token || !*token)
		return -ENOENT;
	o->token = strdup(token);
	return o->token ? 0 : -ENOMEM;
}

int options_find_key(struct mount_options *o, struct buf *ret_why)
{
	const char *file = o->credentials ? o->credentials : getenv("NEPHOS_CREDENTIALS");
	int r = -ENOENT;

	if (o->credentials)
		r = use_file(o, o->credentials, ret_why);
	else
		r = use_environment(o, ret_why);
	if (r == -ENOENT && !o->credentials && file && *file)
		r = use_file(o, file, ret_why);
	if (r == -ENOENT && !o->credentials)
		r = use_keyring(o);
	if (r == -ENOENT && !o->credentials)
		r = use_login(o, ret_why);
	if (r == 0 && o->url_count == 0) {
		(void)buf_printf(ret_why, "of which store? Name its URL, or have NEPHOS_URL in the credentials");
		return -EINVAL;
	}
	if (r == -ENOENT && ret_why->size == 0)
		(void)buf_printf(ret_why, "there is no key: use -o credentials=FILE, or \"nephos login\"");
	return r;
}
