/*
 * talk_fixture: a mount of a drive in memory that fails on purpose, and the kernel that talks to it: steps that most
 * tests of the FUSE conversation take.
 */
#ifndef NEPHOS_TESTS_UNIT_FUSEFS_OPS_TALK_FIXTURE_H
#define NEPHOS_TESTS_UNIT_FUSEFS_OPS_TALK_FIXTURE_H

#include "common/proto/op.h"
#include "fusefs/ops/fs.h"
#include "fusefs/store/testing/fault.h"
#include "fusefs/store/testing/mem.h"
#include "tests/unit/fusefs/ops/fake_kernel.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define ROOT 1 /* the node of the root */
#define DRIVE 7
#define NOBODY 1234		 /* a user who is neither root nor the owner of the mount */
#define OWNER 1000		 /* of the mount, where it shows everything as his */
#define DEAD_PID INT32_MAX	 /* of a caller that is gone */
#define NO_SUCH_NODE 0x700000777 /* of the drive, and was never made */
#define QUOTA_BYTES (100 * 1024) /* of talk_setup_small */
#define SEND_WAIT_MS 120000	 /* a deadline of tests: only reached when something hangs */

struct fixture {
	struct mem_drive *drive;
	struct store *store; /* fails on purpose, over the one in memory */
	struct store *other; /* the same drive, as another mount has it; NULL until needed */
	struct oplog *log;
	struct fs *fs;
	struct fake_kernel kernel;
};

int talk_setup(void **state);		/* nobody else is at work on the drive, and root_mode */
int talk_setup_shared(void **state);	/* others are */
int talk_setup_owned(void **state);	/* everything is shown as OWNER's */
int talk_setup_small(void **state);	/* the drive takes QUOTA_BYTES */
int talk_setup_bare(void **state);	/* no document of the drive has xattrs */
int talk_setup_following(void **state); /* nothing is kept before fs_on_changes tells what changes */
int talk_setup_local_locks(void **state);
int talk_teardown(void **state);

/* The store does what the rule says with the calls of that kind that follow, or with all of them when times is 0. */
void talk_fault(struct fixture *f, enum fault_call call, enum fault_kind kind, int error, unsigned times);
/* The calls that follow wait until talk_let_go. */
void talk_hold(struct fixture *f, enum fault_call call);
void talk_wait_held(struct fixture *f, enum fault_call call, size_t count);
void talk_let_go(struct fixture *f, enum fault_call call);
/* The same, but the calls that waited fail. */
void talk_fail_held(struct fixture *f, enum fault_call call, int error);
struct mem_counts talk_counts(struct fixture *f);
/* A change of the drive by another mount, of which this one hears nothing. The id of its document; < 0: an error. */
int64_t talk_elsewhere(struct fixture *f, const struct op *op);
int64_t talk_make_in_elsewhere(struct fixture *f, int64_t folder, const char *name, uint32_t mode);
int64_t talk_make_elsewhere(struct fixture *f, const char *name, uint32_t mode);     /* in the root */
uint64_t talk_make_protected(struct fixture *f, const char *name, uint32_t protect); /* of ITEM_PROTECTED */
int64_t talk_remove_elsewhere(struct fixture *f, const char *name);
/* The size of a file in the root, as another mount sees it. */
int64_t talk_size_elsewhere(struct fixture *f, const char *name);
/* Another mount stores that as the content of a file. */
void talk_store_elsewhere(struct fixture *f, int64_t id, struct span content);
/* Another mount says what it holds; 0 when it was granted. */
int talk_lock_elsewhere(struct fixture *f, const struct store_lock *lock);
/* What waits has waited for that long by now, and the store was silent all the time. */
void talk_age(struct fixture *f, int64_t ns);
/* The same of a store that answers others. */
void talk_wait_longer(struct fixture *f, int64_t ns);
/* Until nothing is asked of the store any more. */
void talk_wait_quiet(struct fixture *f);
/* How often the kernel was told of a node that it did not forget; 0: also when nobody knows it. */
uint64_t talk_lookups(struct fixture *f, uint64_t node);
/* Files and folders that are open. */
size_t talk_open_count(struct fixture *f);
/* Everything that is known has to be asked for again. */
void talk_know_nothing(struct fixture *f);
/* What the kernel was told it may still have, however slow the machine is. */
void talk_let_kernel_keep(struct fixture *f);
void talk_count_up(void *cookie); /* an unsigned */
/* What is stored of that file has to be fetched again. */
void talk_drop_content(struct fixture *f, uint64_t node);
/* The same of all files. */
void talk_forget_content(struct fixture *f);
/* As far as the mount knows, the disk below the store has so many bytes left. */
void talk_set_disk(struct fixture *f, int64_t bytes);
/* The mount heard that the file locks of that open file are gone. */
void talk_lose_locks(struct fixture *f, uint64_t handle);

/* Steps by way of the kernel, which succeed. */
uint64_t talk_make_file(struct fixture *f, uint64_t folder, const char *name); /* the node; S_IFREG | 0644 */
uint64_t talk_make_folder(struct fixture *f, uint64_t folder, const char *name);
uint64_t talk_node(struct fixture *f, const char *name);	      /* of a name in the root */
uint64_t talk_open(struct fixture *f, uint64_t node, uint32_t flags); /* the handle */
void talk_write_text(struct fixture *f, uint64_t handle, uint64_t offset, const char *text);
/* The whole file is this. */
void talk_check_content(struct fixture *f, uint64_t handle, const char *text);

#endif
