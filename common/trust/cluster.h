/*
 * cluster: the keys by which the processes of one store recognise each other: 32 bytes as hex, one key a line, in a
 * file that nobody else may read. A process uses the first key for what it begins, and accepts all of them from
 * others: so a key can be exchanged while everything runs. No key is ever sent, nor anything that is made of a key
 * alone. Any thread.
 */
#ifndef NEPHOS_TRUST_CLUSTER_H
#define NEPHOS_TRUST_CLUSTER_H

#include "common/base/sha256.h"
#include "common/trust/hello.h"

#define CLUSTER_KEYS_MAX HELLO_KEYS_MAX

struct cluster;

/* -EPERM: others may read the file; -EINVAL: not 1 to CLUSTER_KEYS_MAX lines of 64 hex digits, or a key twice; or
 * the error of reading the file. */
int cluster_new(const char *path, struct cluster **ret);
int cluster_new_of(const uint8_t key[SHA256_BYTES], struct cluster **ret); /* one key, from memory */
void cluster_free(struct cluster *c);					   /* accepts NULL */
/* Reads the file again. If it cannot be read or is invalid, the previous keys stay. */
int cluster_reload(struct cluster *c);
/* Starts at 1, and grows with each reload that changed the keys. */
uint64_t cluster_generation(const struct cluster *c);
/* When a key was last removed (clock_mono_ns); 0: never. */
int64_t cluster_narrowed_ns(const struct cluster *c);
/* HMAC-SHA256(key n, label): a key for another purpose. -ENOENT: there is no key n (from 0). */
int cluster_derive(struct cluster *c, size_t n, const char *label, uint8_t ret[SHA256_BYTES]);
/* Copies the keys of the greeting; returns their generation. */
uint64_t cluster_hello_keys(struct cluster *c, struct hello_keys *ret);

#endif
