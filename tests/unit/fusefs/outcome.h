/* outcome: the result of a call that is answered later, by any thread. outcome_tell is called once for each. */
#ifndef NEPHOS_TESTS_OUTCOME_H
#define NEPHOS_TESTS_OUTCOME_H

#include "common/proto/op_answer.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define OUTCOME_WAIT_S 120 /* a deadline of tests: only reached when something hangs */

struct outcome {
	pthread_mutex_t lock;
	pthread_cond_t over;
	bool done;
	int error;
	/* Callbacks store their results here before they call outcome_tell. */
	int64_t id, size, seq;
	struct op_result result; /* its pointers are no longer valid after the callback */
};

void outcome_init(struct outcome *o);
void outcome_tell(struct outcome *o, int error);
int outcome_wait(struct outcome *o); /* returns the error */

#endif
