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
		"where blocks are stored: dir (files in blocks-dir), pg (rows of the database) or s3 (objects of an S3 service). The database remembers the choice of the first instance; --blocks-move changes it",
		false},
	{"blocks-dir", CONFIG_TEXT, NULL, 0, 0,
		"folder of the blocks; with --blocks pg or s3 it only holds content on its way to slow readers (default then: /tmp)",
		false},
	{"blocks-reserve", CONFIG_SIZE, "2147483648", 0, QUOTA_MAX,
		"bytes of the disk of blocks-dir that blocks leave free for the database, at most an eighth of the disk; "
		"not used with --blocks pg or s3",
		false},
	{"rows-disk", CONFIG_TEXT, NULL, 0, 0,
		"folder on the database's disk, if that disk belongs to this machine. When less than half of blocks-reserve "
		"is free there, changes that add rows are refused, and changes that remove rows continue. Unset: not checked",
		false},
	{"blocks-move", CONFIG_TEXT, NULL, 0, 0,
		"FROM:TO, such as dir:s3: moves all blocks from one kind of store to another while services run, then exits. If it is interrupted, start it again to continue. All services need the settings of both stores",
		false},
	{"backup", CONFIG_TEXT, NULL, 0, 0,
		"folder or s3://BUCKET[/PREFIX] of a backup; used by nephos backup and nephos restore: performs backup-do, then exits",
		false},
	{"backup-do", CONFIG_TEXT, NULL, 0, 0,
		"the operation: save-blocks, load-blocks or check-blocks, for the list on standard input; put, get, list or remove, for backup-name",
		false},
	{"backup-name", CONFIG_TEXT, NULL, 0, 0,
		"name of a part of the backup; for list, the prefix of the names to list", false},
	{"backup-endpoint", CONFIG_TEXT, NULL, 0, 0, "http[s]://HOST[:PORT] of the S3 service that holds the backup",
		false},
	{"backup-region", CONFIG_TEXT, "us-east-1", 0, 0, "region for which requests to that service are signed",
		false},
	{"backup-keys", CONFIG_TEXT, NULL, 0, 0, "file with the keys of that service, in the form of s3-keys", false},
	{"backup-ca", CONFIG_TEXT, NULL, 0, 0, "file of CA certificates for that service, like s3-ca", false},
	{"s3-endpoint", CONFIG_TEXT, NULL, 0, 0, "http[s]://HOST[:PORT] of the S3 service, for --blocks s3", false},
	{"s3-bucket", CONFIG_TEXT, NULL, 0, 0, "name of an existing bucket there; requests are path-style", false},
	{"s3-region", CONFIG_TEXT, "us-east-1", 0, 0, "region for which requests are signed", false},
	{"s3-prefix", CONFIG_TEXT, "", 0, 0, "prefix of all object names, such as nephos/", false},
	{"s3-keys", CONFIG_TEXT, NULL, 0, 0,
		"file of mode 0600 with the lines AWS_ACCESS_KEY_ID=... and AWS_SECRET_ACCESS_KEY=...", false},
	{"s3-ca", CONFIG_TEXT, NULL, 0, 0, "file of CA certificates for the S3 service (default: those of libcurl)",
		false},
	{"quota", CONFIG_SIZE, "0", 0, QUOTA_MAX, "bytes that a new drive may hold; 0: no limit", false},
	{"user-service", CONFIG_TEXT, NULL, 0, 0,
		"base URLs of user services, each with an optional NAME= before it (default: as the gateways report them)",
		false},
	{"block-workers", CONFIG_NUMBER, "4", 1, WORKERS_MAX, "number of threads that hash, read and write blocks",
		false},
	{"block-memory", CONFIG_SIZE, BLOCK_MEMORY_TEXT, BLOCK_BYTES_MAX, QUOTA_MAX,
		"memory for blocks that are stored compressed or not on a local disk, in bytes", false},
	{"upkeep-period", CONFIG_NUMBER, "30", 1, 86400, "seconds between two rounds of garbage collection", false},
	{"file-grace", CONFIG_NUMBER, "86400", 2, 31536000,
		"seconds after which the file of a block without a row is removed", false},
	{"block-grace", CONFIG_NUMBER, "86400", 0, 31536000, "seconds that a block is kept when nothing refers to it",
		false},
	{"block-young", CONFIG_NUMBER, BLOCKS_YOUNG_TEXT, 0, 31536000,
		"least number of seconds that such a block is kept even if its owner is short of room", false},
	{"lock-lease", CONFIG_NUMBER, LOCK_LEASE_TEXT, 3, SESSION_TIMEOUT_S,
		"seconds without contact after which a mount loses its file locks to others", false},
	{"standby-reads", CONFIG_SWITCH, NULL, 0, 0,
		"answer reads that no gateway has in memory from a standby that has replayed the drive's last change, else from the primary; --database must name several servers",
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
