/*
 * script: a server that answers as it is told: well, half, nonsense or not at all. One connection at a time, on a
 * thread of its own.
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

/* One answer for each request; NULL: closes without one; "": never answers; with "CUT" in it: closes after it. */
void script_start(struct script *s, const char *const *answers, size_t count);
/* Waits for the answers to be used up, or for nobody to be there any more; the counts stay. */
void script_end(struct script *s);

#endif
