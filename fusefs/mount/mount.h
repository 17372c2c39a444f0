/*
 * mount: what "nephos mount" runs: it connects to the store, mounts, serves until it is unmounted or gets a signal
 * to end, and stores what is left. options.h explains its options.
 *
 * It finds the key before it does anything with the mount point. Without -f it forks a process into the background,
 * and the calling process waits until that one reports that the drive can be used, or why it cannot: so a script
 * continues with a mount that works. File names in options are made absolute first, as the background process has
 * another working directory. The parts of a mount are taken down in the opposite order of their start
 * (mount_serve.c). Data that could not be stored makes the exit status a failure.
 */
#ifndef NEPHOS_FUSEFS_MOUNT_MOUNT_H
#define NEPHOS_FUSEFS_MOUNT_MOUNT_H

#include <stdbool.h>

#define MOUNT_EXIT_USAGE 1 /* as in mount(8) */
#define MOUNT_EXIT_FAILED 32

/* argv[0] is the name that the program was called by, or "mount"; the rest are the arguments. Returns the exit
 * status. Without -f it returns 0 in the parent once the mount answers; in the process that serves it returns
 * only at the end of the mount. */
int mount_main(int argc, char **argv);
/* Whether the whole program was called as a mount helper: by a name that begins with "mount.", or with a URL as its
 * first word. */
bool mount_is_helper_call(int argc, char **argv);

#endif
