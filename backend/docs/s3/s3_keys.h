/* s3_keys: the two keys by which a service of S3 knows us, from a private file. Used at start. */
#ifndef NEPHOS_DOCS_S3_KEYS_H
#define NEPHOS_DOCS_S3_KEYS_H

#define S3_KEY_SIZE 129 /* 128 characters, which is what services give at most, and NUL */

struct s3_keys {
	char access[S3_KEY_SIZE], secret[S3_KEY_SIZE];
};

/* Lines AWS_ACCESS_KEY_ID=… and AWS_SECRET_ACCESS_KEY=…, and nothing else. What is wrong is logged. -EINVAL, and what
 * envfile_read says. */
int s3_keys_read(const char *path, struct s3_keys *ret);

#endif
