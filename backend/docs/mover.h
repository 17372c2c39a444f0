/*
 * mover: moves all blocks of a store from one kind of store to another, while services run: copied, checked by their
 * hash, then the place is changed, then the old ones go. A process of its own; killed at any point, it goes on when it
 * is started again.
 */
#ifndef NEPHOS_DOCS_MOVER_H
#define NEPHOS_DOCS_MOVER_H

struct service;

#define MOVER_THREADS 4 /* that copy side by side: a service of S3 takes 20 ms to answer */

/* text: FROM:TO. What was done, or is wrong, is logged. 0: all blocks lie in TO, and none in FROM. */
int mover_run(struct service *s, const char *text);

#endif
