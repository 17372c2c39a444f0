/*
 * config: settings of a program from flags, NEPHOS_* variables and a file, in this precedence.
 *
 * A program declares a table of settings; config_load fills it. A flag that is not in it is an error that names the
 * nearest known one. So is a variable, in the environment or the file, unless the program says that it is one of
 * another program, whose environment it may share. An empty variable is not set.
 * File: lines NEPHOS_PORT=8050 as envfile.h has them, each once; one that holds a secret of this program must be
 * private (mode 0600). A flag may come again: the last holds. --help prints the table. Used by one thread at start;
 * read-only afterwards.
 */
#ifndef NEPHOS_BASE_CONFIG_H
#define NEPHOS_BASE_CONFIG_H

#include "common/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum config_kind { CONFIG_TEXT, CONFIG_NUMBER, CONFIG_SIZE, CONFIG_SWITCH };

/*
 * One setting. flag "port" is --port VALUE or --port=VALUE, variable is NEPHOS_PORT ('-' becomes '_', upper case). A
 * flag of one letter is -o VALUE or -oVALUE and has no variable. A switch is --flag or
 * --flag=on|off|true|false|yes|no|1|0.
 */
struct config_setting {
	const char *flag;
	enum config_kind kind;
	const char *fallback; /* text of the default; NULL: none, the value is then absent */
	uint64_t min, max;    /* for numbers and sizes (sizes accept K, M, G, T suffixes); max 0: no limit */
	const char *help;
	bool secret; /* never on the command line: variable or file only */
};

/* One table of two, each of which ends with a row whose flag is NULL, or is NULL; free() it. -ENOMEM. */
int config_settings_join(const struct config_setting *a, const struct config_setting *b, struct config_setting **ret);

struct config_program {
	const char *help;		       /* first lines of --help */
	const struct config_setting *settings; /* ends with a row whose flag is NULL */
	/* Variables of other programs, without NEPHOS_: accepted, and not looked at. Ends with NULL; may be NULL. */
	const char *const *others;
};

struct config;

/*
 * What program points to must outlive the config. Words that are not flags are kept as arguments, in order; "--" ends
 * flags. The file comes from --config FILE or NEPHOS_CONFIG. -EINVAL: text in ret_why (caller's buf). -ECANCELED:
 * --help or --version was asked for and printed to stdout. -ENOMEM, -EIO: stdout failed.
 */
int config_load(const struct config_program *program, int argc, char **argv, struct config **ret, struct buf *ret_why);
void config_free(struct config *c);
/* flag must be in the table. Absent: NULL, 0, false. */
const char *config_text(const struct config *c, const char *flag);
uint64_t config_number(const struct config *c, const char *flag);
bool config_switch(const struct config *c, const char *flag);
bool config_has(const struct config *c, const char *flag);
size_t config_argument_count(const struct config *c);
const char *config_argument(const struct config *c, size_t n); /* NULL after the last */

#endif
