#include "common/base/config.h"

#include "common/base/envfile.h"
#include "common/base/file.h"
#include "common/base/suggest.h"
#include "common/base/text.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PREFIX "NEPHOS_"
#define PREFIX_SIZE (sizeof(PREFIX) - 1)
#define VARIABLE_SIZE 80 /* PREFIX and the longest flag of any table; variable_of asserts it */
#define SHOWN_BYTES 100	 /* how much of a wrong value or name a message shows */
#define BUILTIN_CONFIG "config"

/* In order of precedence: a value of a later source replaces one of an earlier source. */
enum source { SOURCE_NONE, SOURCE_DEFAULT, SOURCE_FILE, SOURCE_VARIABLE, SOURCE_FLAG };

struct value {
	char variable[VARIABLE_SIZE]; /* NEPHOS_PORT; empty: the setting is a flag only */
	enum source source;
	char *text;
	uint64_t number;
	bool on;
};

struct config {
	const struct config_setting *settings;
	const char *const *others; /* may be NULL */
	size_t count;
	struct value *values; /* one for each setting */
	const char *file;     /* borrowed from argv or the environment while loading */
	char **arguments;
	size_t argument_count;
};

static int refuse(struct buf *ret_why, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int refuse(struct buf *ret_why, const char *format, ...)
{
	va_list args;

	buf_reset(ret_why);
	va_start(args, format);
	(void)buf_vprintf(
		ret_why, format, args); /* a text that does not fit is left out: the error code is enough then */
	va_end(args);
	return -EINVAL;
}

/* Flags of a single letter have no variable: theirs stays empty. */
static void variable_of(const char *flag, char ret[VARIABLE_SIZE])
{
	size_t size = strlen(flag);

	assert(size > 0 && PREFIX_SIZE + size < VARIABLE_SIZE);
	if (size == 1)
		return;
	memcpy(ret, PREFIX, PREFIX_SIZE);
	for (size_t i = 0; i <= size; i++)
		ret[PREFIX_SIZE + i] = flag[i] == '-' ? '_' : (char)toupper((unsigned char)flag[i]);
}

/* The index of a setting; c->count if there is none. */
static size_t find_flag(const struct config *c, struct span flag)
{
	size_t i = 0;

	while (i < c->count && !span_eq_str(flag, c->settings[i].flag))
		i++;
	return i;
}

static size_t find_variable(const struct config *c, const char *name)
{
	size_t i = 0;

	while (i < c->count && strcmp(name, c->values[i].variable) != 0)
		i++;
	return i;
}

static int set_value(struct config *c, size_t index, const char *text, enum source source)
{
	struct value *v = &c->values[index];
	char *copy;

	if (v->source > source)
		return 0;
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	free(v->text);
	v->text = copy;
	v->source = source;
	return 0;
}

/* Names that are not in the table: which known name was probably meant? */

static const char *dashes(size_t flag_size)
{
	return flag_size == 1 ? "-" : "--";
}

static int refuse_flag(const struct config *c, struct span flag, struct buf *ret_why)
{
	int shown = (int)(flag.size < SHOWN_BYTES ? flag.size : SHOWN_BYTES);
	char word[SHOWN_BYTES + 1];
	struct suggest s;
	const char *best;

	(void)snprintf(word, sizeof(word), "%.*s", shown, flag.data);
	suggest_init(&s, word);
	for (size_t i = 0; i < c->count; i++)
		if (!c->settings[i].secret)
			suggest_offer(&s, c->settings[i].flag);
	suggest_offer(&s, BUILTIN_CONFIG);
	suggest_offer(&s, "help");
	suggest_offer(&s, "version");
	best = suggest_best(&s);
	if (!best)
		return refuse(ret_why, "unknown flag %s%s; --help lists them", dashes(flag.size), word);
	return refuse(
		ret_why, "unknown flag %s%s; did you mean %s%s?", dashes(flag.size), word, dashes(strlen(best)), best);
}

/* The variable belongs to another program that uses the same environment or file. */
static bool is_of_another(const struct config *c, const char *name)
{
	if (strncmp(name, PREFIX, PREFIX_SIZE) != 0)
		return false;
	for (const char *const *other = c->others; other && *other; other++)
		if (strcmp(name + PREFIX_SIZE, *other) == 0)
			return true;
	return false;
}

/* where is "" or " (line N of the file)". */
static int refuse_variable(const struct config *c, const char *name, const char *where, struct buf *ret_why)
{
	bool prefixed = strncmp(name, PREFIX, PREFIX_SIZE) == 0;
	struct suggest s;

	/* The names are compared without the prefix. Most wrong names have the right prefix, and it would make all
	 * of them similar. */
	suggest_init(&s, prefixed ? name + PREFIX_SIZE : name);
	for (size_t i = 0; i < c->count; i++)
		if (c->values[i].variable[0])
			suggest_offer(&s, c->values[i].variable + PREFIX_SIZE);
	for (const char *const *other = c->others; other && *other; other++)
		suggest_offer(&s, *other);
	if (!suggest_best(&s))
		return refuse(ret_why, "unknown variable %.*s%s; --help lists them", SHOWN_BYTES, name, where);
	return refuse(ret_why, "unknown variable %.*s%s; did you mean " PREFIX "%s?", SHOWN_BYTES, name, where,
		suggest_best(&s));
}

/* The command line. */

struct words {
	int count;
	char **list;
	int at;
};

static int print_version(void)
{
	return printf("nephos " NEPHOS_VERSION "\n") < 0 || fflush(stdout) != 0 ? -EIO : -ECANCELED;
}

static void print_setting(const struct config_setting *s, const struct value *v)
{
	static const char *const kinds[] = {" TEXT", " NUMBER", " SIZE", ""};

	if (s->secret)
		(void)printf("  %s (not as a flag: others can see it)\n", v->variable);
	else
		(void)printf("  %s%s%s\n", dashes(strlen(s->flag)), s->flag, kinds[s->kind]);
	(void)printf("        %s", s->help);
	if (s->fallback)
		(void)printf(" (default: %s)", s->fallback);
	(void)printf("\n");
}

static int print_help(const struct config *c, const char *program_help)
{
	(void)printf("%s\n\nSettings, each --some-flag also as variable " PREFIX "SOME_FLAG and in the file:\n",
		program_help);
	for (size_t i = 0; i < c->count; i++)
		print_setting(&c->settings[i], &c->values[i]);
	(void)printf(
		"  --" BUILTIN_CONFIG " FILE\n        file of lines VARIABLE=value; variables and flags go before it\n"
		"  --help, --version\n");
	return fflush(stdout) != 0 ? -EIO : -ECANCELED;
}

/* The value of the current flag: the text after its '=', or the next word. NULL: there is none. */
static const char *flag_value(const char *inline_value, struct words *w)
{
	if (inline_value)
		return inline_value;
	if (w->at + 1 >= w->count || strncmp(w->list[w->at + 1], "--", 2) == 0)
		return NULL;
	return w->list[++w->at];
}

static int read_flag(struct config *c, struct span flag, const char *inline_value, struct words *w, struct buf *ret_why)
{
	size_t index = find_flag(c, flag);
	const struct config_setting *s = &c->settings[index]; /* the last row if no flag matches; not used then */
	const char *text;

	if (index == c->count && !span_eq_str(flag, BUILTIN_CONFIG))
		return refuse_flag(c, flag, ret_why);
	if (index < c->count && s->secret)
		return refuse(ret_why, "--%s: not on the command line, where others can see it; use %s or a file",
			s->flag, c->values[index].variable);
	if (index < c->count && s->kind == CONFIG_SWITCH)
		return set_value(c, index, inline_value ? inline_value : "on", SOURCE_FLAG);
	text = flag_value(inline_value, w);
	if (!text)
		return refuse(ret_why, "%s%.*s needs a value", dashes(flag.size), (int)flag.size, flag.data);
	if (index == c->count) {
		c->file = text;
		return 0;
	}
	return set_value(c, index, text, SOURCE_FLAG);
}

static int add_argument(struct config *c, const char *word)
{
	char *copy = strdup(word);

	if (!copy)
		return -ENOMEM;
	c->arguments[c->argument_count++] = copy;
	return 0;
}

static int read_word(struct config *c, const char *program_help, struct words *w, struct buf *ret_why)
{
	const char *word = w->list[w->at];
	const char *equals = strchr(word, '=');

	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		return print_help(c, program_help);
	if (strcmp(word, "--version") == 0)
		return print_version();
	if (word[0] != '-' || word[1] == '\0')
		return add_argument(c, word);
	if (word[1] != '-') /* -o VALUE, -oVALUE */
		return read_flag(c, span_of(word + 1, 1), word[2] ? word + 2 : NULL, w, ret_why);
	if (!equals)
		return read_flag(c, span_str(word + 2), NULL, w, ret_why);
	return read_flag(c, span_of(word + 2, (size_t)(equals - word) - 2), equals + 1, w, ret_why);
}

static int read_command_line(struct config *c, const char *program_help, struct words *w, struct buf *ret_why)
{
	int r = 0;

	for (; w->at < w->count && r == 0; w->at++) {
		if (strcmp(w->list[w->at], "--") == 0)
			break;
		r = read_word(c, program_help, w, ret_why);
	}
	for (w->at++; w->at < w->count && r == 0; w->at++)
		r = add_argument(c, w->list[w->at]);
	return r;
}

/* Variables and the file. An empty value counts as not set: a compose file passes unset variables on as empty ones. */

static int read_variable(struct config *c, const char *name, const char *text, struct buf *ret_why)
{
	size_t index = find_variable(c, name);

	if (index == c->count && !is_of_another(c, name))
		return refuse_variable(c, name, "", ret_why);
	if (text[0] == '\0')
		return 0;
	if (!c->file && strcmp(name, PREFIX "CONFIG") == 0)
		c->file = text;
	return index < c->count ? set_value(c, index, text, SOURCE_VARIABLE) : 0;
}

static int read_variables(struct config *c, struct buf *ret_why)
{
	int r = 0;

	for (char **e = environ; e && *e && r == 0; e++) {
		const char *equals = strchr(*e, '=');
		char name[VARIABLE_SIZE]; /* cut when it is longer than any known name */

		if (strncmp(*e, PREFIX, PREFIX_SIZE) != 0 || !equals)
			continue;
		(void)snprintf(name, sizeof(name), "%.*s", (int)(equals - *e), *e);
		r = read_variable(c, name, equals + 1, ret_why);
	}
	return r;
}

struct file_cookie {
	struct config *config;
	struct buf *ret_why;
	bool secret; /* the file contains a secret */
	bool refused;
};

static int read_pair(void *cookie, const char *key, const char *value, unsigned line)
{
	struct file_cookie *f = cookie;
	struct config *c = f->config;
	size_t index = find_variable(c, key);
	char where[64];

	if (index == c->count && is_of_another(c, key))
		return 0;
	(void)snprintf(where, sizeof(where), " (line %u of the file)", line);
	if (index == c->count) {
		f->refused = true;
		return refuse_variable(c, key, where, f->ret_why);
	}
	if (c->values[index].source == SOURCE_FILE) {
		f->refused = true;
		return refuse(f->ret_why, "%.*s is given twice%s", SHOWN_BYTES, key, where);
	}
	f->secret = f->secret || (c->settings[index].secret && value[0] != '\0');
	return value[0] == '\0' ? 0 : set_value(c, index, value, SOURCE_FILE);
}

static int ignore_pair(void *cookie, const char *key, const char *value, unsigned line)
{
	(void)cookie, (void)key, (void)value, (void)line;
	return 0;
}

static int read_file(struct config *c, struct buf *ret_why)
{
	struct file_cookie cookie = {.config = c, .ret_why = ret_why};
	unsigned line = 0;
	int r;

	if (!c->file)
		return 0;
	r = envfile_read(c->file, false, &cookie, read_pair, &line);
	if (r == 0 && cookie.secret) /* read it again: now it matters who else can read the file */
		r = envfile_read(c->file, true, NULL, ignore_pair, NULL);
	if (r == 0 || r == -ENOMEM || cookie.refused)
		return r;
	if (r == -EINVAL && line > 0)
		return refuse(ret_why, "%s, line %u: not of the form KEY=value", c->file, line);
	if (r == -EPERM)
		return refuse(ret_why, "%s holds a secret, and %s", c->file, file_secret_fault(c->file));
	return refuse(ret_why, "%s: %s", c->file, r == -EINVAL ? "not a regular file" : strerror(-r));
}

static size_t count_settings(const struct config_setting *settings)
{
	size_t n = 0;

	while (settings && settings[n].flag)
		n++;
	return n;
}

int config_settings_join(const struct config_setting *a, const struct config_setting *b, struct config_setting **ret)
{
	const size_t first = count_settings(a), second = count_settings(b);
	struct config_setting *all = calloc(first + second + 1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	if (first)
		memcpy(all, a, first * sizeof(*all));
	if (second)
		memcpy(all + first, b, second * sizeof(*all));
	*ret = all;
	return 0;
}

/* Conversion of texts to values. */

static int refuse_value(const struct config *c, size_t index, const char *expected, struct buf *ret_why)
{
	const struct value *v = &c->values[index];
	const char *flag = c->settings[index].flag;
	const char *name = v->source == SOURCE_FLAG ? flag : v->variable;
	const char *lead = v->source == SOURCE_FLAG ? dashes(strlen(flag)) : "";

	if (c->settings[index].secret)
		return refuse(ret_why, "%s: expected %s", name, expected);
	return refuse(ret_why, "%s%s: \"%.*s\", expected %s", lead, name, SHOWN_BYTES, v->text, expected);
}

static int convert_number(struct config *c, size_t index, struct buf *ret_why)
{
	const struct config_setting *s = &c->settings[index];
	struct value *v = &c->values[index];
	uint64_t max = s->max > 0 ? s->max : UINT64_MAX, number = 0;
	char expected[96];
	int r;

	if (s->kind == CONFIG_SIZE)
		r = text_parse_size(span_str(v->text), max, &number);
	else
		r = text_parse_u64(span_str(v->text), max, &number);
	if (r == 0 && number >= s->min) {
		v->number = number;
		return 0;
	}
	(void)snprintf(expected, sizeof(expected), "a %s from %" PRIu64 " to %" PRIu64,
		s->kind == CONFIG_SIZE ? "size (10M, 1G, bytes)" : "number", s->min, max);
	return refuse_value(c, index, expected, ret_why);
}

static int convert_switch(struct config *c, size_t index, struct buf *ret_why)
{
	static const char *const words[] = {"off", "on", "false", "true", "no", "yes", "0", "1"}; /* odd index: on */

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(c->values[index].text, words[i]) == 0) {
			c->values[index].on = i % 2 == 1;
			return 0;
		}
	return refuse_value(c, index, "on or off", ret_why);
}

static int convert(struct config *c, struct buf *ret_why)
{
	int r = 0;

	for (size_t i = 0; i < c->count && r == 0; i++) {
		const struct config_setting *s = &c->settings[i];

		if (s->fallback)
			r = set_value(c, i, s->fallback, SOURCE_DEFAULT);
		if (r < 0 || !c->values[i].text)
			continue;
		if (s->kind == CONFIG_NUMBER || s->kind == CONFIG_SIZE)
			r = convert_number(c, i, ret_why);
		else if (s->kind == CONFIG_SWITCH)
			r = convert_switch(c, i, ret_why);
	}
	return r;
}

static int config_new(const struct config_program *program, size_t words, struct config **ret)
{
	struct config *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->settings = program->settings;
	c->others = program->others;
	c->count = count_settings(c->settings);
	c->values = calloc(c->count + 1, sizeof(*c->values));
	c->arguments = calloc(words + 1, sizeof(*c->arguments));
	if (!c->values || !c->arguments) {
		config_free(c);
		return -ENOMEM;
	}
	for (size_t i = 0; i < c->count; i++)
		variable_of(c->settings[i].flag, c->values[i].variable);
	*ret = c;
	return 0;
}

int config_load(const struct config_program *program, int argc, char **argv, struct config **ret, struct buf *ret_why)
{
	struct words words = {.count = argc, .list = argv, .at = 1};
	struct config *c = NULL;
	int r = config_new(program, argc > 0 ? (size_t)argc : 0, &c);

	if (r == 0)
		r = read_command_line(c, program->help, &words, ret_why);
	if (r == 0)
		r = read_variables(c, ret_why);
	if (r == 0)
		r = read_file(c, ret_why);
	if (r == 0)
		r = convert(c, ret_why);
	if (r == 0) {
		c->file = NULL;
		*ret = c;
		c = NULL; /* moved to the caller */
	}
	config_free(c);
	return r;
}

void config_free(struct config *c)
{
	if (!c)
		return;
	for (size_t i = 0; c->values && i < c->count; i++) {
		char *text = c->values[i].text;

		if (text && c->settings[i].secret)
			explicit_bzero(text, strlen(text));
		free(text);
	}
	for (size_t i = 0; i < c->argument_count; i++)
		free(c->arguments[i]);
	free(c->values);
	free(c->arguments);
	free(c);
}

/* A flag that is not in the program's own table is a bug of the program. */
static const struct value *value_of(const struct config *c, const char *flag)
{
	size_t index = find_flag(c, span_str(flag));

	assert(index < c->count);
	return &c->values[index];
}

const char *config_text(const struct config *c, const char *flag)
{
	return value_of(c, flag)->text;
}

uint64_t config_number(const struct config *c, const char *flag)
{
	return value_of(c, flag)->number;
}

bool config_switch(const struct config *c, const char *flag)
{
	return value_of(c, flag)->on;
}

bool config_has(const struct config *c, const char *flag)
{
	return value_of(c, flag)->text != NULL;
}

size_t config_argument_count(const struct config *c)
{
	return c->argument_count;
}

const char *config_argument(const struct config *c, size_t n)
{
	return n < c->argument_count ? c->arguments[n] : NULL;
}
