/*
 * args: the words and flags of one command. Pure, any thread.
 *
 * A command lists its flags in a table: name, letter, whether it takes a value, where that goes, and a line of help.
 * From the same table come the parser, the help, and the suggestion for a flag that was misspelt, so that none of them
 * can know a flag that the others do not.
 *
 * common/base/config reads command lines, too, and is not used here on purpose: there a variable or a file may say what
 * the command line does not, which is right for a service. What somebody types to a command holds for that line only,
 * and nothing may change it behind his back. Where a variable counts (the store, the key) the command says so itself.
 */
#ifndef NEPHOS_CLI_ARGS_H
#define NEPHOS_CLI_ARGS_H

#include "common/base/buf.h"

#define ARGS_WORDS_MAX 4 /* no command takes more than two */

/* One flag: --name, -letter. The table ends with a row without name. */
struct args_flag {
	const char *name;
	char letter;	   /* 0: none */
	const char *value; /* what it takes, for people: "FILE". NULL: a switch */
	size_t at;	   /* in the caller's options: a bool for a switch, else a const char * */
	const char *help;
};

struct args {
	const char *words[ARGS_WORDS_MAX]; /* borrowed from argv */
	size_t count;
};

/*
 * argv[0] is not looked at. Switches may stand together (-lR); a value follows its flag, or '=' (a letter directly);
 * "-" is a word; "--" ends the flags. What flags say is written to options as it comes, also before a failure.
 * -ECANCELED: --help. -EINVAL: why in ret_why.
 */
int args_parse(
	const struct args_flag *flags, int argc, char **argv, void *options, struct args *ret, struct buf *ret_why);

/* Appends a line or two for each flag. */
int args_help(const struct args_flag *flags, struct buf *ret);

#endif
