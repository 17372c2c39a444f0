/*
 * mover: moves all blocks of a store from one kind of store to another, while services run: it copies them,
 * checks them by their hash, then changes the place, then removes the old ones. It is a process of its own. When
 * it is killed at any point, the next start goes on from there.
 */
#ifndef NEPHOS_DOCS_MOVER_H
#define NEPHOS_DOCS_MOVER_H

struct service;

#define MOVER_THREADS 4 /* threads that copy in parallel: a service of S3 takes 20 ms to answer */

/* text: FROM:TO. Results and errors are logged. 0: all blocks lie in TO, and none in FROM. */
int mover_run(struct service *s, const char *text);

#endif
