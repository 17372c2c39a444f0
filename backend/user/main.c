#include "backend/user/rules/guess.h"
#include "backend/user/rules/account_name_backfill.h"
#include "backend/user/first_user.h"
#include "backend/user/api/user_request.h"
#include "backend/user/rows/pg/user_pg.h"
#include "backend/user/api/user_routes.h"
#include "backend/user/rows/pg/user_sql.h"
#include "common/base/log.h"
#include "common/http/server/openapi.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * nephos-user: the program of the user service. backend/service has what services have in common (settings,
 * database, workers, registration, signals); this file has what only the user service needs: its routes and their
 * description, password hashers (as many at once as there are processors), a queue for requests that wait for a
 * hasher, and the notification of gateways that a token has ended.
 *
 * With --first-user or --setup-token the program does that one thing and ends. At start it folds names that an
 * earlier version stored unfolded. From time to time it deletes old rows, such as kept answers and counted
 * guesses.
 */

#define MIGRATION_LOCK 0x6e65706875736572 /* "nephuser" */
#define OPENAPI_BYTES_MAX (1024u * 1024)

static const char HELP[] =
	"nephos-user: accounts, passwords, sessions and device keys of a nephos store.\n"
	"\n"
	"  nephos-user --database CONNINFO --cluster-key FILE …     serves\n"
	"  nephos-user --database CONNINFO --first-user NAME        makes an administrator, prints credentials\n"
	"  nephos-user --database CONNINFO --setup-token            prints a one-time token for POST /api/v2/user/setup\n";

static const struct config_setting SETTINGS[] = {
	{"open-registration", CONFIG_SWITCH, NULL, 0, 0, "anybody may create an account", false},
	{"first-user", CONFIG_TEXT, NULL, 0, 0,
		"create this administrator if there is no user of that name, print credentials, and exit", false},
	{"setup-token", CONFIG_SWITCH, NULL, 0, 0, "print a one-time token for the set-up over HTTP, and exit", false},
	{"url", CONFIG_TEXT, NULL, 0, 0, "base URLs of gateways for the credentials, separated by commas", false},
#ifdef NEPHOS_FAILPOINTS
	{"failpoint", CONFIG_TEXT, NULL, 0, 0, "where to die, for tests: after-commit, of any change", false},
#endif
	{NULL, CONFIG_TEXT, NULL, 0, 0, NULL, false},
};

static unsigned hashings_at_once(void)
{
	const long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (cores < 1)
		return 1;
	return cores > PASSWORD_AT_ONCE_MAX ? PASSWORD_AT_ONCE_MAX : (unsigned)cores;
}

static void stop(void *cookie)
{
	struct user_app *app = cookie;

	revoker_free(app->revoker);
	password_hasher_free(app->hasher);
	fair_queue_free(app->turns);
	buf_fini(&app->openapi_v1);
	buf_fini(&app->openapi_v2);
	free(app);
}

static int describe(struct user_app *app)
{
	struct http_route *routes = NULL;

	buf_init(&app->openapi_v1, OPENAPI_BYTES_MAX);
	buf_init(&app->openapi_v2, OPENAPI_BYTES_MAX);
	int r = user_routes(&routes);
	if (r == 0)
		r = http_openapi(routes, "/api/v1/user", "nephos users, version 1", &app->openapi_v1);
	if (r == 0)
		r = http_openapi(routes, "/api/v2/user", "nephos users, version 2", &app->openapi_v2);
	free(routes);
	return r;
}

static int find_failpoint(const struct config *config, struct user_app *app)
{
#ifdef NEPHOS_FAILPOINTS
	const char *text = config_text(config, "failpoint");

	if (text && strcmp(text, "after-commit") != 0)
		return -EINVAL;
	app->dies_after_commit = text != NULL;
#else
	(void)config;
	(void)app;
#endif
	return 0;
}

/* Runs before any request is served: a login looks up the account by the folded name. */
static int fold_names(struct service *s)
{
	struct user_store *store = NULL;
	struct pg *pg = NULL;

	int r = pg_new(config_text(service_config(s), "database"), &pg);
	if (r == 0)
		r = user_pg_new(pg, &store);
	if (r == 0)
		r = account_name_backfill(store);
	if (store)
		store->ops->free(store);
	pg_free(pg);
	return r;
}

static int start(struct service *s, void **ret_app)
{
	struct user_app *app = calloc(1, sizeof(*app));

	if (!app)
		return -ENOMEM;
	app->service = s;
	app->open_registration = config_switch(service_config(s), "open-registration");
	int r = find_failpoint(service_config(s), app);
	if (r == 0)
		r = fold_names(s);
	if (r == 0)
		r = describe(app);
	if (r == 0)
		r = cluster_derive(service_cluster(s), 0, "nephos-idempotency-v1", app->answer_key);
	if (r == 0)
		r = cluster_derive(service_cluster(s), 0, "nephos-idempotency-request-v1", app->request_key);
	if (r == 0)
		r = cluster_derive(service_cluster(s), 0, "nephos-guesses-v1", app->guess_key);
	if (r == 0)
		r = fair_queue_new(HASHING_MAX, HASHING_SHARE, &app->turns);
	if (r == 0)
		r = password_hasher_new(hashings_at_once(), &app->hasher);
	if (r == 0)
		r = revoker_new(service_client(s), service_registration(s), &app->revoker);
	if (r < 0) {
		stop(app);
		return r;
	}
	*ret_app = app;
	return 0;
}

static void housekeep(struct pg *pg, void *cookie)
{
	struct user_store *store = NULL;
	const int64_t now_ns = clock_real_ns();

	(void)cookie;
	int r = user_pg_new(pg, &store);
	if (r == 0)
		r = store->ops->forget_old(store, now_ns, now_ns - USER_ANSWER_NS);
	if (r == 0)
		r = store->ops->answers_trim(store, USER_ANSWERS_MAX, now_ns - KEPT_ANSWERS_MINUTES * 60 * NS_PER_S);
	if (r == 0)
		r = store->ops->guesses_trim(
			store, now_ns - GUESS_MEMORY_S * NS_PER_S, GUESS_ROWS_MAX, now_ns - NETWORK_KNOWN_S * NS_PER_S);
	if (r == 0) /* an instance of an earlier version may have made an account */
		r = account_name_backfill(store);
	if (r < 0)
		log_warning(NULL, "op=housekeep error=%d text=\"%s\" outcome=later", r, pg_error(pg));
	if (store)
		store->ops->free(store);
}

int main(int argc, char **argv)
{
	struct service *s = NULL;
	struct http_route *routes = NULL;

	int r = user_routes(&routes);
	if (r < 0)
		return EXIT_FAILURE;
	const struct service_options options = {.kind = "user",
		.help = HELP,
		.settings = SETTINGS,
		.routes = routes,
		.migrations = user_sql_migrations,
		.migration_count = user_sql_migration_count,
		.migration_lock = MIGRATION_LOCK,
		.slow_threads = hashings_at_once(),
		.slow_queue_max = HASHING_MAX,
		.start = start,
		.stop = stop,
		.housekeep = housekeep};
	r = service_new(&options, argc, argv, &s);
	if (r == 0 && config_has(service_config(s), "first-user"))
		r = first_user(s, config_text(service_config(s), "first-user"));
	else if (r == 0 && config_switch(service_config(s), "setup-token"))
		r = first_user_setup_token(s);
	else if (r == 0)
		r = service_run(s);
	service_free(s);
	free(routes);
	return r == 0 || r == -ECANCELED ? EXIT_SUCCESS : EXIT_FAILURE;
}
