/* listing_fixture: a drive in memory with FILES files in its root, one mount of the drive, and steps for the tests
 * of listings. */
#ifndef NEPHOS_TESTS_LISTING_FIXTURE_H
#define NEPHOS_TESTS_LISTING_FIXTURE_H

#include "fusefs/names/listing.h"

#include "fusefs/ops/fs.h"
#include "fusefs/ops/ops_fs.h"
#include "fusefs/store/testing/fault.h"
#include "fusefs/store/testing/mem.h"
#include "tests/unit/fusefs/outcome.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define WAIT_MS 120000 /* a deadline of tests: only reached when something hangs */
#define FILES 700      /* more than the first page */

struct fixture {
	struct mem_drive *drive;
	struct store *store;
	struct oplog *log;
	struct fs *fs;
	struct inode *root;
};

#define TEXT_MAX 512

/* The caller of a step holds the lock of the core; a step releases it while it waits. */
struct outcome send_op(struct fixture *f, const struct op *op);
/* As another mount does it. Returns the position of the change. */
int64_t create_in(struct fixture *f, int64_t folder, const char *name);
int64_t create(struct fixture *f, const char *name);
void name_of(int n, char *ret, size_t size);
int listing_setup(void **state);
int listing_teardown(void **state);
int at(struct fixture *f, struct listing *l, uint64_t n, struct listing_entry *ret);
uint64_t read_all(struct fixture *f, struct listing *l);
void refresh_root(struct fixture *f);
uint64_t pages(struct fixture *f);
void announce_change(struct fixture *f, const struct store_change *change);
/* The position of the change is later than all that the root has seen. */
void announce_op(struct fixture *f, enum op_kind op, const char *name);
void announce_in(struct fixture *f, int64_t folder, const char *name, int64_t seq);
void announce(struct fixture *f, const char *name, int64_t seq);
/* The journal has been read up to seq. It had no changes. */
void follow_up_to(struct fixture *f, int64_t seq);
/* As if all changes by others, in the folder and elsewhere, were long ago. */
void others_are_over(struct fixture *f, struct inode *folder);
/* As this mount does it: learns from the answer. The caller owns a reference to the inode. */
struct inode *make(struct fixture *f, struct inode *folder, const char *name, uint32_t mode);
int64_t make_file(struct fixture *f, struct inode *folder, const char *name);
struct inode *make_folder(struct fixture *f);
int64_t remove_file(struct fixture *f, struct inode *folder, const char *name);
/* First the answer comes, then the journal entry. */
void chmod_file(struct fixture *f, struct inode *folder, const char *name);
/* Reads from the beginning: "name:id:type" for each entry, with a space after it. */
void read_text(struct fixture *f, struct listing *l, char ret[TEXT_MAX]);
/* The same, but only the names. */
void read_names(struct fixture *f, struct listing *l, char ret[TEXT_MAX]);

/* Opens the folder, reads and closes it. asked: how often the store must be asked for entries. */
#define assert_listed(f, folder, expected, asked)                                               \
	do {                                                                                    \
		uint64_t before = pages(f);                                                     \
		struct listing *listed = listing_open(&(f)->fs->names, &(f)->fs->core, folder); \
		char listed_names[TEXT_MAX];                                                    \
                                                                                                \
		read_names(f, listed, listed_names);                                            \
		listing_close(listed);                                                          \
		assert_string_equal(listed_names, expected);                                    \
		assert_int_equal(pages(f) - before, asked);                                     \
	} while (0)

#endif
