/* s3_keys: our two keys for a service of S3, from a private file. Used at start. */
#ifndef NEPHOS_DOCS_S3_KEYS_H
#define NEPHOS_DOCS_S3_KEYS_H

#define S3_KEY_SIZE 129 /* 128 characters, the most that services give, and NUL */

struct s3_keys {
	char access[S3_KEY_SIZE], secret[S3_KEY_SIZE];
};

/* The file has the lines AWS_ACCESS_KEY_ID=… and AWS_SECRET_ACCESS_KEY=…, and nothing else. Errors are logged.
 * -EINVAL, and failures of envfile_read. */
int s3_keys_read(const char *path, struct s3_keys *ret);

#endif
