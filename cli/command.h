/*
 * command: the commands "nephos NAME …", and what they share. Used by one thread.
 *
 * Each command has a file of its own, and describes itself in a struct command: its name, flags, help, how many
 * words it takes, whether it needs a store and a key, and a function that runs it. One list in command.c contains
 * them all; the help and the suggestions for a misspelt name come from that list.
 *
 * The life of a command: its name is found; its flags and words are parsed (args). If it needs a store, its URL
 * and key are looked up (credentials) and a client is made (api). Then its function runs, and the result of that
 * is the exit code of the program (enum command_exit). At the end the program checks whether all output has
 * arrived, because a full disk must not look like success. Failures are printed only by command_say,
 * command_judge and command_fail, so that all of them have one form, for people or with --json for programs.
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
	EXIT_REFUSED = 1,	  /* the store refused, or something failed on this machine */
	EXIT_USAGE = 2,		  /* the command line is wrong, or a file that it names */
	EXIT_UNREACHABLE = 3,	  /* no gateway answers, or a service that it needs is down: may work later */
	EXIT_UNAUTHENTICATED = 4, /* no key, an invalid key, a wrong password */
};

/* All flags of all commands; each command lists those that it takes. */
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
	COMMAND_NEEDS_URL,   /* a store; the default is the one on this machine */
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
	int (*run)(struct command_run *run); /* returns the exit code */
	/* A command whose exit codes answer a question has one code for all failures, whichever they are, and says
	 * itself in its help what its codes mean. 0 and NULL: enum command_exit. */
	int failure;
	const char *exits;
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

/* mount: runs the mount (argv[0] is then "mount"); the caller passes it, so that this module does not depend on
 * FUSE. Returns the exit code of the program. */
int command_main(int argc, char **argv, int (*mount)(int argc, char **argv));

/* ---- for commands ---- */

/*
 * Prints "nephos NAME: WHAT: WHY" on stderr; what may be NULL; names are escaped. With --json it prints one
 * object there: {"error": {"command", "what", "detail", "exit"}}, with these members of the store's problem:
 * "type", "status", "errno", "trace_id". Returns code, or the command's own code for failures.
 */
int command_say(const struct command_run *run, int code, const char *what, const char *why);
/* Prints the failure that api_call has returned; what (may be NULL) is the thing that the request was about.
 * Returns the exit code; r 0: EXIT_DONE. */
int command_judge(const struct command_run *run, int r, const struct api_answer *answer, const char *what);
/* Prints a local failure. */
int command_fail(const struct command_run *run, int r, const char *what);

/* Progress on stderr if that is a terminal; else nothing is printed. name is borrowed until the end; total -1:
 * not known. */
void command_progress_begin(struct progress *p, const char *name, int64_t total);
void command_progress(struct progress *p, uint64_t done);
void command_progress_end(struct progress *p);

/* Prints to stdout. Errors are checked once, at the end of the program. */
void command_print(const struct buf *text);
void command_print_json(const json_t *value); /* one line */
bool command_on_terminal(void);		      /* whether stdout is a terminal */

/* Encodes a path of the store; prints what is wrong with it. EXIT_DONE, EXIT_USAGE or, without memory,
 * EXIT_REFUSED. */
int command_path(const struct command_run *run, const char *prefix, const char *path, struct buf *ret_url);

#endif
