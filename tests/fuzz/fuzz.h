/*
 * fuzz: what a fuzz target implements and what it checks with. A target is one file. Its
 * LLVMFuzzerTestOneInput is called with any bytes and returns 0; FUZZ_CHECK aborts when a condition does not
 * hold.
 */
#ifndef NEPHOS_FUZZ_FUZZ_H
#define NEPHOS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(condition)                                                                                \
	do {                                                                                                 \
		if (!(condition)) {                                                                          \
			(void)fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                                             \
		}                                                                                            \
	} while (0)

#endif
