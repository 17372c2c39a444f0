/*
 * mount: what "nephos mount" runs: it connects to the store, mounts, serves until it is unmounted or told to end, and
 * stores what is left. What its options mean is in options.h.
 *
 * The key is found before anything is done with the mount point. Without -f a process goes to the background, and the
 * caller's waits until that one says that the drive can be used, or why it cannot: a script goes on with a mount that
 * works. Files that options name are made absolute first, as the process in the background works in another folder.
 * What is up is taken down in the opposite order (mount_serve.c), and what could not be stored is a failure.
 */
#ifndef NEPHOS_FUSEFS_MOUNT_MOUNT_H
#define NEPHOS_FUSEFS_MOUNT_MOUNT_H

#include <stdbool.h>

#define MOUNT_EXIT_USAGE 1 /* as mount(8) has it */
#define MOUNT_EXIT_FAILED 32

/* argv[0] is the name it was called by, or "mount"; the rest is for us. Returns the exit status. Without -f it returns
 * 0 in the parent when the mount answers; the process that serves never returns to the caller before it is over. */
int mount_main(int argc, char **argv);
/* Whether the whole program was called as a mount helper: by a name that begins with "mount.", or with a URL as its
 * first word. */
bool mount_is_helper_call(int argc, char **argv);

#endif
