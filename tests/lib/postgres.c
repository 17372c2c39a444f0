#include "tests/lib/postgres.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int script(const char *command, const struct test_postgres *of, struct test_postgres *p)
{
	char text[512], *line = p->conninfo;
	const size_t size = sizeof(p->conninfo);

	snprintf(text, sizeof(text), "%s %s %s %s", POSTGRES_SCRIPT, command, p->dir, of ? of->dir : "");
	FILE *out = popen(text, "r");
	if (!out)
		return -EIO;
	if (!fgets(line, (int)size, out))
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return pclose(out) == 0 ? 0 : -EIO;
}

static int make(const char *command, const struct test_postgres *of, struct test_postgres *p)
{
	snprintf(p->dir, sizeof(p->dir), "/tmp/nephos-test-pg.XXXXXX");
	if (!mkdtemp(p->dir))
		return -EIO;
	int r = script(command, of, p);
	if (r < 0)
		test_postgres_stop(p);
	return r;
}

int test_postgres_start(struct test_postgres *p)
{
	return make("start", NULL, p);
}

int test_postgres_follow(struct test_postgres *p, const struct test_postgres *of)
{
	return make("follow", of, p);
}

void test_postgres_stop(struct test_postgres *p)
{
	(void)script("stop", NULL, p);
}
