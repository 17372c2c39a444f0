/*
 * s3_client: signed requests (SigV4) to one bucket of a service of S3, several at once, each on a kept
 * connection. Calls block; any thread: a call waits when all connections are in use. Temporary failures (no
 * connection, silence, 5xx, "slow down") are retried until the deadline. After a request that ends so, the
 * service counts as down: until it answers again, each request is tried only once, so that requests do not wait
 * behind others that wait.
 */
#ifndef NEPHOS_DOCS_S3_CLIENT_H
#define NEPHOS_DOCS_S3_CLIENT_H

#include "backend/docs/s3/s3_answer.h"

#define S3_CONNECTIONS_MAX 257 /* one for each worker for blocks, and one for upkeep */
#define S3_DEADLINE_MS 25000   /* of a request with all its tries: as long as a request waits for the database */
#define S3_CONNECT_MS 3000     /* a lost SYN is sent again after 1 s */
/* longest time without a byte in either direction; a store that is healing answers later than usual */
#define S3_SILENCE_MS 8000
#define S3_SILENCE_DOWN_MS 2000 /* the same while the service counts as down */
#define S3_PAUSE_MIN_MS 50	/* before the second try; doubled before each further one */
#define S3_PAUSE_MAX_MS 2000
#define S3_ERROR_BYTES 4096 /* most bytes of an error's body: a code and a sentence */
#define S3_WHY_SIZE 256	    /* text for the log */
#define S3_URL_SIZE 1024

struct s3_options {
	const char *endpoint; /* http[s]://HOST[:PORT] */
	const char *bucket, *region;
	const char *prefix;    /* of all keys; "": none */
	const char *keys_file; /* s3_keys.h */
	const char *ca_file;   /* certificates that may sign the service's certificate; NULL: libcurl's default */
	unsigned connections;
	unsigned deadline_ms; /* 0: S3_DEADLINE_MS */
};

struct s3_request {
	const char *method; /* GET, PUT or DELETE */
	const char *key;    /* without the prefix; NULL: the bucket itself */
	const char *query;  /* sorted and percent-encoded, because libcurl signs it as it is; or NULL */
	struct span body;   /* for a PUT */
	bool new_only;	    /* If-None-Match: * */
	bool part;	    /* only bytes [from, from+into_size) */
	uint32_t from;
	char *into; /* buffer for the body of a successful answer */
	size_t into_size;
};

struct s3_answer {
	int status;
	char code[S3_CODE_SIZE]; /* of an error */
	char why[S3_WHY_SIZE];	 /* for people: what went wrong */
	size_t size;		 /* number of bytes in `into` */
	bool cut;		 /* the body was longer than into_size */
	int64_t whole;		 /* size of the object, when a part was requested; -1: missing */
	bool repeated;		 /* an earlier try may have been carried out as well */
};

struct s3_client;

/* Does not contact the server yet. Wrong options are logged: -EINVAL, failures of the keys' file, -ENOMEM. */
int s3_client_new(const struct s3_options *options, struct s3_client **ret);
void s3_client_free(struct s3_client *c); /* NULL is fine */
const char *s3_client_prefix(const struct s3_client *c);

/* 0: the service answered, with any status but those of temporary failures. -ENOTCONN, -ETIMEDOUT: not now.
 * -EIO: it will never work (its certificate is not trusted, it does not speak HTTP). -ENOMEM. */
int s3_ask(struct s3_client *c, const struct s3_request *request, struct s3_answer *ret);

#endif
