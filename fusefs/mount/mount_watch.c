#include "fusefs/mount/kernel.h"
#include "fusefs/mount/mount_internal.h"

#include "common/base/error.h"
#include "common/base/file.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

static int monitoring_ready(void *cookie, struct buf *ret_why)
{
	struct mount *m = cookie;
	int64_t silent = m->follow ? follow_silent_ms(m->follow) : 0;

	if (silent < FOLLOW_LOST_MS)
		return 0;
	(void)buf_printf(ret_why, "no gateway answers since %" PRId64 " ms", silent);
	return -ERR_UNAVAILABLE;
}

static int monitoring_status(void *cookie, struct buf *ret)
{
	struct mount *m = cookie;
	char gateway[1024];
	char *text = NULL;
	json_t *root;
	int r = -ENOMEM;

	store_http_gateway(m->store, gateway, sizeof(gateway));
	root = json_pack("{s:s, s:s, s:I, s:s, s:b, s:I, s:I}", "program", "nephos mount", "directory", m->directory,
		"drive", (json_int_t)ITEM_DRIVE(m->drive.root), "gateway", gateway, "read_only",
		(int)kernel_is_read_only(m->directory), "silent_ms",
		(json_int_t)(m->follow ? follow_silent_ms(m->follow) : 0), "in_doubt",
		(json_int_t)store_http_in_doubt(m->store));
	if (root)
		text = json_dumps(root, JSON_COMPACT);
	if (text)
		r = buf_append_str(ret, text);
	free(text);
	json_decref(root);
	return r;
}

/* The port of the mount with FILE.pid is in FILE.port; monitoring reads it there. */
static int write_port(struct mount *m)
{
	const char *pid_file = m->o->pid_file;
	size_t stem = strlen(pid_file);
	char text[16];
	int size = snprintf(text, sizeof(text), "%u\n", (unsigned)http_server_port(m->server));

	if (stem > 4 && strcmp(pid_file + stem - 4, ".pid") == 0)
		stem -= 4;
	if (asprintf(&m->port_file, "%.*s.port", (int)stem, pid_file) < 0) {
		m->port_file = NULL;
		return -ENOMEM;
	}
	return file_write_atomic(m->port_file, 0644, span_of(text, (size_t)size));
}

int mount_watch_start(struct mount *m)
{
	struct http_server_options options = {
		.address = "127.0.0.1",
		.port = m->o->watch_port,
		.routes = MONITORING_ROUTES,
		.monitoring = &m->monitoring,
	};
	int r;

	m->monitoring = (struct monitoring){
		.metrics = m->metrics, .ready = monitoring_ready, .status = monitoring_status, .cookie = m};
	r = http_server_start(&options, &m->server);
	return r < 0 || !m->o->pid_file ? r : write_port(m);
}

void mount_watch_stop(struct mount *m)
{
	http_server_stop(m->server);
	m->server = NULL;
	if (m->port_file)
		(void)unlink(m->port_file);
	free(m->port_file);
	m->port_file = NULL;
}
