/*
 * s3_client: signed requests (SigV4) to one bucket of a service of S3, several at once, each on a connection that is
 * kept. Blocking, any thread: who finds all connections taken waits. What may pass (no connection, silence, 5xx, "slow
 * down") is asked again until the deadline; when that is over the service counts as down, and is asked once per request
 * until it answers again, so that nobody waits behind others who wait.
 */
#ifndef NEPHOS_DOCS_S3_CLIENT_H
#define NEPHOS_DOCS_S3_CLIENT_H

#include "backend/docs/s3/s3_answer.h"

#define S3_CONNECTIONS_MAX 257	/* one for each of the workers for blocks, and upkeep's */
#define S3_DEADLINE_MS 25000	/* of a request with all its tries: as long as one waits for the database */
#define S3_CONNECT_MS 3000	/* a SYN that is lost is sent again after 1 s */
#define S3_SILENCE_MS 8000	/* without a byte in either direction: a store that heals answers later than usual */
#define S3_SILENCE_DOWN_MS 2000 /* the same when it counts as down */
#define S3_PAUSE_MIN_MS 50	/* before the second try; twice as long before each further one */
#define S3_PAUSE_MAX_MS 2000
#define S3_ERROR_BYTES 4096 /* of the body of an error: a code and a sentence */
#define S3_WHY_SIZE 256	    /* for the log */
#define S3_URL_SIZE 1024

struct s3_options {
	const char *endpoint; /* http[s]://HOST[:PORT] */
	const char *bucket, *region;
	const char *prefix;    /* of all keys, "" for none */
	const char *keys_file; /* s3_keys.h */
	const char *ca_file;   /* of who may sign the service's certificate; NULL: as libcurl has it */
	unsigned connections;
	unsigned deadline_ms; /* 0: S3_DEADLINE_MS */
};

struct s3_request {
	const char *method; /* GET, PUT or DELETE */
	const char *key;    /* behind the prefix; NULL: the bucket itself */
	const char *query;  /* sorted and percent-encoded, or NULL: libcurl signs it as it stands */
	struct span body;   /* of a PUT */
	bool new_only;	    /* If-None-Match: * */
	bool part;	    /* bytes [from, from+into_size) only */
	uint32_t from;
	char *into; /* the body of a good answer */
	size_t into_size;
};

struct s3_answer {
	int status;
	char code[S3_CODE_SIZE]; /* of an error */
	char why[S3_WHY_SIZE];	 /* of whatever was not good, for people */
	size_t size;		 /* of what lies in into */
	bool cut;		 /* there was more than into holds */
	int64_t whole;		 /* size of the object, when a part was asked for; -1: not said */
	bool repeated;		 /* an earlier try may have been done as well */
};

struct s3_client;

/* Asks the service nothing yet. What is wrong with the options is logged: -EINVAL, what the keys' file says, -ENOMEM.
 */
int s3_client_new(const struct s3_options *options, struct s3_client **ret);
void s3_client_free(struct s3_client *c); /* NULL is fine */
const char *s3_client_prefix(const struct s3_client *c);

/* 0: it answered, whatever its status but those that may pass. -ENOTCONN, -ETIMEDOUT: not now. -EIO: it will never
 * (its certificate is not trusted, it speaks no HTTP). -ENOMEM. */
int s3_ask(struct s3_client *c, const struct s3_request *request, struct s3_answer *ret);

#endif
