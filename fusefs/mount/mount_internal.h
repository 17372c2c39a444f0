/* What the parts of the mount program share: one mount, from start to end. Private to them. */
#ifndef NEPHOS_FUSEFS_MOUNT_MOUNT_INTERNAL_H
#define NEPHOS_FUSEFS_MOUNT_MOUNT_INTERNAL_H

#include "common/http/server/monitoring.h"
#include "fusefs/ops/follow.h"
#include "fusefs/ops/fs.h"
#include "fusefs/mount/options.h"
#include "fusefs/ops/session_loop.h"
#include "fusefs/store/http/store_http.h"

struct mount {
	const struct mount_options *o;
	char *directory;    /* absolute */
	int signals, ended; /* descriptors that wake the main thread */
	struct metrics *metrics;
	struct store *store;
	struct store_drive drive;
	struct oplog *oplog;
	struct fs *fs;
	struct follow *follow;
	struct fuse_session *session;
	struct session_loop *loop;
	bool mounted;
	struct monitoring monitoring;
	struct http_server *server;
	char *port_file;
};

/* mount_serve.c: starts all parts in order. On failure ret_why says why, and the caller has to call mount_down. */
int mount_up(struct mount *m, struct buf *ret_why);
/* Returns when the session is over, or a signal asks for the end. */
void mount_wait(struct mount *m);
/* Takes down every part that is up: unmounts, stores what is left, ends. Returns 0, or -EIO when something could
 * not be stored. */
int mount_down(struct mount *m);

/* mount_watch.c */
int mount_watch_start(struct mount *m);
void mount_watch_stop(struct mount *m);

#endif
