/*
 * args: the words and flags of one command. Not common/base/config: what a command line asks for holds for that line
 * only, and no variable or file may change it behind the back of the one who types. Pure, any thread.
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
