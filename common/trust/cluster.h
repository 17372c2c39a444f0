/*
 * cluster: the keys that the processes of one store know each other by: 32 bytes as hex, one a line, in a file that
 * nobody else may read. The first one is used for what is begun here, all of them are accepted from others: so a key
 * can be exchanged while everything runs. No key travels, and nothing does that is made of one alone. Any thread.
 */
#ifndef NEPHOS_TRUST_CLUSTER_H
#define NEPHOS_TRUST_CLUSTER_H

#include "common/base/sha256.h"
#include "common/trust/hello.h"

#define CLUSTER_KEYS_MAX HELLO_KEYS_MAX

struct cluster;

/* -EPERM: others may read the file; -EINVAL: not 1 to CLUSTER_KEYS_MAX lines of 64 hex digits, or one twice; or why it
 * cannot be read. */
int cluster_new(const char *path, struct cluster **ret);
int cluster_new_of(const uint8_t key[SHA256_BYTES], struct cluster **ret); /* one key, from memory */
void cluster_free(struct cluster *c);					   /* NULL is fine */
/* Reads the file again. What it said before stays when it cannot be read or makes no sense. */
int cluster_reload(struct cluster *c);
/* Grows with each reload that changed the keys, from 1. */
uint64_t cluster_generation(const struct cluster *c);
/* When a key was last taken out (clock_mono_ns); 0: never. */
int64_t cluster_narrowed_ns(const struct cluster *c);
/* HMAC-SHA256(key n, label): keys for other purposes. -ENOENT: there is no key n (from 0). */
int cluster_derive(struct cluster *c, size_t n, const char *label, uint8_t ret[SHA256_BYTES]);
/* The keys of the greeting, and the generation that they are of. */
uint64_t cluster_hello_keys(struct cluster *c, struct hello_keys *ret);

#endif
