/* outcome: what came of a call that is answered later, by whatever thread. It is told once. */
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
	/* What callbacks leave here before they tell. */
	int64_t id, size, seq;
	struct op_result result; /* what it points to is gone */
};

void outcome_init(struct outcome *o);
void outcome_tell(struct outcome *o, int error);
int outcome_wait(struct outcome *o); /* the error */

#endif
