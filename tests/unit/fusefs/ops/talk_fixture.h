/*
 * talk_fixture: a mount of a drive in memory that fails on purpose, a fake kernel, and the steps that most tests
 * of the FUSE conversation need.
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
#define OWNER 1000		 /* the user who owns all files in a mount of talk_setup_owned */
#define DEAD_PID INT32_MAX	 /* a caller that no longer exists */
#define NO_SUCH_NODE 0x700000777 /* a node of the drive that was never created */
#define QUOTA_BYTES (100 * 1024) /* the quota of talk_setup_small */
#define SEND_WAIT_MS 120000	 /* a deadline of tests: only reached when something hangs */

struct fixture {
	struct mem_drive *drive;
	struct store *store; /* fails on purpose; wraps one in memory */
	struct store *other; /* another mount's store for the same drive; NULL until needed */
	struct oplog *log;
	struct fs *fs;
	struct fake_kernel kernel;
};

int talk_setup(void **state);		/* no other mount uses the drive; root_mode */
int talk_setup_shared(void **state);	/* other mounts use the drive */
int talk_setup_owned(void **state);	/* everything is shown as OWNER's */
int talk_setup_small(void **state);	/* the quota of the drive is QUOTA_BYTES */
int talk_setup_bare(void **state);	/* no document of the drive has xattrs */
int talk_setup_following(void **state); /* nothing is cached before the first fs_on_changes */
int talk_setup_local_locks(void **state);
int talk_teardown(void **state);

/* The store applies the rule to the next `times` calls of this kind, or to all of them when times is 0. */
void talk_fault(struct fixture *f, enum fault_call call, enum fault_kind kind, int error, unsigned times);
/* The calls of this kind that follow wait until talk_let_go. */
void talk_hold(struct fixture *f, enum fault_call call);
void talk_wait_held(struct fixture *f, enum fault_call call, size_t count);
void talk_let_go(struct fixture *f, enum fault_call call);
/* Ends the wait as talk_let_go does, but the calls that waited fail. */
void talk_fail_held(struct fixture *f, enum fault_call call, int error);
struct mem_counts talk_counts(struct fixture *f);
/* Another mount changes the drive, and this one is not notified. Returns the id of the document; < 0: an error. */
int64_t talk_elsewhere(struct fixture *f, const struct op *op);
int64_t talk_make_in_elsewhere(struct fixture *f, int64_t folder, const char *name, uint32_t mode);
int64_t talk_make_elsewhere(struct fixture *f, const char *name, uint32_t mode);     /* in the root */
uint64_t talk_make_protected(struct fixture *f, const char *name, uint32_t protect); /* of ITEM_PROTECTED; the node */
int64_t talk_remove_elsewhere(struct fixture *f, const char *name);
/* The size of a file in the root, as another mount sees it. */
int64_t talk_size_elsewhere(struct fixture *f, const char *name);
/* Another mount stores `content` as the content of a file. */
void talk_store_elsewhere(struct fixture *f, int64_t id, struct span content);
/* Another mount tells the store which locks it holds. Returns 0 when they were granted. */
int talk_lock_elsewhere(struct fixture *f, const struct store_lock *lock);
/* As if the requests that wait had waited for this long, and the store had not answered any call all the time. */
void talk_age(struct fixture *f, int64_t ns);
/* The same with a store that answers other calls. */
void talk_wait_longer(struct fixture *f, int64_t ns);
/* Waits until no call to the store is in flight. */
void talk_wait_quiet(struct fixture *f);
/* How many references to the node the kernel holds: entries that it got, minus those that it forgot. 0 also when
 * the node is not known. */
uint64_t talk_lookups(struct fixture *f, uint64_t node);
/* Files and folders that are open. */
size_t talk_open_count(struct fixture *f);
/* Makes all that is cached invalid: it has to be asked for again. */
void talk_know_nothing(struct fixture *f);
/* Lets the kernel keep what it was told it may keep, however slow the machine is. */
void talk_let_kernel_keep(struct fixture *f);
void talk_count_up(void *cookie); /* the cookie is an unsigned */
/* Drops the cached content of that file: stored data has to be fetched again. */
void talk_drop_content(struct fixture *f, uint64_t node);
/* The same for all files. */
void talk_forget_content(struct fixture *f);
/* Sets how many bytes the disk below the store has left, as far as the mount has learned. */
void talk_set_disk(struct fixture *f, int64_t bytes);
/* As if the mount had learned that the file locks of that open file are lost. */
void talk_lose_locks(struct fixture *f, uint64_t handle);

/* Steps that send requests as the kernel does. The requests must succeed. */
uint64_t talk_make_file(struct fixture *f, uint64_t folder, const char *name); /* the node; S_IFREG | 0644 */
uint64_t talk_make_folder(struct fixture *f, uint64_t folder, const char *name);
uint64_t talk_node(struct fixture *f, const char *name);	      /* of a name in the root */
uint64_t talk_open(struct fixture *f, uint64_t node, uint32_t flags); /* the handle */
void talk_write_text(struct fixture *f, uint64_t handle, uint64_t offset, const char *text);
/* The file must have exactly this content. */
void talk_check_content(struct fixture *f, uint64_t handle, const char *text);

#endif
