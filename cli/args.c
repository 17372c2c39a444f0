#include "cli/args.h"

#include "cli/print.h"
#include "common/base/suggest.h"

#include <errno.h>
#include <stdbool.h>

#define HELP_COLUMN 28 /* where the texts of flags begin */

struct line {
	const struct args_flag *flags;
	int argc, at;
	char **argv;
	char *options;
	struct buf *why;
};

/* A word of a command line may contain any bytes, so it is escaped like a name. */
static int refuse(struct line *l, const char *before, const char *word, const char *after)
{
	buf_reset(l->why);
	(void)buf_append_str(l->why, before);
	(void)print_name(l->why, span_str(word), true);
	(void)buf_append_str(l->why, after);
	return -EINVAL;
}

static int refuse_name(struct line *l, const char *word, struct span name)
{
	char text[SUGGEST_BYTES_MAX + 2];
	struct suggest s;
	const char *best;

	(void)snprintf(
		text, sizeof(text), "%.*s", (int)(name.size < sizeof(text) ? name.size : sizeof(text)), name.data);
	suggest_init(&s, text);
	for (const struct args_flag *f = l->flags; f->name; f++)
		suggest_offer(&s, f->name);
	suggest_offer(&s, "help");
	best = suggest_best(&s);
	(void)refuse(l, "unknown flag ", word, best ? "; did you mean --" : "");
	if (best)
		(void)buf_printf(l->why, "%s?", best);
	return -EINVAL;
}

static int take_value(struct line *l, const struct args_flag *flag, const char *value)
{
	if (!value && l->at + 1 < l->argc)
		value = l->argv[++l->at];
	if (!value || !*value)
		return refuse(l, "--", flag->name, " needs a value");
	*(const char **)(void *)(l->options + flag->at) = value;
	return 0;
}

static int read_long(struct line *l, const char *word)
{
	const char *equals = strchr(word, '=');
	struct span name = span_of(word + 2, equals ? (size_t)(equals - word) - 2 : strlen(word) - 2);

	if (span_eq_str(name, "help"))
		return -ECANCELED;
	for (const struct args_flag *f = l->flags; f->name; f++) {
		if (!span_eq_str(name, f->name))
			continue;
		if (f->value)
			return take_value(l, f, equals ? equals + 1 : NULL);
		if (equals)
			return refuse(l, "--", f->name, " takes no value");
		*(bool *)(l->options + f->at) = true;
		return 0;
	}
	return refuse_name(l, word, name);
}

static const struct args_flag *find_letter(const struct line *l, char letter)
{
	const struct args_flag *f = l->flags;

	while (f->name && f->letter != letter)
		f++;
	return f->name ? f : NULL;
}

static int read_letters(struct line *l, const char *word)
{
	for (const char *c = word + 1; *c; c++) {
		const struct args_flag *f = find_letter(l, *c);

		if (!f && *c == 'h')
			return -ECANCELED;
		if (!f)
			return refuse(l, "unknown flag ", word, "; --help lists them");
		if (f->value)
			return take_value(l, f, c[1] ? c + 1 : NULL);
		*(bool *)(l->options + f->at) = true;
	}
	return 0;
}

static int add_word(struct line *l, const char *word, struct args *args)
{
	if (args->count == ARGS_WORDS_MAX)
		return refuse(l, "too many words: ", word, "");
	args->words[args->count++] = word;
	return 0;
}

/* budget: argc and argv belong together, as in main */
int args_parse(
	const struct args_flag *flags, int argc, char **argv, void *options, struct args *ret, struct buf *ret_why)
{
	struct line l = {.flags = flags, .argc = argc, .argv = argv, .options = options, .why = ret_why};
	struct args args = {.count = 0};
	bool words_only = false;
	int r = 0;

	for (l.at = 1; l.at < argc && r == 0; l.at++) {
		const char *word = argv[l.at];

		if (words_only || word[0] != '-' || word[1] == '\0')
			r = add_word(&l, word, &args);
		else if (strcmp(word, "--") == 0)
			words_only = true;
		else
			r = word[1] == '-' ? read_long(&l, word) : read_letters(&l, word);
	}
	if (r == 0)
		*ret = args;
	return r;
}

int args_help(const struct args_flag *flags, struct buf *ret)
{
	int r = 0;

	for (const struct args_flag *f = flags; f->name && r == 0; f++) {
		char left[64], letter[8] = "    ";

		if (f->letter)
			(void)snprintf(letter, sizeof(letter), "-%c, ", f->letter);
		(void)snprintf(left, sizeof(left), "%s--%s%s%s", letter, f->name, f->value ? " " : "",
			f->value ? f->value : "");
		r = buf_printf(ret, "  %-*s %s\n", HELP_COLUMN - 1, left, f->help);
	}
	return r == 0 ? buf_printf(ret, "  %-*s%s\n", HELP_COLUMN, "-h, --help", "this text") : r;
}
