/*
 * flush_fixture: one file of a mount over a drive in memory that fails on purpose, with steps that write, sync,
 * change and read the file. For the tests of flush.
 */
#ifndef NEPHOS_TESTS_UNIT_FUSEFS_LOG_FLUSH_FIXTURE_H
#define NEPHOS_TESTS_UNIT_FUSEFS_LOG_FLUSH_FIXTURE_H

#include "fusefs/content/file.h"
#include "fusefs/log/flush.h"
#include "fusefs/ops/fs.h"
#include "fusefs/ops/ops_fs.h"
#include "fusefs/store/testing/fault.h"
#include "fusefs/store/testing/mem.h"
#include "tests/unit/fusefs/outcome.h"

#define WAIT_MS 120000 /* a deadline of tests: only reached when something hangs */
#define KIB 1024
#define MIB (1024 * 1024)

struct fixture {
	struct mem_drive *drive;
	struct store *store; /* fails on purpose; wraps one in memory */
	struct oplog *log;
	struct fs *fs;
	struct inode *inode;
};

int setup_quota(void **state, int64_t quota);
char byte_at(int64_t at);
void write_at(struct fixture *f, int64_t at, size_t size);
void begin_sync(struct fixture *f, struct outcome *o);
int sync_file(struct fixture *f);
struct job *begin_job(struct fixture *f, const struct op *op, struct outcome *o);
struct op truncate_to(const struct fixture *f, int64_t size);
size_t read_at(struct fixture *f, int64_t at, char *ret, size_t size, bool here);
void check_range(struct fixture *f, int64_t at, size_t size);
struct mem_counts counts(struct fixture *f);
void other_appends(struct fixture *f, const char *text); /* another mount appends, and this mount is not notified */
int setup(void **state);
int setup_small(void **state);
int teardown(void **state);

#endif
