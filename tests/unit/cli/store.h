/* store: an HTTP server for tests. It answers by a script, one step per request, and records what each request
 * contained. After the last step it answers 500. */
#ifndef NEPHOS_TESTS_CLI_STORE_H
#define NEPHOS_TESTS_CLI_STORE_H

#include "cli/api.h"
#include "common/http/server/server.h"

#include <pthread.h>

#define STORE_STEPS_MAX 8

struct store_step {
	int status;	   /* 0: status 200, and the connection is cut after the text */
	const char *text;  /* body */
	const char *field; /* headers: "Name: value", one a line; NULL: none */
};

struct store_asked {
	char method[8], target[256], key[80], token[80], range[80], match[80], digest[80];
	char body[256];
};

struct store {
	struct http_server *server;
	const struct store_step *steps;
	size_t step_count;
	pthread_mutex_t lock;
	size_t count; /* requests so far */
	struct store_asked asked[STORE_STEPS_MAX];
	struct credentials credentials;
	char out[4096]; /* what the last store_command printed on stdout */
};

#define STORE_CUT_LENGTH 10 /* the Content-Length of an answer that is cut */
#define STORE_STEPS(...) \
	(const struct store_step[]){__VA_ARGS__}, sizeof((struct store_step[]){__VA_ARGS__}) / sizeof(struct store_step)

void store_start(struct store *s, const struct store_step *steps, size_t step_count);
void store_stop(struct store *s);
/* Sets the server's credentials. When before is not NULL, their URLs are "BEFORE,own URL". */
void store_credentials(struct store *s, const char *before, const char *token);
/* Runs "nephos WORDS…" with the store's URL and token in the environment and a HOME that does not exist. Its stdout
 * goes to out. Returns the exit code of the program. */
int store_command(struct store *s, int argc, const char *const *argv);
#define STORE_COMMAND(s_, ...) \
	store_command(         \
		s_, sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *), (const char *const[]){__VA_ARGS__})

#endif
