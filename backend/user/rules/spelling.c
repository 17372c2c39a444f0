#include "backend/user/rules/spelling.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <uninorm.h>
#include <unistr.h>
#include <unictype.h>

#define FOLD_ROUNDS_MAX 4 /* the second round changes nothing except for a handful of characters */

struct text {
	uint8_t *bytes;
	size_t size;
};

static void text_fini(struct text *t)
{
	if (t->bytes)
		explicit_bzero(t->bytes, t->size); /* it may be a password */
	free(t->bytes);
	t->bytes = NULL;
}

static int check_typed(const char *text)
{
	const size_t size = strlen(text);

	if (size > SPELLING_TYPED_BYTES_MAX)
		return -ENAMETOOLONG;
	return u8_check((const uint8_t *)text, size) ? -EINVAL : 0;
}

static int give(const struct text *t, char *ret, size_t size)
{
	if (t->size >= size)
		return -ENAMETOOLONG;
	if (t->bytes)
		memcpy(ret, t->bytes, t->size);
	ret[t->size] = '\0';
	return 0;
}

int spelling_nfc(const char *text, char *ret, size_t size)
{
	struct text nfc = {0};

	int r = check_typed(text);
	if (r < 0)
		return r;
	nfc.bytes = u8_normalize(UNINORM_NFC, (const uint8_t *)text, strlen(text), NULL, &nfc.size);
	r = nfc.bytes || !*text ? give(&nfc, ret, size) : -ENOMEM;
	text_fini(&nfc);
	return r;
}

static bool is_ignorable(uint32_t c)
{
	return uc_is_property(c, UC_PROPERTY_DEFAULT_IGNORABLE_CODE_POINT);
}

static void drop_ignorable(struct text *t)
{
	size_t kept = 0;
	ucs4_t c;

	if (!t->bytes)
		return;
	for (size_t at = 0; at < t->size;) {
		const int size = u8_mbtouc(&c, t->bytes + at, t->size - at);
		if (!is_ignorable(c)) {
			memmove(t->bytes + kept, t->bytes + at, (size_t)size);
			kept += (size_t)size;
		}
		at += (size_t)size;
	}
	t->size = kept;
}

/* One round of folding; ret is a new text. */
static int fold_once(const struct text *t, struct text *ret)
{
	struct text folded = {0};

	folded.bytes = u8_casefold(t->bytes, t->size, NULL, UNINORM_NFKC, NULL, &folded.size);
	if (!folded.bytes && t->size > 0)
		return -ENOMEM;
	drop_ignorable(&folded);
	*ret = folded;
	return 0;
}

int spelling_fold(const char *text, char *ret, size_t size)
{
	struct text now = {.size = strlen(text)}, next = {0};
	bool same = false;

	int r = check_typed(text);
	if (r < 0)
		return r;
	now.bytes = (uint8_t *)strdup(text);
	r = now.bytes ? 0 : -ENOMEM;
	for (int round = 0; r == 0 && !same && round < FOLD_ROUNDS_MAX; round++) {
		r = fold_once(&now, &next);
		if (r < 0)
			break;
		same = next.size == now.size && memcmp(next.bytes, now.bytes, now.size) == 0;
		text_fini(&now);
		now = next;
	}
	if (r == 0)
		r = give(&now, ret, size);
	text_fini(&now);
	return r;
}

uint32_t spelling_next(const char **at)
{
	ucs4_t c;

	if (!**at)
		return 0;
	*at += u8_mbtouc(&c, (const uint8_t *)*at, strlen(*at));
	return c;
}

enum spelling_flaw spelling_flaw(uint32_t c)
{
	if (uc_is_property(c, UC_PROPERTY_BIDI_CONTROL))
		return SPELLING_BIDI;
	if (uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Cn))
		return SPELLING_UNASSIGNED;
	if (uc_is_general_category_withtable(c,
		    UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Co | UC_CATEGORY_MASK_Cs | UC_CATEGORY_MASK_Zl |
			    UC_CATEGORY_MASK_Zp))
		return SPELLING_CONTROL;
	return SPELLING_FINE;
}

const char *spelling_flaw_name(enum spelling_flaw flaw)
{
	switch (flaw) {
	case SPELLING_UNASSIGNED:
		return "characters that Unicode does not know";
	case SPELLING_BIDI:
		return "characters that turn the direction of writing";
	case SPELLING_CONTROL:
	case SPELLING_FINE:
		break;
	}
	return "control characters";
}

enum spelling_flaw spelling_first_flaw(const char *text, uint32_t *ret_c)
{
	enum spelling_flaw flaw = SPELLING_FINE;

	while (*text && flaw == SPELLING_FINE) {
		*ret_c = spelling_next(&text);
		flaw = spelling_flaw(*ret_c);
	}
	return flaw;
}
