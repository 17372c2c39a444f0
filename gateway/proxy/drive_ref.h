/*
 * drive_ref: which drive a request is about, according to its target: a number, the caller's first drive, or
 * none. It reads a target as the services do, escapes included: if it found another drive than they do, the
 * request would be answered from what is kept of the wrong drive. Pure.
 */
#ifndef NEPHOS_GATEWAY_PROXY_DRIVE_REF_H
#define NEPHOS_GATEWAY_PROXY_DRIVE_REF_H

#include <stdbool.h>
#include <stdint.h>

#define DRIVE_REF_BELOW_SIZE 80 /* the longest that a route has is a block: 71; anything longer is cut */

struct drive_ref {
	bool first;	/* the caller's first drive */
	bool itself;	/* the target is the drive, and nothing in it */
	bool v1_list;	/* the list of its documents, as version 1 has it */
	uint32_t drive; /* this one; 0: none, or the first */
	/* Version 2: the two segments that follow the drive, decoded, with a slash between; "": there are none. */
	char below[DRIVE_REF_BELOW_SIZE];
};

/* target: raw, with its query. */
struct drive_ref drive_ref_find(const char *target);

#endif
