#include "cli/args.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <cmocka.h>

struct options {
	bool details, recursive;
	const char *file;
};

static const struct args_flag flags[] = {
	{"long", 'l', NULL, offsetof(struct options, details), "more of each"},
	{"recursive", 'R', NULL, offsetof(struct options, recursive), "folders too"},
	{"file", 'f', "FILE", offsetof(struct options, file), "from there"},
	{NULL, 0, NULL, 0, NULL},
};

struct outcome {
	int r;
	struct options options;
	struct args args;
	struct buf why;
};

static void parse(struct outcome *o, int argc, const char *const *argv)
{
	*o = (struct outcome){.r = 0};
	buf_init(&o->why, 1000);
	o->r = args_parse(flags, argc, (char **)argv, &o->options, &o->args, &o->why);
}

#define PARSE(o_, ...)                                                 \
	do {                                                           \
		const char *const words_[] = {"ls", __VA_ARGS__};      \
		parse(o_, sizeof(words_) / sizeof(words_[0]), words_); \
	} while (0)

static void assert_refused(struct outcome *o, const char *why)
{
	assert_int_equal(o->r, -EINVAL);
	assert_non_null(o->why.data);
	assert_string_equal(o->why.data, why);
	buf_fini(&o->why);
}

static void short_switches_can_be_combined_and_words_keep_their_order(void **state)
{
	struct outcome o;

	(void)state;
	PARSE(&o, "a", "-lR", "b");
	assert_int_equal(o.r, 0);
	assert_true(o.options.details && o.options.recursive);
	assert_int_equal(o.args.count, 2);
	assert_string_equal(o.args.words[0], "a");
	assert_string_equal(o.args.words[1], "b");
}

static void a_flag_takes_its_value_attached_or_as_the_next_word(void **state)
{
	struct outcome o;

	(void)state;
	PARSE(&o, "--file", "x");
	assert_string_equal(o.options.file, "x");
	PARSE(&o, "--file=y=z");
	assert_string_equal(o.options.file, "y=z");
	PARSE(&o, "-f", "v");
	assert_string_equal(o.options.file, "v");
	PARSE(&o, "-lfw");
	assert_string_equal(o.options.file, "w");
	assert_true(o.options.details);
	PARSE(&o, "--file", "--long");
	assert_string_equal(o.options.file, "--long");
	assert_false(o.options.details);
}

static void a_single_dash_and_everything_after_two_dashes_are_words(void **state)
{
	struct outcome o;

	(void)state;
	PARSE(&o, "-", "--", "-l", "--");
	assert_int_equal(o.r, 0);
	assert_int_equal(o.args.count, 3);
	assert_string_equal(o.args.words[0], "-");
	assert_string_equal(o.args.words[1], "-l");
	assert_string_equal(o.args.words[2], "--");
	assert_false(o.options.details);
}

static void an_unknown_flag_is_refused_with_the_nearest_as_a_suggestion(void **state)
{
	struct outcome o;

	(void)state;
	PARSE(&o, "--recursiv");
	assert_refused(&o, "unknown flag --recursiv; did you mean --recursive?");
	PARSE(&o, "--hlep");
	assert_refused(&o, "unknown flag --hlep; did you mean --help?");
	PARSE(&o, "--zzzzzzzz=1");
	assert_refused(&o, "unknown flag --zzzzzzzz=1");
	PARSE(&o, "-lx");
	assert_refused(&o, "unknown flag -lx; --help lists them");
}

static void a_flag_with_a_missing_or_superfluous_value_is_refused(void **state)
{
	struct outcome o;

	(void)state;
	PARSE(&o, "--file");
	assert_refused(&o, "--file needs a value");
	PARSE(&o, "--file=");
	assert_refused(&o, "--file needs a value");
	PARSE(&o, "--long=yes");
	assert_refused(&o, "--long takes no value");
}

static void too_many_words_are_refused_and_shown_escaped(void **state)
{
	struct outcome o;

	(void)state;
	PARSE(&o, "1", "2", "3", "4", "\033[2J");
	assert_refused(&o, "too many words: \\x1b[2J");
}

static void the_help_flag_ends_the_parsing(void **state)
{
	struct outcome o;

	(void)state;
	PARSE(&o, "--help", "--nonsense");
	assert_int_equal(o.r, -ECANCELED);
	PARSE(&o, "-lh");
	assert_int_equal(o.r, -ECANCELED);
}

static void help_lists_each_flag(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, 1000);
	assert_int_equal(args_help(flags, &text), 0);
	assert_non_null(strstr(text.data, "  -f, --file FILE"));
	assert_non_null(strstr(text.data, "from there\n"));
	assert_non_null(strstr(text.data, "-h, --help"));
	buf_fini(&text);
}

static void help_has_a_space_between_a_long_flag_and_its_text(void **state)
{
	static const struct args_flag wide[] = {
		{.name = "a-flag-that-is-as-wide", .value = "AS", .help = "the column"}, {.name = NULL}};
	struct buf text;

	(void)state;
	buf_init(&text, 1000);
	assert_int_equal(args_help(wide, &text), 0);
	assert_non_null(strstr(text.data, "--a-flag-that-is-as-wide AS the column\n"));
	buf_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_switches_can_be_combined_and_words_keep_their_order),
		cmocka_unit_test(a_flag_takes_its_value_attached_or_as_the_next_word),
		cmocka_unit_test(a_single_dash_and_everything_after_two_dashes_are_words),
		cmocka_unit_test(an_unknown_flag_is_refused_with_the_nearest_as_a_suggestion),
		cmocka_unit_test(a_flag_with_a_missing_or_superfluous_value_is_refused),
		cmocka_unit_test(too_many_words_are_refused_and_shown_escaped),
		cmocka_unit_test(the_help_flag_ends_the_parsing),
		cmocka_unit_test(help_lists_each_flag),
		cmocka_unit_test(help_has_a_space_between_a_long_flag_and_its_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
