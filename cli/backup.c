#include "cli/command.h"
#include "common/base/error.h"

#include <assert.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * A backup contains everything of all users, and the keys of the store. So the gateways have no route for it: the
 * owner of the store's files makes it on the machine of the store, and restores it there. Both are scripts of the
 * source tree, which know how a store is set up. This command finds the scripts where it was built, and replaces
 * itself by one of them. The scripts check the values of flags.
 */

#ifndef NEPHOS_SCRIPTS
#error "NEPHOS_SCRIPTS is the folder of the scripts"
#endif

#define WORDS_MAX 32 /* two for each flag, a place, and the end */
#define SERVICE "nephos-docs"

struct line {
	char *words[WORDS_MAX];
	size_t count;
};

static void add(struct line *l, const char *word)
{
	assert(l->count + 1 < WORDS_MAX);
	l->words[l->count++] = (char *)(uintptr_t)word; /* execv wants no const, but changes nothing */
}

static void add_flag(struct line *l, const char *flag, const char *value)
{
	if (!value)
		return;
	add(l, flag);
	add(l, value);
}

/* Services in the folder of this program are of the same build: the script uses them. */
static void use_own_build(void)
{
	char path[PATH_MAX], service[PATH_MAX + sizeof(SERVICE)];
	const ssize_t size = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (size <= 0)
		return;
	path[size] = '\0';
	char *folder = dirname(path);
	(void)snprintf(service, sizeof(service), "%s/" SERVICE, folder);
	if (access(service, X_OK) == 0)
		(void)setenv("NEPHOS_BUILD_DIR", dirname(folder), 0);
}

static int become(const struct command_run *run, const char *script, struct line *l)
{
	l->words[l->count] = NULL;
	if (access(script, X_OK) < 0)
		return command_say(run, EXIT_REFUSED, script,
			"it is not there: this is done on the machine of the store, where nephos was built, and not over the network");
	use_own_build();
	(void)execv(script, l->words);
	return command_fail(run, -errno, script);
}

static void add_place(const struct command_run *run, struct line *l)
{
	add_flag(l, "--data", run->options.data);
	add_flag(l, "--s3-endpoint", run->options.s3_endpoint);
	add_flag(l, "--s3-keys", run->options.s3_keys);
	add_flag(l, "--s3-region", run->options.s3_region);
	add_flag(l, "--s3-ca", run->options.s3_ca);
}

static int run_backup(struct command_run *run)
{
	static const char script[] = NEPHOS_SCRIPTS "/backup";
	struct line l = {.count = 0};

	add(&l, script);
	add_place(run, &l);
	add(&l, "--");
	add(&l, run->args.words[0]);
	return become(run, script, &l);
}

static int run_restore(struct command_run *run)
{
	static const char script[] = NEPHOS_SCRIPTS "/restore";
	struct line l = {.count = 0};

	add(&l, script);
	add_place(run, &l);
	add_flag(&l, "--standbys", run->options.standbys);
	add_flag(&l, "--port", run->options.port);
	add_flag(&l, "--gateways", run->options.gateways);
	if (run->options.check)
		add(&l, "--check");
	add(&l, "--");
	add(&l, run->args.words[0]);
	return become(run, script, &l);
}

#define FLAGS_PLACE                                                                                                    \
	COMMAND_FLAG("s3-endpoint", 0, "URL", s3_endpoint, "http[s]://HOST[:PORT] of the service of S3"),              \
		COMMAND_FLAG(                                                                                          \
			"s3-keys", 0, "FILE", s3_keys, "mode 0600, lines AWS_ACCESS_KEY_ID=, AWS_SECRET_ACCESS_KEY="), \
		COMMAND_FLAG("s3-region", 0, "NAME", s3_region, "that requests are signed for (us-east-1)"),           \
		COMMAND_FLAG("s3-ca", 0, "FILE", s3_ca, "certificates that may sign the service's own")

static const struct args_flag backup_flags[] = {
	COMMAND_FLAG("data", 0, "DIR", data, "where the store lies, as scripts/up was told"),
	FLAGS_PLACE,
	COMMAND_FLAGS_END,
};

const struct command command_backup = {
	.name = "backup",
	.arguments = "[--data DIR] FOLDER|s3://BUCKET[/PREFIX]",
	.summary = "copy a whole store while it runs",
	.details =
		"Runs on the machine of the store, as the user who started it. The copy holds everything that was acknowledged\n"
		"before the backup began, as of one moment; an interrupted backup leaves no copy. Blocks that an earlier copy\n"
		"has stored there are not copied again. The copy holds the secrets of the store.\n",
	.flags = backup_flags,
	.words_min = 1,
	.words_max = 1,
	.needs = COMMAND_NEEDS_NOTHING,
	.run = run_backup,
};

static const struct args_flag restore_flags[] = {
	COMMAND_FLAG("data", 0, "DIR", data, "where the store is to lie; there must be none yet"),
	COMMAND_FLAG("check", 0, NULL, check, "make nothing: read all of it, and say whether it is whole"),
	COMMAND_FLAG("standbys", 0, "N", standbys, "servers that follow PostgreSQL's: 0 or 2"),
	COMMAND_FLAG("port", 0, "N", port, "with --standbys 2: where its gateways will listen"),
	COMMAND_FLAG("gateways", 0, "N", gateways, "with --standbys 2: how many"),
	FLAGS_PLACE,
	COMMAND_FLAGS_END,
};

const struct command command_restore = {
	.name = "restore",
	.arguments = "[--data DIR] FOLDER[/copies/TIME]|s3://BUCKET[/PREFIX][/copies/TIME]",
	.summary = "make a store from a backup, or check a backup",
	.details =
		"Restores the newest copy unless you name one. Every byte is checked against its digest; if the check fails, no\n"
		"store is made. Start the store with scripts/up --data DIR afterwards. Mounts and gateways that knew the copied\n"
		"store see that this is another one, and read everything anew.\n",
	.flags = restore_flags,
	.words_min = 1,
	.words_max = 1,
	.needs = COMMAND_NEEDS_NOTHING,
	.run = run_restore,
};
