#include "backend/docs/backup.h"

#include "backend/docs/block_copy.h"
#include "backend/docs/block_stores.h"
#include "backend/docs/rows/pg/sql.h"
#include "backend/docs/vault/part.h"
#include "backend/docs/vault/vaults.h"
#include "common/base/config.h"
#include "common/base/error.h"
#include "common/base/log.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* A task of --backup-do on an open backup: with blocks, or with the part that --backup-name names. */
struct backup_task {
	const char *name;
	int (*blocks)(struct service *s, struct vault *v, struct block_copied *done);
	int (*part)(struct service *s, struct vault *v);
};

static int sum_up(int r, const struct block_copied *done)
{
	(void)printf("%" PRIu64 " blocks of %" PRIu64 " bytes copied, %" PRIu64 " there, %" PRIu64 " missing, %" PRIu64
		     " damaged\n",
		done->blocks, done->bytes, done->there, done->missing, done->damaged);
	return r;
}

static int copy_blocks(struct service *s, struct vault *v,
	int (*copy)(const struct block_copy *from, struct block_copied *ret), struct block_copied *done)
{
	const struct config *config = service_config(s);
	struct block_copy from = {
		.vault = v, .list = stdin, .threads = (unsigned)config_number(config, "block-workers")};
	int r = block_stores_check(config);

	if (from.threads > BLOCK_COPY_THREADS_MAX)
		from.threads = BLOCK_COPY_THREADS_MAX;
	if (r == 0)
		r = block_stores_open(config, &from.blocks);
	if (r < 0)
		return r;
	assert(from.blocks);
	r = copy(&from, done);
	from.blocks->ops->free(from.blocks);
	return sum_up(r, done);
}

static int save_blocks(struct service *s, struct vault *v, struct block_copied *done)
{
	return copy_blocks(s, v, block_copy_save, done);
}

/* Migrates first: a database from a backup may be of an earlier version. */
static int load_blocks(struct service *s, struct vault *v, struct block_copied *done)
{
	struct pg *pg = NULL;
	int r = pg_new(config_text(service_config(s), "database"), &pg);

	if (r == 0)
		r = service_migrate(s, pg);
	pg_free(pg);
	return r < 0 ? r : copy_blocks(s, v, block_copy_load, done);
}

static int check_blocks(struct service *s, struct vault *v, struct block_copied *done)
{
	const unsigned threads = (unsigned)config_number(service_config(s), "block-workers");
	const struct block_copy from = {.vault = v,
		.list = stdin,
		.threads = threads < BLOCK_COPY_THREADS_MAX ? threads : BLOCK_COPY_THREADS_MAX};

	return sum_up(block_copy_check(&from, done), done);
}

static int put(struct service *s, struct vault *v)
{
	return part_put(v, config_text(service_config(s), "backup-name"), stdin);
}

static int get(struct service *s, struct vault *v)
{
	return part_get(v, config_text(service_config(s), "backup-name"), stdout);
}

static int print_name(const char *name, void *cookie)
{
	(void)cookie;
	return puts(name) == EOF ? -errno : 0;
}

static int list(struct service *s, struct vault *v)
{
	const int r = v->ops->each(v, config_text(service_config(s), "backup-name"), print_name, NULL);

	return r == 0 && fflush(stdout) == EOF ? -errno : r;
}

static int remove_piece(struct service *s, struct vault *v)
{
	return v->ops->remove(v, config_text(service_config(s), "backup-name"));
}

static const struct backup_task tasks[] = {
	{"save-blocks", save_blocks, NULL},
	{"load-blocks", load_blocks, NULL},
	{"check-blocks", check_blocks, NULL},
	{"put", NULL, put},
	{"get", NULL, get},
	{"list", NULL, list},
	{"remove", NULL, remove_piece},
};

static const struct backup_task *find_task(const struct config *config)
{
	const char *name = config_text(config, "backup-do");

	for (size_t i = 0; name && i < sizeof(tasks) / sizeof(tasks[0]); i++)
		if (strcmp(tasks[i].name, name) == 0 && (!tasks[i].part || config_has(config, "backup-name")))
			return &tasks[i];
	log_error(NULL,
		"op=backup backup-do=\"%s\" outcome=\"it is none of those that --help lists, or lacks --backup-name\"",
		name ? name : "");
	return NULL;
}

static int open_vault(const struct config *config, struct vault **ret)
{
	const struct vault_options options = {.target = config_text(config, "backup"),
		.endpoint = config_text(config, "backup-endpoint"),
		.region = config_text(config, "backup-region"),
		.keys_file = config_text(config, "backup-keys"),
		.ca_file = config_text(config, "backup-ca"),
		.connections = (unsigned)config_number(config, "block-workers") + 1};

	return vaults_open(&options, ret);
}

enum backup_exit backup_exit_of(int r, const struct block_copied *done)
{
	if (r == 0)
		return BACKUP_DONE;
	if (r == -ENOSPC || r == -EDQUOT)
		return BACKUP_NO_ROOM;
	if (r == -EIO && done && done->damaged > 0)
		return BACKUP_DAMAGED;
	return r == -ENOENT && (!done || done->missing > 0) ? BACKUP_MISSING : BACKUP_FAILED;
}

static enum backup_exit run_task(const struct backup_task *task, struct service *s, struct vault *v)
{
	struct block_copied done = {0};
	const int r = task->part ? task->part(s, v) : task->blocks(s, v, &done);
	const enum backup_exit ret = backup_exit_of(r, task->part ? NULL : &done);

	if (r < 0 && ret != BACKUP_MISSING)
		log_error(NULL, "op=backup what=%s error=%d text=\"%s\"", task->name, r, error_text(r));
	return ret;
}

enum backup_exit backup_run(struct service *s)
{
	const struct backup_task *task = find_task(service_config(s));
	struct vault *v = NULL;
	enum backup_exit ret;

	if (!task || open_vault(service_config(s), &v) < 0)
		return BACKUP_FAILED;
	ret = run_task(task, s, v);
	v->ops->free(v);
	return ret;
}
