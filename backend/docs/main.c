/*
 * nephos-docs: drives, documents, their journal and their blocks.
 *
 * It serves gateways until it gets a signal to end. With --blocks-move it moves the blocks of a store whose
 * services keep running; with --backup it does one thing with a backup, for scripts/backup and scripts/restore.
 * Then it ends.
 */
#include "backend/docs/api/api.h"
#include "backend/docs/backup.h"
#include "backend/docs/block_stores.h"
#include "backend/docs/core/docs.h"
#include "backend/docs/docs_service.h"
#include "backend/docs/mover.h"
#include "backend/docs/rows/pg/sql.h"
#include "backend/service/service.h"
#include "backend/service/workers.h"
#include "common/base/limits.h"

#include <errno.h>
#include <string.h>

#define HELP                                        \
	"nephos-docs: the docs service of nephos\n" \
	"  nephos-docs --blocks-move FROM:TO SETTINGS...   moves all blocks of a live store to another kind of store"
#define QUOTA_MAX ((uint64_t)1 << 50)
/* the same as in docs_pg_migrate: every migration of this database takes it */
#define MIGRATION_LOCK 0x6e6570686f736463ll

#define LOCK_LEASE_TEXT "60"
static_assert(LOCK_LEASE_S == 60, "LOCK_LEASE_TEXT");

#define BLOCKS_YOUNG_TEXT "120"
static_assert(BLOCKS_YOUNG_S == 120, "BLOCKS_YOUNG_TEXT");

#define BLOCK_MEMORY_TEXT "67108864" /* for 16 readers at once */

static const struct config_setting settings[] = {
	{"blocks", CONFIG_TEXT, "dir", 0, 0,
		"where the blocks lie: dir, as files in blocks-dir; pg, as rows of the database; s3, as objects of a service of S3. The database remembers what the first instance said; --blocks-move changes it",
		false},
	{"blocks-dir", CONFIG_TEXT, NULL, 0, 0,
		"directory where the blocks lie; with --blocks pg or s3, only what is on its way to slow readers (then /tmp unless told)",
		false},
	{"blocks-reserve", CONFIG_SIZE, "2147483648", 0, QUOTA_MAX,
		"bytes of the disk below blocks-dir that blocks leave free, at most an eighth of it: the database may need "
		"them; not with --blocks pg or s3",
		false},
	{"rows-disk", CONFIG_TEXT, NULL, 0, 0,
		"folder on the disk of the database, where that is one of this machine: when less than half of blocks-reserve "
		"is left there, what makes more rows is refused; what takes some away goes on. Unset: nobody looks",
		false},
	{"blocks-move", CONFIG_TEXT, NULL, 0, 0,
		"FROM:TO, as dir:s3: moves all blocks from one kind of store to another while services run, and ends. Interrupted, it goes on when it is started again. All services must have been told how to reach both",
		false},
	{"backup", CONFIG_TEXT, NULL, 0, 0,
		"folder, or s3://BUCKET[/PREFIX], of a backup, for nephos backup and nephos restore: one thing is done with it, and the program ends",
		false},
	{"backup-do", CONFIG_TEXT, NULL, 0, 0,
		"which: save-blocks, load-blocks or check-blocks, of the list on the standard input; put, get, list or remove, of backup-name",
		false},
	{"backup-name", CONFIG_TEXT, NULL, 0, 0, "of a part of the backup; what the names begin with that are listed",
		false},
	{"backup-endpoint", CONFIG_TEXT, NULL, 0, 0, "http[s]://HOST[:PORT] of the service of S3 where the backup lies",
		false},
	{"backup-region", CONFIG_TEXT, "us-east-1", 0, 0, "the region that requests to it are signed for", false},
	{"backup-keys", CONFIG_TEXT, NULL, 0, 0, "file of its keys, as s3-keys", false},
	{"backup-ca", CONFIG_TEXT, NULL, 0, 0, "file of certificates that may sign its own, as s3-ca", false},
	{"s3-endpoint", CONFIG_TEXT, NULL, 0, 0, "for blocks at s3: http[s]://HOST[:PORT] of the service of S3", false},
	{"s3-bucket", CONFIG_TEXT, NULL, 0, 0, "its bucket, which must be there; asked for by its path", false},
	{"s3-region", CONFIG_TEXT, "us-east-1", 0, 0, "the region that requests are signed for", false},
	{"s3-prefix", CONFIG_TEXT, "", 0, 0, "what the names of all objects begin with, such as nephos/", false},
	{"s3-keys", CONFIG_TEXT, NULL, 0, 0,
		"file of mode 0600 with the lines AWS_ACCESS_KEY_ID=... and AWS_SECRET_ACCESS_KEY=...", false},
	{"s3-ca", CONFIG_TEXT, NULL, 0, 0,
		"file of certificates that may sign that of the service; unless told, as libcurl has them", false},
	{"quota", CONFIG_SIZE, "0", 0, QUOTA_MAX, "bytes that a new drive may hold; 0: no limit", false},
	{"user-service", CONFIG_TEXT, NULL, 0, 0,
		"base URLs of user services, each perhaps with NAME= before; unless told, the gateways say", false},
	{"block-workers", CONFIG_NUMBER, "4", 1, WORKERS_MAX, "threads that hash, and read and write blocks", false},
	{"block-memory", CONFIG_SIZE, BLOCK_MEMORY_TEXT, BLOCK_BYTES_MAX, QUOTA_MAX,
		"bytes of blocks that are remembered: those that lie in a short form, or not on a disk of this machine",
		false},
	{"upkeep-period", CONFIG_NUMBER, "30", 1, 86400, "seconds between rounds of collecting", false},
	{"file-grace", CONFIG_NUMBER, "86400", 2, 31536000,
		"seconds that the file of a block may lie without a row before it is removed", false},
	{"block-grace", CONFIG_NUMBER, "86400", 0, 31536000,
		"seconds that a block lives without anything referring to it", false},
	{"block-young", CONFIG_NUMBER, BLOCKS_YOUNG_TEXT, 0, 31536000,
		"seconds that such a block stays at least, however short of room its owner is", false},
	{"lock-lease", CONFIG_NUMBER, LOCK_LEASE_TEXT, 3, SESSION_TIMEOUT_S,
		"seconds that a mount may be silent before another gets the file locks that it holds", false},
	{"standby-reads", CONFIG_SWITCH, NULL, 0, 0,
		"what a gateway has not in memory is read from a standby that stands where the drive does, else from the primary; --database must name several servers",
		false},
#ifdef NEPHOS_FAILPOINTS
	{"failpoint", CONFIG_TEXT, NULL, 0, 0, "where to die, for tests: after-commit:OP", false},
#endif
	{0},
};

static int start(struct service *s, void **ret_app)
{
	int r = block_stores_check(service_config(s));

	return r < 0 ? r : docs_service_start(s, ret_app);
}

int main(int argc, char **argv)
{
	const struct service_options options = {
		.kind = "docs",
		.help = HELP,
		.settings = settings,
		.routes = docs_routes,
		.migrations = docs_migrations,
		.migration_count = docs_migration_count,
		.migration_lock = MIGRATION_LOCK,
		.start = start,
		.drain = docs_service_drain,
		.stop = docs_service_stop,
		.stamp = docs_service_stamp,
		.keys_changed = docs_keys_changed,
	};
	struct service *s = NULL;
	int r = service_new(&options, argc, argv, &s);

	if (r == 0 && config_has(service_config(s), "backup")) {
		r = backup_run(s);
		service_free(s);
		return r;
	}
	if (r == 0 && config_has(service_config(s), "blocks-move"))
		r = mover_run(s, config_text(service_config(s), "blocks-move"));
	else if (r == 0)
		r = service_run(s);
	service_free(s);
	return r == 0 || r == -ECANCELED ? 0 : 1;
}
