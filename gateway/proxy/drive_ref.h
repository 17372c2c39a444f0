/*
 * drive_ref: which drive a request is about, as its target says it: by a number, as the caller's first drive, or not at
 * all. It reads a target as the services do, escapes included: what it took for another drive than they do would be
 * answered from what is kept of the wrong one. Pure.
 */
#ifndef NEPHOS_GATEWAY_PROXY_DRIVE_REF_H
#define NEPHOS_GATEWAY_PROXY_DRIVE_REF_H

#include <stdbool.h>
#include <stdint.h>

#define DRIVE_REF_BELOW_SIZE 80 /* the longest that a route has is a block: 71; what is longer is cut */

struct drive_ref {
	bool first;	/* the caller's first drive */
	bool itself;	/* the drive, and nothing in it */
	bool v1_list;	/* its documents, as version 1 lists them */
	uint32_t drive; /* this one; 0: none, or the first */
	/* Version 2: the two segments that follow it, decoded, with a slash between; "": there are none. */
	char below[DRIVE_REF_BELOW_SIZE];
};

/* target: raw, with its query. */
struct drive_ref drive_ref_find(const char *target);

#endif
