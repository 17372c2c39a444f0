/*
 * cluster: the key that the processes of one store know each other by. 32 bytes as hex in a file that nobody else may read.
 * The key itself never travels; what does is derived from it for one purpose. Read-only after loading: any thread.
 */
#ifndef NEPHOS_SERVICE_CLUSTER_H
#define NEPHOS_SERVICE_CLUSTER_H

#include "common/base/sha256.h"

#include <stdbool.h>

#define CLUSTER_HEADER "Nephos-Cluster"

struct cluster {
	uint8_t key[SHA256_BYTES];
	char proof[SHA256_HEX_SIZE]; /* value of CLUSTER_HEADER: hex of HMAC-SHA256(key, "nephos-cluster-v1") */
};

/* -EPERM: others may read the file; -EINVAL: not 64 hex digits; or why it cannot be read. */
int cluster_load(const char *path, struct cluster *ret);
/* Compares in constant time; header may be NULL. */
bool cluster_admits(const struct cluster *c, const char *header);
/* HMAC-SHA256(key, label): keys for other purposes, as "nephos-cap-v1". */
int cluster_derive(const struct cluster *c, const char *label, uint8_t ret[SHA256_BYTES]);

#endif
