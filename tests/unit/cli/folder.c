#include "tests/unit/cli/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

int folder_set_up(void **state)
{
	char *folder = strdup("/tmp/nephos-test-XXXXXX");

	if (!folder || !mkdtemp(folder) || chdir(folder) < 0) {
		free(folder);
		return -1;
	}
	*state = folder;
	return 0;
}

int folder_tear_down(void **state)
{
	char command[64];
	int r = chdir("/");

	(void)snprintf(command, sizeof(command), "rm -rf %s", (char *)*state);
	r = system(command) || r;
	free(*state);
	return r;
}

void folder_put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

void folder_assert(const char *path, const char *wanted)
{
	char text[1000] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(read(fd, text, sizeof(text) - 1) >= 0);
	(void)close(fd);
	assert_string_equal(text, wanted);
}

unsigned folder_count(void)
{
	DIR *folder = opendir(".");
	unsigned count = 0;

	assert_non_null(folder);
	while (readdir(folder))
		count++;
	(void)closedir(folder);
	return count - 2;
}
