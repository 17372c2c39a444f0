#include "common/process/process.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WHY_BYTES_MAX 4096 /* of the text about a wrong setting or a failed phase */
#define LOOK_MS 60000	   /* the main thread only waits: how often it wakes does not matter */

/*
 * The NEPHOS_* variables of our other programs, without the prefix. A shell that has sourced a credentials file,
 * and a compose file with one environment for all services, set variables that this program does not use. Those are
 * accepted; any other unknown variable is refused as a typing error. A developer who gives a program a new setting
 * adds it here.
 */
static const char *const OTHERS[] = {
	"ADVERTISE",  /* the address at which others reach this process */
	"BLOCKS",     /* kind of block store */
	"BLOCKS_DIR", /* directory of the dir block store */
	"S3_BUCKET",  /* of the s3 block store, as all names with S3_ */
	"S3_CA",
	"S3_ENDPOINT",
	"S3_KEYS",
	"S3_PREFIX",
	"S3_REGION",
	"BUILD_DIR",	     /* scripts: where the programs were built */
	"CLUSTER_KEY",	     /* file with the keys by which the services recognise each other */
	"CONFIG",	     /* file of settings */
	"CREDENTIALS",	     /* file with URL, USER, TOKEN */
	"DATA",		     /* scripts: the directory of all state */
	"DATABASE",	     /* connection string */
	"GATEWAYS",	     /* addresses of the gateways */
	"INTERNAL_LISTEN",   /* address at which a gateway listens for services */
	"LISTEN",	     /* address to listen on */
	"LOG",		     /* file of the log */
	"LOG_LEVEL",	     /* debug, info, warning, error */
	"NAME",		     /* of this process, as "docs-1" */
	"OPEN_REGISTRATION", /* anyone may make an account */
	"PASSWORD",	     /* of a log-in */
	"PID_FILE",	     /* file with the process id while serving */
	"PORT",		     /* to listen on */
	"QUOTA",	     /* of a new drive */
	"RUN_DIR",	     /* pid files and sockets */
	"THREADS",	     /* of the server */
	"TOKEN",	     /* session token or device key */
	"URL",		     /* base URL of a gateway */
	"USER",		     /* log-in name */
	"USER_SERVICE",	     /* addresses of the user service */
	"WEB_DIR",	     /* static pages */
	"WORKERS",	     /* threads that may block in the database */
	NULL,
};

static const struct config_setting COMMON_SETTINGS[] = {
	{"name", CONFIG_TEXT, NULL, 0, 0,
		"name of this process, such as user-1, unique among processes of its kind; shown in the log and in /status",
		false},
	{"listen", CONFIG_TEXT, "127.0.0.1", 0, 0, "address to listen on", false},
	{"threads", CONFIG_NUMBER, "1", 1, 64, "event threads of the server", false},
	{"cluster-key", CONFIG_TEXT, NULL, 0, 0,
		"file of mode 0600 with the keys of the store, one line of 64 hex digits each", false},
	{"log-level", CONFIG_TEXT, "info", 0, 0, "debug, info, warning or error", false},
	{0},
};

struct process {
	struct process_options options;
	struct config_setting *settings; /* the common ones and those of the program */
	struct config *config;
	char name[PROCESS_NAME_BYTES_MAX];
	struct cluster *cluster;
	const struct process_ops *ops; /* NULL unless it runs */
	void *cookie;
};

/* ---- settings ---- */

static int check_settings(const struct process *p, enum log_level *ret_level, struct buf *why)
{
	const char *name = config_text(p->config, "name");
	const char *level = config_text(p->config, "log-level");
	const char *required = p->options.required;

	if (config_argument_count(p->config) > 0)
		(void)buf_printf(why,
			"the argument \"%s\" means nothing here; settings begin with --, and --help lists them",
			config_argument(p->config, 0));
	else if (log_level_parse(level, ret_level) < 0)
		(void)buf_printf(why, "--log-level: \"%s\", expected debug, info, warning or error", level);
	else if (name && strlen(name) >= PROCESS_NAME_BYTES_MAX)
		(void)buf_printf(why, "--name: \"%s\" is longer than %d bytes", name, PROCESS_NAME_BYTES_MAX - 1);
	else if (required && !config_has(p->config, required))
		(void)buf_printf(why, "--%s is missing; nothing starts without it (--help says what it is)", required);
	return why->size > 0 ? -EINVAL : 0;
}

static int load_settings(struct process *p, int argc, char **argv)
{
	const struct config_program program = {.help = p->options.help, .settings = p->settings, .others = OTHERS};
	enum log_level level = LOG_INFO;
	const char *name;
	struct buf why;
	int r;

	buf_init(&why, WHY_BYTES_MAX);
	r = config_load(&program, argc, argv, &p->config, &why);
	if (r == 0)
		r = check_settings(p, &level, &why);
	if (r < 0 && r != -ECANCELED)
		(void)fprintf(stderr, "%s: %s\n", p->options.program, why.size ? why.data : strerror(error_errno(r)));
	buf_fini(&why);
	if (r < 0)
		return r;
	name = config_text(p->config, "name");
	(void)snprintf(p->name, sizeof(p->name), "%s", name ? name : p->options.name);
	log_init(p->name, level, STDERR_FILENO);
	return 0;
}

/* ---- signals ---- */

static sigset_t signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	return set;
}

static void block_signals(void)
{
	const sigset_t set = signals();

	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* Reads the keys again while everything goes on. If something is wrong with the file, it is logged and the previous
 * keys stay. */
static void reload_keys(struct process *p)
{
	const uint64_t before = cluster_generation(p->cluster);
	const int r = cluster_reload(p->cluster);
	const bool changed = cluster_generation(p->cluster) != before;

	if (r < 0)
		log_error(NULL,
			"op=reload part=\"cluster key\" error=%d text=\"%s\" outcome=\"those from before stay\"", r,
			strerror(error_errno(r)));
	else
		log_info(NULL, "op=reload part=\"cluster key\" outcome=%s", changed ? "changed" : "unchanged");
	if (r == 0 && changed && p->ops && p->ops->keys_changed)
		p->ops->keys_changed(p->cookie);
}

bool process_ends_within(struct process *p, unsigned ms)
{
	const struct timespec timeout = clock_timespec(ms * NS_PER_MS);
	const sigset_t set = signals();
	const int signal = sigtimedwait(&set, NULL, &timeout);

	if (signal == SIGHUP && p->cluster)
		reload_keys(p);
	return signal > 0 && signal != SIGHUP;
}

/* ---- life ---- */

int process_new(const struct process_options *options, int argc, char **argv, struct process **ret)
{
	struct process *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->options = *options;
	r = config_settings_join(COMMON_SETTINGS, p->options.settings, &p->settings);
	if (r == 0)
		r = load_settings(p, argc, argv);
	if (r < 0) {
		process_free(p);
		return r;
	}
	block_signals();
	*ret = p;
	return 0;
}

void process_free(struct process *p)
{
	if (!p)
		return;
	cluster_free(p->cluster);
	config_free(p->config);
	free(p->settings);
	free(p);
}

int process_load_keys(struct process *p, struct buf *why)
{
	const char *path = config_text(p->config, "cluster-key");
	int r = path ? cluster_new(path, &p->cluster) : -EINVAL;

	if (!path)
		(void)buf_printf(
			why, "--cluster-key (NEPHOS_CLUSTER_KEY) is missing: the file with the keys of the store");
	else if (r == -EPERM)
		(void)buf_printf(why, "%s %s", path, file_secret_fault(path));
	else if (r == -EINVAL)
		(void)buf_printf(why, "%s is not a file of keys: one to four lines of 64 hex digits each", path);
	else if (r < 0)
		(void)buf_printf(why, "%s: %s", path, strerror(error_errno(r)));
	return r;
}

static int start(const struct process_ops *ops, void *cookie)
{
	const struct process_phase *phase;
	struct buf why;
	int r = 0;

	buf_init(&why, WHY_BYTES_MAX);
	for (phase = ops->phases; phase->name && r == 0; phase++) {
		r = phase->run(cookie, &why);
		if (r < 0 && r != -ECANCELED)
			log_error(NULL, "op=start part=\"%s\" error=%d text=\"%s\"", phase->name, r,
				why.size ? why.data : strerror(error_errno(r)));
	}
	buf_fini(&why);
	return r;
}

int process_run(struct process *p, const struct process_ops *ops, void *cookie)
{
	int r;

	p->ops = ops;
	p->cookie = cookie;
	r = start(ops, cookie);
	while (r == 0 && !process_ends_within(p, LOOK_MS))
		;
	if (r == 0)
		log_info(NULL, "op=stop outcome=draining");
	ops->stop(cookie);
	p->ops = NULL;
	log_info(NULL, "op=stop outcome=%s", r == 0 || r == -ECANCELED ? "ended" : "failed");
	return r == -ECANCELED ? 0 : r;
}

const struct config *process_config(const struct process *p)
{
	return p->config;
}

const char *process_name(const struct process *p)
{
	return p->name;
}

struct cluster *process_cluster(const struct process *p)
{
	return p->cluster;
}
