#include "backend/docs/s3/s3_keys.h"

#include "common/base/envfile.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/log.h"

#include <errno.h>
#include <string.h>

static int take(char *ret, const char *value)
{
	const size_t size = strlen(value);

	if (size == 0 || size >= S3_KEY_SIZE || ret[0])
		return -EINVAL;
	memcpy(ret, value, size + 1);
	return 0;
}

static int on_pair(void *cookie, const char *key, const char *value, unsigned line)
{
	struct s3_keys *keys = cookie;

	(void)line;
	if (strcmp(key, "AWS_ACCESS_KEY_ID") == 0)
		return take(keys->access, value);
	if (strcmp(key, "AWS_SECRET_ACCESS_KEY") == 0)
		return take(keys->secret, value);
	return -EINVAL;
}

static const char *reason(const char *path, int r)
{
	if (r == -EPERM)
		return file_secret_fault(path);
	if (r == -EINVAL)
		return "it must have the lines AWS_ACCESS_KEY_ID=... and AWS_SECRET_ACCESS_KEY=..., once each, and no others";
	return error_text(r);
}

int s3_keys_read(const char *path, struct s3_keys *ret)
{
	struct s3_keys keys = {.access = ""};
	unsigned line = 0;
	int r = envfile_read(path, true, &keys, on_pair, &line);

	if (r == 0 && (!keys.access[0] || !keys.secret[0]))
		r = -EINVAL;
	if (r == 0)
		*ret = keys;
	else
		log_error(
			NULL, "op=start part=blocks s3-keys=\"%s\" error=%d outcome=\"%s\"", path, r, reason(path, r));
	explicit_bzero(&keys, sizeof(keys));
	return r;
}
