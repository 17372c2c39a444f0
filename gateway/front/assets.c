#include "gateway/front/assets.h"

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/sha256.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/*
 * The files of the API pages, which the gateway itself serves. There are few, and they do not change while the
 * gateway runs: so they are read into memory at the start, and a request never touches the disk. A name in a
 * URL is compared with the names that were found, and never becomes a path; so there is no way out of the
 * folder.
 *
 * Each file has an etag made of its bytes. "no-cache" makes browsers ask each time, and mostly the answer is
 * that their copy is still right (304): so a new version of the gateway shows its own pages at once. The
 * content type comes from the ending of the name, and "nosniff" keeps browsers from guessing another one. The
 * security policy lets scripts come from here only.
 *
 * How many files there may be, and how many bytes together, is limited, so that a wrong folder in the settings
 * is noticed at the start.
 */

struct asset {
	char *name;
	const char *type;
	struct buf bytes;
	char etag[20]; /* quoted, the first 16 hex digits of the SHA-256 */
};

struct assets {
	struct asset files[ASSETS_FILES_MAX];
	size_t count;
	size_t bytes;
};

static const struct {
	const char *ending;
	const char *type;
} TYPES[] = {
	{".html", "text/html; charset=utf-8"},
	{".js", "text/javascript; charset=utf-8"},
	{".css", "text/css; charset=utf-8"},
	{".json", "application/json"},
	{".svg", "image/svg+xml"},
	{".png", "image/png"},
};

static const char *type_of(const char *name)
{
	const char *ending = strrchr(name, '.');
	for (size_t i = 0; ending && i < sizeof(TYPES) / sizeof(*TYPES); i++) {
		if (strcmp(ending, TYPES[i].ending) == 0)
			return TYPES[i].type;
	}
	return "application/octet-stream";
}

static int add_file(struct assets *a, const char *folder, const char *name)
{
	char path[PATH_MAX];
	char hex[SHA256_HEX_SIZE];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return 0;
	if (a->count == ASSETS_FILES_MAX)
		return -ENOSPC;

	struct asset *file = &a->files[a->count];
	buf_init(&file->bytes, ASSETS_BYTES_MAX - a->bytes);
	int error = file_read(path, ASSETS_BYTES_MAX - a->bytes, false, &file->bytes);
	if (error == 0)
		error = sha256_hex(buf_span(&file->bytes), hex);
	file->name = error == 0 ? strdup(name) : NULL;
	if (!file->name) {
		buf_fini(&file->bytes);
		return error < 0 ? error : -ENOMEM;
	}
	(void)snprintf(file->etag, sizeof(file->etag), "\"%.16s\"", hex);
	file->type = type_of(name);
	a->bytes += file->bytes.size;
	a->count++;
	return 0;
}

int assets_load(const char *folder, struct assets **ret)
{
	int error = 0;
	DIR *dir = NULL;
	struct assets *a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	dir = opendir(folder);
	if (!dir) {
		error = -errno;
		goto out;
	}
	for (struct dirent *entry = readdir(dir); entry && error == 0; entry = readdir(dir)) {
		if (entry->d_name[0] != '.')
			error = add_file(a, folder, entry->d_name);
	}
	if (error == 0) {
		*ret = a;
		a = NULL; /* moved to the caller */
	}
out:
	if (dir)
		closedir(dir);
	assets_free(a);
	return error;
}

void assets_free(struct assets *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->count; i++) {
		free(a->files[i].name);
		buf_fini(&a->files[i].bytes);
	}
	free(a);
}

static int describe(const struct asset *file, struct http_headers *headers)
{
	int error = http_headers_add(headers, "Content-Type", file->type);
	if (error == 0)
		error = http_headers_add(headers, "ETag", file->etag);
	if (error == 0)
		error = http_headers_add(headers, "Cache-Control", "no-cache");
	if (error == 0)
		error = http_headers_add(headers, "X-Content-Type-Options", "nosniff");
	/* The page's own library sets styles and draws small pictures itself; scripts come from here only. */
	if (error == 0)
		error = http_headers_add(headers, "Content-Security-Policy",
			"default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'");
	return error;
}

void assets_respond(const struct assets *a, struct http_request *req, struct span name)
{
	const struct asset *file = NULL;
	for (size_t i = 0; a && i < a->count && !file; i++) {
		if (span_eq_str(name, a->files[i].name))
			file = &a->files[i];
	}
	if (!file) {
		http_respond_error(req, -ERR_NOT_FOUND, NULL);
		return;
	}
	struct http_headers headers;
	http_headers_init(&headers);
	int error = describe(file, &headers);
	const char *known = http_request_header(req, "If-None-Match");
	if (error < 0)
		http_respond_error(req, error, NULL);
	else if (known && (strcmp(known, "*") == 0 || strstr(known, file->etag)))
		http_respond_length(req, 304, &headers, file->bytes.size);
	else
		http_respond(req, 200, &headers, buf_span(&file->bytes));
	http_headers_fini(&headers);
}
