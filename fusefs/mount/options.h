/*
 * options: parses the command line of a mount, in each of the forms that mount programs are called in:
 *   nephos mount [-f] [-o opts] URL[,URL…][/DRIVE] DIR      a person
 *   nephos URL DIR -o opts                                 mount.fuse3, for "mount -t fuse.nephos URL DIR"
 *   mount.nephos URL DIR [-sfnv] [-o opts]                 mount(8), for "mount -t nephos URL DIR" (also as
 *                                                          mount.fuse.nephos)
 * and finds the key, which is never on the command line: in the file named by credentials=, in NEPHOS_TOKEN, in the
 * kernel's keyring, or in the file that "nephos login" wrote. Used by one thread, at start.
 */
#ifndef NEPHOS_FUSEFS_MOUNT_OPTIONS_H
#define NEPHOS_FUSEFS_MOUNT_OPTIONS_H

#include "common/base/buf.h"
#include "common/http/client/gateways.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define OPTIONS_CACHE_BYTES (128ull << 20)    /* of content in memory, by default */
#define OPTIONS_MEMORY_BYTES_MIN (4ull << 20) /* minimum for that cache, and for all else that is kept */
#define OPTIONS_MEMORY_BYTES_MAX (64ull << 30)
#define OPTIONS_NO_MASK (-1) /* permissions are shown as stored */

struct mount_options {
	char *urls[GATEWAYS_GIVEN_MAX]; /* as given by the user; more are found through them */
	size_t url_count;
	char *drive; /* number, name, or "home" */
	char *directory;
	char *token;
	char *credentials, *log_file, *pid_file;
	struct buf fuse; /* comma-separated options for libfuse and the kernel */
	bool foreground, read_only, allow_other;
	bool local_locks; /* file locks are only between processes of this mount */
	bool fake;	  /* mount -f: everything but the mounting itself */
	bool remount;	  /* only change flags of an existing mount */
	bool help;	  /* print the usage to stdout and exit */
	bool has_uid, has_gid;
	uid_t uid;
	gid_t gid;
	int file_mask, folder_mask; /* permission bits that are hidden, or OPTIONS_NO_MASK */
	uint64_t cache_bytes, kept_bytes;
	uint16_t watch_port; /* 0: any free port */
};

/* -EINVAL: the reason is in ret_why (the caller's buf). The caller calls options_fini on ret after success only.
 * The key is not looked for. */
int options_parse(int argc, char **argv, struct mount_options *ret, struct buf *ret_why);
/* Finds the key, and URLs if none were given. -ENOENT, -EPERM (a file that others can read), -EINVAL …: the
 * reason is in ret_why. */
int options_find_key(struct mount_options *o, struct buf *ret_why);
/* Adds the gateways and the drive of "URL[,URL…][/DRIVE]". -EINVAL: the reason is in ret_why. */
int options_add_urls(struct mount_options *o, const char *list, struct buf *ret_why);
void options_fini(struct mount_options *o);
const char *options_usage(void);

#endif
