#include "tests/lib/postgres.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int script(const char *command, const char *dir, char *line, size_t size)
{
	char text[512];

	snprintf(text, sizeof(text), "%s %s %s", POSTGRES_SCRIPT, command, dir);
	FILE *out = popen(text, "r");
	if (!out)
		return -EIO;
	if (!fgets(line, (int)size, out))
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return pclose(out) == 0 ? 0 : -EIO;
}

int test_postgres_start(struct test_postgres *p)
{
	snprintf(p->dir, sizeof(p->dir), "/tmp/nephos-test-pg.XXXXXX");
	if (!mkdtemp(p->dir))
		return -EIO;
	int r = script("start", p->dir, p->conninfo, sizeof(p->conninfo));
	if (r < 0)
		test_postgres_stop(p);
	return r;
}

void test_postgres_stop(struct test_postgres *p)
{
	char line[8];

	(void)script("stop", p->dir, line, sizeof(line));
}
