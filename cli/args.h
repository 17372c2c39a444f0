/*
 * args: the words and flags of one command. Pure, any thread.
 *
 * A command lists its flags in a table: name, letter, whether it takes a value, where that is stored, and a line
 * of help. The parser, the help, and the suggestion for a misspelt flag all use this table, so that they always
 * have the same flags.
 *
 * common/base/config reads command lines, too, and is not used here on purpose: with it a variable or a file may
 * supply what the command line does not, which is right for a service. A command line that a user types holds for
 * this call only, and nothing may change it unnoticed. Where a variable counts (the store, the key) the command
 * documents that itself.
 */
#ifndef NEPHOS_CLI_ARGS_H
#define NEPHOS_CLI_ARGS_H

#include "common/base/buf.h"

#define ARGS_WORDS_MAX 4 /* no command takes more than two */

/* One flag: --name, -letter. The table ends with a row without name. */
struct args_flag {
	const char *name;
	char letter;	   /* 0: none */
	const char *value; /* what it takes, as the help shows it: "FILE". NULL: a switch */
	size_t at;	   /* in the caller's options: a bool for a switch, else a const char * */
	const char *help;
};

struct args {
	const char *words[ARGS_WORDS_MAX]; /* borrowed from argv */
	size_t count;
};

/*
 * argv[0] is ignored. Switches may be joined (-lR); a value follows its flag, or '=' (after a letter directly);
 * "-" is a word; "--" ends the flags. Values are written to options as they are parsed, also before a failure.
 * -ECANCELED: --help. -EINVAL: the reason is in ret_why.
 */
int args_parse(
	const struct args_flag *flags, int argc, char **argv, void *options, struct args *ret, struct buf *ret_why);

/* Appends a line for each flag. */
int args_help(const struct args_flag *flags, struct buf *ret);

#endif
