/* suggest: the known name that is nearest to an unknown word. Pure, any thread. */
#ifndef NEPHOS_BASE_SUGGEST_H
#define NEPHOS_BASE_SUGGEST_H

#include <stddef.h>

#define SUGGEST_BYTES_MAX 64u /* longer words get no suggestion; bounds the work to 64 * 64 steps */

struct suggest {
	const char *word;
	const char *best; /* borrowed from the caller of suggest_offer */
	size_t distance;  /* of best */
};

void suggest_init(struct suggest *s, const char *word);
void suggest_offer(struct suggest *s, const char *name);
/* The nearest of the offered names, the first one of equals; NULL if none is near enough to have been meant. */
const char *suggest_best(const struct suggest *s);

/* How many characters to insert, delete, replace, or swap with the next; SIZE_MAX if a or b is over
 * SUGGEST_BYTES_MAX. */
size_t suggest_distance(const char *a, const char *b);

#endif
