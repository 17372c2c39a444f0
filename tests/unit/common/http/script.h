/*
 * script: a server that sends the answers that it was given: good ones, halves, nonsense or none at all. It
 * serves one connection at a time, on a thread of its own.
 */
#ifndef NEPHOS_TESTS_HTTP_SCRIPT_H
#define NEPHOS_TESTS_HTTP_SCRIPT_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct script {
	uint16_t port; /* 0: not running */
	unsigned connections;
	unsigned requests;
	int listener;
	const char *const *answers;
	size_t count;
	int open_fd;
	pthread_t thread;
};

/* The script sends one answer for each request. NULL: it closes without one; "": it never answers; with "CUT"
 * in the answer: it closes after it. */
void script_start(struct script *s, const char *const *answers, size_t count);
/* Waits until all answers are used up, or no client is there any more; the counts stay. */
void script_end(struct script *s);

#endif
