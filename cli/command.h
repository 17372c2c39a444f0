/*
 * command: what "nephos NAME …" is, and what all commands share. Used by one thread.
 *
 * Each command has a file of its own, and describes itself in a struct command: its name, flags, help, how many words
 * it takes, whether it needs a store and a key, and a function that does it. One list in command.c has them all; the
 * help, and what is suggested for a misspelt name, come from there.
 *
 * The life of a command: its name is found; its flags and words are read (args); when it needs a store, URL and key are
 * found (credentials) and the way there is made (api); then its function runs, and what that returns is what the
 * program ends with (enum command_exit). At the end it is seen whether all output has arrived, as a full disk must not
 * look like success. Failures are said by command_say, command_judge and command_fail only, so that all of them have
 * one form, for people or with --json for programs.
 */
#ifndef NEPHOS_CLI_COMMAND_H
#define NEPHOS_CLI_COMMAND_H

#include "cli/api.h"
#include "cli/args.h"
#include "cli/credentials.h"
#include "cli/progress.h"

#include <stdbool.h>

enum command_exit {
	EXIT_DONE = 0,
	EXIT_REFUSED = 1,	  /* by the store, or something failed on this machine */
	EXIT_USAGE = 2,		  /* the command line, or a file that it names */
	EXIT_UNREACHABLE = 3,	  /* no gateway answers, or what it needs is not up: later may be better */
	EXIT_UNAUTHENTICATED = 4, /* no key, one that does not hold, a wrong password */
};

/* All flags of all commands; each lists those it has. */
struct command_options {
	bool json, details, recursive, parents, admin, force, revoke, keep, defaults, ring, repair, last, stop, check;
	const char *credentials, *user, *password_file, *old_password_file, *email, *exec, *count;
	const char *data, *s3_endpoint, *s3_keys, *s3_region, *s3_ca, *standbys, *port, *gateways;
};

struct command_run {
	const struct command *command;
	struct command_options options;
	struct args args;
	struct credentials credentials;
	struct api *api; /* NULL when the command needs no store */
};

enum command_needs {
	COMMAND_NEEDS_NOTHING,
	COMMAND_NEEDS_URL,   /* a store: the default is this machine's */
	COMMAND_NEEDS_TOKEN, /* and a key to it */
};

struct command {
	const char *name;      /* "ls", "user add" */
	const char *arguments; /* "[-l] [PATH]" */
	const char *summary;   /* one line, for the list of commands */
	const char *details;   /* for --help; NULL: nothing more to say */
	const struct args_flag *flags;
	size_t words_min, words_max;
	enum command_needs needs;
	int (*run)(struct command_run *run); /* what the program ends with */
};

#define COMMAND_DEFAULT_URL "http://127.0.0.1:8050"

#define COMMAND_FLAG(name_, letter_, value_, field_, help_)                     \
	{                                                                       \
		.name = (name_), .letter = (letter_), .value = (value_),        \
		.at = offsetof(struct command_options, field_), .help = (help_) \
	}
#define COMMAND_FLAG_CREDENTIALS \
	COMMAND_FLAG("credentials", 0, "FILE", credentials, "lines NEPHOS_URL=, NEPHOS_TOKEN=; nobody else may read it")
#define COMMAND_FLAG_JSON COMMAND_FLAG("json", 0, NULL, json, "print JSON, failures too")
#define COMMAND_FLAGS_END              \
	{                              \
		NULL, 0, NULL, 0, NULL \
	}

extern const struct command command_login, command_logout;
extern const struct command command_umount, command_status, command_watch, command_fsck;
extern const struct command command_backup, command_restore;
extern const struct command command_ls, command_put, command_get, command_rm, command_mkdir;
extern const struct command command_user_add, command_user_list, command_user_passwd, command_user_rm,
	command_user_quota;
extern const struct command command_key_add, command_key_list, command_key_revoke;

/* mount: runs the mount (argv[0] is then "mount"); given by the caller, so that this does not hang on FUSE. Returns
 * what the program ends with. */
int command_main(int argc, char **argv, int (*mount)(int argc, char **argv));

/* ---- for commands ---- */

/*
 * "nephos NAME: WHAT: WHY" on stderr, what may be NULL; names in it are escaped. With --json it is one object there:
 * {"error": {"command", "what", "detail", "exit"}}, and what
 * the store's problem says of itself: "type", "status", "errno", "trace_id". Returns code.
 */
int command_say(const struct command_run *run, int code, const char *what, const char *why);
/* What api_call has returned and answered, said; what (may be NULL) is what it was about. Returns the exit code; r 0:
 * EXIT_DONE. */
int command_judge(const struct command_run *run, int r, const struct api_answer *answer, const char *what);
/* A local failure. */
int command_fail(const struct command_run *run, int r, const char *what);

/* On stderr, when that is a terminal; else nothing happens. name is borrowed until the end; total -1: not known. */
void command_progress_begin(struct progress *p, const char *name, int64_t total);
void command_progress(struct progress *p, uint64_t done);
void command_progress_end(struct progress *p);

/* To stdout. Whether it worked is seen once, at the end. */
void command_print(const struct buf *text);
void command_print_json(const json_t *value); /* one line */
bool command_on_terminal(void);		      /* stdout */

/* Encodes a path of the store; says what is wrong with it. 0 or EXIT_USAGE. */
int command_path(const struct command_run *run, const char *prefix, const char *path, struct buf *ret_url);

#endif
