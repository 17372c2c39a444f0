#include "common/base/suggest.h"

#include <stdint.h>
#include <string.h>

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t suggest_distance(const char *a, const char *b)
{
	/* Three rows of the usual table (optimal string alignment): i - 2, i - 1, i. */
	size_t rows[3][SUGGEST_BYTES_MAX + 1];
	size_t size_a = strlen(a), size_b = strlen(b);

	if (size_a > SUGGEST_BYTES_MAX || size_b > SUGGEST_BYTES_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= size_b; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= size_a; i++) {
		const size_t *before = rows[(i + 1) % 3], *above = rows[(i - 1) % 3];
		size_t *row = rows[i % 3];

		row[0] = i;
		for (size_t j = 1; j <= size_b; j++) {
			row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
	}
	return rows[size_a % 3][size_b];
}

void suggest_init(struct suggest *s, const char *word)
{
	*s = (struct suggest){.word = word, .distance = SIZE_MAX};
}

void suggest_offer(struct suggest *s, const char *name)
{
	size_t distance = suggest_distance(s->word, name);

	if (distance < s->distance) {
		s->distance = distance;
		s->best = name;
	}
}

const char *suggest_best(const struct suggest *s)
{
	size_t size = strlen(s->word);

	/* Allowed are one typing error, and one more for every three letters: beyond that it is another word. At
	 * least one letter must be right. */
	return s->best && s->distance < size && s->distance <= 1 + size / 3 ? s->best : NULL;
}
