/* store: a server for tests that answers by a script, one step a request, and keeps what it was asked. After the last
 * step it answers 500. */
#ifndef NEPHOS_TESTS_CLI_STORE_H
#define NEPHOS_TESTS_CLI_STORE_H

#include "cli/api.h"
#include "common/http/server/server.h"

#include <pthread.h>

#define STORE_STEPS_MAX 8

struct store_step {
	int status;	   /* 0: the connection is cut after the text */
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
	char out[4096]; /* what the last store_command has printed */
};

#define STORE_CUT_LENGTH 10 /* what an answer that is cut had promised */
#define STORE_STEPS(...) \
	(const struct store_step[]){__VA_ARGS__}, sizeof((struct store_step[]){__VA_ARGS__}) / sizeof(struct store_step)

void store_start(struct store *s, const struct store_step *steps, size_t step_count);
void store_stop(struct store *s);
/* credentials for it: "BEFORE,own URL" when before is not NULL. */
void store_credentials(struct store *s, const char *before, const char *token);
/* "nephos WORDS…" with the store's URL and token in the environment, and a HOME that is not there; stdout goes to out.
 * Returns what the program ends with. */
int store_command(struct store *s, int argc, const char *const *argv);
#define STORE_COMMAND(s_, ...) \
	store_command(         \
		s_, sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *), (const char *const[]){__VA_ARGS__})

#endif
