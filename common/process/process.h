/*
 * process: what every server's main is made of: settings, log, the cluster's keys, signals, an orderly end.
 *
 * 	process_new   reads the settings (those that all have and the program's own) and begins the log; it blocks the
 * 	              signals for this and all later threads, so it comes before any thread
 * 	process_run   runs the phases of the start one after the other, waits for SIGTERM or SIGINT, and stops what was
 * 	              started; SIGHUP has the cluster's keys read again meanwhile
 * 	process_free
 *
 * What is wrong with the settings is said on stderr, since there is no log yet; what fails later is logged here, once,
 * with the phase that it failed in. Only the main thread calls process_run and process_ends_within; the rest may be
 * called from any thread.
 */
#ifndef NEPHOS_PROCESS_H
#define NEPHOS_PROCESS_H

#include "common/base/buf.h"
#include "common/base/config.h"
#include "common/trust/cluster.h"

#define PROCESS_NAME_BYTES_MAX 64 /* of --name, with its NUL */

struct process;

struct process_options {
	const char *program; /* "nephos-gateway": who speaks on stderr */
	const char *name;    /* of this process, unless --name gives one */
	const char *help;    /* first lines of --help */
	/* The program's own, beside --name, --listen, --threads, --cluster-key and --log-level; ends with a row whose
	 * flag is NULL. NULL: none. Copied. */
	const struct config_setting *settings;
	const char *required; /* a setting without which nothing starts; NULL: none */
};

/* A step of the start. What fails may append to why what was wrong, with what, and what to do about it. */
struct process_phase {
	const char *name;
	int (*run)(void *cookie, struct buf *why);
};

struct process_ops {
	const struct process_phase *phases; /* ends with a row whose name is NULL */
	/* After the end was asked for, or after a phase has failed: stops what the phases have started so far. */
	void (*stop)(void *cookie);
	void (*keys_changed)(void *cookie); /* the cluster has other keys now (SIGHUP); may be NULL */
};

/* -ECANCELED: --help or --version was asked for, and printed. -EINVAL: the settings, and it has been said why. */
int process_new(const struct process_options *options, int argc, char **argv, struct process **ret);
void process_free(struct process *p); /* NULL is fine */

/* Reads the cluster's keys, which the process owns from then on: one of the phases calls it. */
int process_load_keys(struct process *p, struct buf *why);
/* 0 after an orderly end, also one that was asked for during the start. */
int process_run(struct process *p, const struct process_ops *ops, void *cookie);
/* Whether the process is asked to end within this time: for phases that wait for something. They give up with
 * -ECANCELED then. */
bool process_ends_within(struct process *p, unsigned ms);

const struct config *process_config(const struct process *p);
const char *process_name(const struct process *p);
struct cluster *process_cluster(const struct process *p); /* NULL before process_load_keys */

#endif
