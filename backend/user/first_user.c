#include "backend/user/first_user.h"

#include "backend/user/rules/account.h"
#include "backend/user/rules/account_name.h"
#include "backend/user/rules/account_name_backfill.h"
#include "backend/user/rows/pg/user_pg.h"
#include "backend/user/rules/key.h"
#include "common/base/envfile.h"
#include "common/base/error.h"
#include "common/http/client/gateways.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * A new store has no user, and all its routes require one. A person who may run this program with the store's
 * settings owns the machine anyway, so the first access is by a flag of the program, not by a route.
 *
 * --first-user NAME opens the database (and brings its tables up to date), finds the account or makes it, as an
 * administrator without a password, and makes a device key for it by the same rule that serves the API. It prints
 * a credentials file, which the command line reads unchanged. The flag may be used again: a person who has lost
 * every key gets another one. --setup-token prints a token that can be used once, for POST /api/v2/user/setup,
 * where a person then chooses name and password; that route is refused as soon as there is any user.
 *
 * All output goes to stdout or stderr, in whole sentences, as a person reads it.
 */

#define CREDENTIALS_BYTES_MAX (16 * 1024)
#define URL_USUAL "http://127.0.0.1:8050"

static int open_store(struct service *s, struct pg **ret_pg, struct user_store **ret_store)
{
	struct pg *pg = NULL;

	int r = pg_new(config_text(service_config(s), "database"), &pg);
	if (r == 0)
		r = service_migrate(s, pg);
	if (r == 0)
		r = user_pg_new(pg, ret_store);
	if (r == 0 && (r = account_name_backfill(*ret_store)) < 0)
		(*ret_store)->ops->free(*ret_store);
	if (r != 0) {
		pg_free(pg);
		return r;
	}
	*ret_pg = pg;
	return 0;
}

static int complain(const char *what, int r, const char *why)
{
	fprintf(stderr, "%s: %s%s%s\n", what, error_lookup(r)->title, *why ? ": " : "", why);
	return r;
}

/* The URLs where the key is valid: those of the setting, else the first gateway, else the usual port on this
 * machine. */
static struct span find_urls(struct service *s)
{
	const char *urls = config_text(service_config(s), "url");
	const char *gateways = config_text(service_config(s), "gateways");

	if (urls)
		return span_str(urls);
	return gateways && *gateways ? span_of(gateways, strcspn(gateways, ",")) : span_str(URL_USUAL);
}

/* The next URL of a list, without spaces around it and slashes behind it; false: there is none. */
static bool next_url(struct span *list, struct span *ret)
{
	do {
		const char *comma = list->size > 0 ? memchr(list->data, ',', list->size) : NULL;
		struct span url = span_of(list->data, comma ? (size_t)(comma - list->data) : list->size);

		*list = comma ? span_of(comma + 1, list->size - url.size - 1) : (struct span){0};
		while (url.size > 0 && *url.data == ' ')
			url = span_of(url.data + 1, url.size - 1);
		while (url.size > 0 && strchr(" /", url.data[url.size - 1]))
			url.size--;
		*ret = url;
	} while (ret->size == 0 && list->size > 0);
	return ret->size > 0;
}

static int append_urls(struct span list, struct buf *ret)
{
	struct span url = {0};
	struct buf first, all;
	size_t count = 0;
	int r = 0;

	buf_init(&first, CREDENTIALS_BYTES_MAX);
	buf_init(&all, CREDENTIALS_BYTES_MAX);
	while (r == 0 && next_url(&list, &url)) {
		r = count == GATEWAYS_GIVEN_MAX ? -E2BIG
			: count > 0		? buf_append_str(&all, ",")
						: buf_append_span(&first, url);
		if (r == 0)
			r = buf_append_span(&all, url);
		count++;
	}
	if (r == 0)
		r = envfile_append(ret, "NEPHOS_URL", count > 0 ? first.data : URL_USUAL);
	if (r == 0 && count > 1)
		r = envfile_append(ret, "NEPHOS_URLS", all.data);
	buf_fini(&first);
	buf_fini(&all);
	return r;
}

int first_user_credentials(struct span urls, const char *name, const char *token, struct buf *ret)
{
	int r = append_urls(urls, ret);

	if (r == 0)
		r = envfile_append(ret, "NEPHOS_USER", name);
	if (r == 0)
		r = envfile_append(ret, "NEPHOS_TOKEN", token);
	return r;
}

static int print_credentials(struct service *s, const char *name, const char *token)
{
	struct buf text;

	buf_init(&text, CREDENTIALS_BYTES_MAX);
	int r = first_user_credentials(find_urls(s), name, token, &text);
	if (r == 0 && (fputs(text.data, stdout) < 0 || fflush(stdout) < 0))
		r = -EIO;
	buf_fini(&text);
	return r;
}

static int find_or_make(
	struct user_store *store, const char *name, struct user_account *ret, char ret_why[NAME_WHY_SIZE])
{
	struct user_account a = {.admin = true, .created_ns = clock_real_ns()};
	struct account_name_keys keys;
	struct account_name made;

	int r = account_name_keys(name, &keys);
	if (r == 0)
		r = store->ops->account_find(store, keys.fold, keys.exact, ret);
	if (r == 0 || (r != -ENOENT && r != -EINVAL && r != -ENAMETOOLONG))
		return r;
	r = account_name_make(name, &made, ret_why);
	if (r < 0)
		return r == -ENOMEM ? r : -ERR_UNPROCESSABLE;
	memcpy(a.name, made.name, sizeof(a.name));
	memcpy(a.name_key, made.key, sizeof(a.name_key));
	r = store->ops->account_insert(store, &a, &a.id);
	if (r == -EEXIST) /* another process has made it just now */
		return store->ops->account_find(store, made.key, made.key, ret);
	if (r == 0)
		*ret = a;
	return r;
}

int first_user(struct service *s, const char *name)
{
	struct pg *pg = NULL;
	struct user_store *store = NULL;
	struct user_account account;
	struct account_outcome outcome;
	struct account_call call = {.now_ns = clock_real_ns(), .who_token = ""};

	int r = open_store(s, &pg, &store);
	if (r != 0)
		return complain(name, r, "");
	r = find_or_make(store, name, &account, call.why);
	if (r == 0) {
		call.store = store;
		call.who = account.id;
		r = key_create(&call, "first", &outcome);
	}
	if (r == 0)
		r = print_credentials(s, account.name, outcome.token_text);
	if (r < 0)
		(void)complain(name, r, call.why);
	store->ops->free(store);
	pg_free(pg);
	return r;
}

int first_user_setup_token(struct service *s)
{
	struct pg *pg = NULL;
	char token[TOKEN_TEXT_SIZE];
	struct account_call call = {.now_ns = clock_real_ns(), .who_token = ""};

	int r = open_store(s, &pg, &call.store);
	if (r != 0)
		return complain("set-up", r, "");
	r = account_setup_token(&call, token);
	if (r == 0 && (printf("%s\n", token) < 0 || fflush(stdout) < 0))
		r = -EIO;
	if (r < 0)
		(void)complain("set-up", r, call.why);
	call.store->ops->free(call.store);
	pg_free(pg);
	return r;
}
