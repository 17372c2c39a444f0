/* Any words on a command line (those of the first line) and any file (all that follows it) as a program's
 * settings: the program refuses them with a reason, or has values within their limits. */
#include "tests/fuzz/fuzz.h"

#include "common/base/config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define WORDS_MAX 64
#define WHY_BYTES_MAX 4096
#define SECRET "hunter2"

static const struct config_setting SETTINGS[] = {
	{"port", CONFIG_NUMBER, "8050", 1, 65535, "a number", false},
	{"workers", CONFIG_NUMBER, NULL, 0, 0, "a number without a limit", false},
	{"cache", CONFIG_SIZE, "1M", 4096, 1u << 30, "a size", false},
	{"name", CONFIG_TEXT, NULL, 0, 0, "a text", false},
	{"verbose", CONFIG_SWITCH, "off", 0, 0, "a switch", false},
	{"token", CONFIG_TEXT, NULL, 0, 0, "a secret", true},
	{"o", CONFIG_TEXT, NULL, 0, 0, "one of a letter", false},
	{NULL, CONFIG_TEXT, NULL, 0, 0, NULL, false},
};

static char path[] = "/tmp/nephos-fuzz-config.XXXXXX";
static int file = -1;

static void remove_file(void)
{
	(void)unlink(path);
}

static void write_file(const char *data, size_t size)
{
	if (file < 0) {
		file = mkstemp(path);
		FUZZ_CHECK(file >= 0 && atexit(remove_file) == 0);
	}
	FUZZ_CHECK(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size);
}

static void check_values(const struct config *c)
{
	FUZZ_CHECK(config_number(c, "port") >= 1 && config_number(c, "port") <= 65535);
	FUZZ_CHECK(config_number(c, "cache") >= 4096 && config_number(c, "cache") <= 1u << 30);
	FUZZ_CHECK(config_has(c, "name") == (config_text(c, "name") != NULL));
	for (size_t i = 0; i < config_argument_count(c); i++)
		FUZZ_CHECK(config_argument(c, i));
	FUZZ_CHECK(!config_argument(c, config_argument_count(c)));
}

/* Words that print something, or choose another file, are not tested here. */
static bool is_left_out(const char *word)
{
	return strncmp(word, "--help", 6) == 0 || strncmp(word, "--version", 9) == 0 || strncmp(word, "-h", 2) == 0 ||
		strncmp(word, "--config", 8) == 0;
}

/* Whether text has the secret anywhere but as the one value in the file. */
static bool is_said_elsewhere(const char *text)
{
	const char *secret = strstr(text, "\nNEPHOS_TOKEN=" SECRET), *first = strstr(text, SECRET);

	return first && (!secret || first < secret || strstr(first + 1, SECRET));
}

static const char *const OTHERS[] = {"BLOCKS_DIR", "CONFIG", "DATABASE", NULL};
static const struct config_program PROGRAM = {.help = "a program", .settings = SETTINGS, .others = OTHERS};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), *rest = text, *line, *word;
	static char program[] = "program", flag[] = "--config";
	char *words[WORDS_MAX + 4] = {program, flag, path};
	struct config *c = NULL;
	struct buf why;
	int count = 3, r;
	bool said;

	FUZZ_CHECK(text);
	said = is_said_elsewhere(text);
	line = strsep(&rest, "\n");
	write_file(rest ? rest : "", rest ? strlen(rest) : 0);
	while ((word = strsep(&line, " ")) != NULL && count < WORDS_MAX)
		if (!is_left_out(word))
			words[count++] = word;
	buf_init(&why, WHY_BYTES_MAX);
	r = config_load(&PROGRAM, count, words, &c, &why);
	FUZZ_CHECK(r == 0 || (r == -EINVAL && why.size > 0 && !c));
	/* No message shows a secret from the file. */
	FUZZ_CHECK(r == 0 || said || !strstr(why.data, SECRET));
	if (r == 0)
		check_values(c);
	config_free(c);
	buf_fini(&why);
	free(text);
	return 0;
}
