/*
 * options: what a mount is asked to do, from the command line in each of the forms that mount programs are called in:
 *   nephos mount [-f] [-o opts] URL[,URL…][/DRIVE] DIR      a person
 *   nephos URL DIR -o opts                                 mount.fuse3, for "mount -t fuse.nephos URL DIR"
 *   mount.nephos URL DIR [-sfnv] [-o opts]                 mount(8), for "mount -t nephos URL DIR" (also as
 *                                                          mount.fuse.nephos)
 * and the key, which is never on the command line: from the file named by credentials=, NEPHOS_TOKEN, the kernel's
 * keyring, or the file that logging in left. Used by one thread, at start.
 */
#ifndef NEPHOS_FUSEFS_MOUNT_OPTIONS_H
#define NEPHOS_FUSEFS_MOUNT_OPTIONS_H

#include "common/base/buf.h"
#include "common/http/client/gateways.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define OPTIONS_CACHE_BYTES (128ull << 20)    /* content in memory, unless told */
#define OPTIONS_MEMORY_BYTES_MIN (4ull << 20) /* of that, and of all else that is kept */
#define OPTIONS_MEMORY_BYTES_MAX (64ull << 30)
#define OPTIONS_NO_MASK (-1) /* permissions are shown as they are stored */

struct mount_options {
	char *urls[GATEWAYS_GIVEN_MAX]; /* on one line; more are found through them */
	size_t url_count;
	char *drive; /* number, name, or "home" */
	char *directory;
	char *token;
	char *credentials, *log_file, *pid_file;
	struct buf fuse; /* options that libfuse and the kernel understand, with commas */
	bool foreground, read_only, allow_other;
	bool local_locks; /* file locks are between processes here only */
	bool fake;	  /* mount -f: all but the mounting */
	bool remount;	  /* only the flags of what is mounted there already are changed */
	bool help;	  /* print the usage to stdout and end */
	bool has_uid, has_gid;
	uid_t uid;
	gid_t gid;
	int file_mask, folder_mask; /* permission bits that are not shown, or OPTIONS_NO_MASK */
	uint64_t cache_bytes, kept_bytes;
	uint16_t watch_port; /* 0: any */
};

/* -EINVAL: why in ret_why (caller's buf). ret is to be options_fini()d after success only. The key is not looked
 * for. */
int options_parse(int argc, char **argv, struct mount_options *ret, struct buf *ret_why);
/* Finds the key, and URLs where none were given. -ENOENT, -EPERM (a file that others can read), -EINVAL …: why in
 * ret_why. */
int options_find_key(struct mount_options *o, struct buf *ret_why);
/* "URL[,URL…][/DRIVE]", added to what is there. -EINVAL: why in ret_why. */
int options_add_urls(struct mount_options *o, const char *list, struct buf *ret_why);
void options_fini(struct mount_options *o);
const char *options_usage(void);

#endif
