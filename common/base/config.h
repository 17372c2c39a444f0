/*
 * config: settings of a program from flags, NEPHOS_* variables and a file, in this order of precedence.
 *
 * A program declares a table of settings; config_load fills it. A flag that is not in the table is an error, whose
 * message names the nearest known flag. The same holds for a variable in the environment or the file, unless the
 * program lists it as one of another program, whose environment it may share. An empty variable counts as not set.
 * The file has lines NEPHOS_PORT=8050 in the form of envfile.h, each name once. A file that holds a secret of this
 * program must be private (mode 0600). A flag may be repeated: the last one holds. --help prints the table. One
 * thread uses the module at start; the result is read-only afterwards.
 */
#ifndef NEPHOS_BASE_CONFIG_H
#define NEPHOS_BASE_CONFIG_H

#include "common/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum config_kind { CONFIG_TEXT, CONFIG_NUMBER, CONFIG_SIZE, CONFIG_SWITCH };

/*
 * One setting. The flag "port" is given as --port VALUE or --port=VALUE; its variable is NEPHOS_PORT ('-' becomes
 * '_', upper case). A flag of one letter is -o VALUE or -oVALUE and has no variable. A switch is --flag or
 * --flag=on|off|true|false|yes|no|1|0.
 */
struct config_setting {
	const char *flag;
	enum config_kind kind;
	const char *fallback; /* the default as text; NULL: no default, the value may be absent */
	uint64_t min, max;    /* for numbers and sizes (sizes accept K, M, G, T suffixes); max 0: no limit */
	const char *help;
	bool secret; /* not accepted on the command line: variable or file only */
};

/* Joins two tables into one, which the caller releases with free(). Each table ends with a row whose flag is NULL;
 * a and b may be NULL. -ENOMEM. */
int config_settings_join(const struct config_setting *a, const struct config_setting *b, struct config_setting **ret);

struct config_program {
	const char *help;		       /* first lines of --help */
	const struct config_setting *settings; /* ends with a row whose flag is NULL */
	/* Variables of other programs, without NEPHOS_: accepted and ignored. Ends with NULL; may be NULL. */
	const char *const *others;
};

struct config;

/*
 * Everything that program points to must outlive the config. Words that are not flags are kept as arguments, in
 * order; "--" ends the flags. The file comes from --config FILE or NEPHOS_CONFIG. -EINVAL: the reason is in ret_why
 * (the caller's buf). -ECANCELED: --help or --version was given, and its text is printed to stdout. -ENOMEM. -EIO:
 * writing to stdout failed.
 */
int config_load(const struct config_program *program, int argc, char **argv, struct config **ret, struct buf *ret_why);
void config_free(struct config *c);
/* flag must be in the table. An absent value is NULL, 0 or false. */
const char *config_text(const struct config *c, const char *flag);
uint64_t config_number(const struct config *c, const char *flag);
bool config_switch(const struct config *c, const char *flag);
bool config_has(const struct config *c, const char *flag);
size_t config_argument_count(const struct config *c);
const char *config_argument(const struct config *c, size_t n); /* NULL after the last */

#endif
