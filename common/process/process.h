/*
 * process: the common part of every server's main: settings, log, the cluster's keys, signals, an orderly end.
 *
 * 	process_new   reads the settings (the common ones and the program's own) and opens the log; it blocks the
 * 	              signals for this and all later threads, so call it before any thread is created
 * 	process_run   runs the phases of the start one after the other, waits for SIGTERM or SIGINT, and stops
 * 	              everything that was started; on SIGHUP it reads the cluster's keys again
 * 	process_free
 *
 * Errors in the settings are written to stderr, since there is no log yet. Later failures are logged here, once,
 * with the phase in which they happened. Only the main thread calls process_run and process_ends_within; any thread
 * may call the other functions.
 */
#ifndef NEPHOS_PROCESS_H
#define NEPHOS_PROCESS_H

#include "common/base/buf.h"
#include "common/base/config.h"
#include "common/trust/cluster.h"

#define PROCESS_NAME_BYTES_MAX 64 /* of --name, with its NUL */

struct process;

struct process_options {
	const char *program; /* "nephos-gateway": the name in front of messages on stderr */
	const char *name;    /* of this process, unless --name is given */
	const char *help;    /* first lines of --help */
	/* The program's own settings beside --name, --listen, --threads, --cluster-key and --log-level; ends with a
	 * row whose flag is NULL. NULL: none. Copied. */
	const struct config_setting *settings;
	const char *required; /* a setting that must be given, or the program does not start; NULL: none */
};

/* A step of the start. When run fails, it may append to why: what is wrong, with what, and what to do about it. */
struct process_phase {
	const char *name;
	int (*run)(void *cookie, struct buf *why);
};

struct process_ops {
	const struct process_phase *phases; /* ends with a row whose name is NULL */
	/* Called when the process is to end, and when a phase has failed: stops what the phases have started so
	 * far. */
	void (*stop)(void *cookie);
	void (*keys_changed)(void *cookie); /* called when a SIGHUP has brought other keys; may be NULL */
};

/* -ECANCELED: --help or --version was given, and its text is printed. -EINVAL: wrong settings, already reported on
 * stderr. */
int process_new(const struct process_options *options, int argc, char **argv, struct process **ret);
void process_free(struct process *p); /* accepts NULL */

/* Reads the cluster's keys, which the process owns afterwards. One of the phases calls it. */
int process_load_keys(struct process *p, struct buf *why);
/* 0 after an orderly end, also if the end was requested during the start. */
int process_run(struct process *p, const struct process_ops *ops, void *cookie);
/* Whether the process is asked to end within this time. For phases that wait for something; such a phase then
 * returns -ECANCELED. */
bool process_ends_within(struct process *p, unsigned ms);

const struct config *process_config(const struct process *p);
const char *process_name(const struct process *p);
struct cluster *process_cluster(const struct process *p); /* NULL before process_load_keys */

#endif
