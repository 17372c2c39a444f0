/*
 * assets: the files of a folder, read into memory at start and served as they are, with ETag. Read-only afterwards; any
 * thread.
 */
#ifndef NEPHOS_GATEWAY_FRONT_ASSETS_H
#define NEPHOS_GATEWAY_FRONT_ASSETS_H

#include "common/http/server/server.h"

#define ASSETS_BYTES_MAX (16u * 1024 * 1024) /* all files together; the API page is 2 MiB */
#define ASSETS_FILES_MAX 64

struct assets;

/* Regular files directly in the folder. -ENOENT: no such folder; -EFBIG, -ENOSPC: over the limits. */
int assets_load(const char *folder, struct assets **ret);
void assets_free(struct assets *a);
/* 200, 304 or 404. */
void assets_respond(const struct assets *a, struct http_request *req, struct span name);

#endif
