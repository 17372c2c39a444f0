#include "backend/user/rules/account_name.h"

#include "backend/user/rules/shared_letter.h"
#include "backend/user/rules/spelling.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unictype.h>
#include <uninorm.h>

#define EXACT_PREFIX "=" /* no name contains it, so no fold of a name begins with it */

static_assert(sizeof(EXACT_PREFIX) + USER_NAME_SIZE <= USER_NAME_KEY_SIZE, "an exact key fits its place");

__attribute__((format(printf, 3, 4))) static int refuse(char ret_why[NAME_WHY_SIZE], int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(ret_why, NAME_WHY_SIZE, format, args);
	va_end(args);
	return code;
}

static int refuse_flaw(char ret_why[NAME_WHY_SIZE], const char *what, enum spelling_flaw flaw, uint32_t c)
{
	return refuse(ret_why, -EINVAL, "%s may not have %s: U+%04" PRIX32, what, spelling_flaw_name(flaw), c);
}

/* NFC of 1 to USER_NAME_CHARS_MAX characters. */
static int normalize(const char *text, const char *what, char ret[USER_NAME_SIZE], char ret_why[NAME_WHY_SIZE])
{
	unsigned count = 0;

	int r = spelling_nfc(text, ret, USER_NAME_SIZE);
	if (r == -EINVAL)
		return refuse(ret_why, r, "%s must be UTF-8", what);
	if (r == 0)
		for (const char *at = ret; *at; count++)
			(void)spelling_next(&at);
	if (r == -ENAMETOOLONG || count > USER_NAME_CHARS_MAX)
		return refuse(ret_why, -ENAMETOOLONG, "%s may have at most %u characters", what, USER_NAME_CHARS_MAX);
	if (r == 0 && count == 0)
		return refuse(ret_why, -EINVAL, "%s must have at least one character", what);
	return r;
}

/* ---- the characters of a name ---- */

#define MASK_LETTER (UC_CATEGORY_MASK_L)
#define MASK_MARK (UC_CATEGORY_MASK_Mn | UC_CATEGORY_MASK_Mc)

static bool is_any(uint32_t c, uint32_t mask)
{
	return uc_is_general_category_withtable(c, mask);
}

static bool is_arabic(uint32_t c)
{
	return is_any(c, MASK_LETTER) && uc_is_script(c, uc_script(0x0627));
}

/* Joiners are invisible, and change how text is written behind a virama and between letters of Arabic script. The
 * fold drops them. */
static bool is_joined(uint32_t before, uint32_t c, uint32_t after)
{
	if (c != 0x200c && c != 0x200d)
		return false;
	if (is_any(after, MASK_LETTER) && uc_combining_class(before) == UC_CCC_VR)
		return true;
	return is_arabic(before) && is_arabic(after);
}

static bool is_name_character(uint32_t c)
{
	if (c < 0x80)
		return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			strchr(" ._-@+'", (int)c);
	return is_any(c, MASK_LETTER | MASK_MARK | UC_CATEGORY_MASK_Nd) &&
		!uc_is_property(c, UC_PROPERTY_DEFAULT_IGNORABLE_CODE_POINT);
}

struct reading {
	uint32_t before;
	unsigned marks; /* consecutive marks */
	uint32_t zero;	/* code point of zero in the script of the digits so far */
	bool digits;
	char *why;
};

static int read_mark(struct reading *r, uint32_t c)
{
	if (r->before == 0 || !is_any(r->before, MASK_LETTER | MASK_MARK | UC_CATEGORY_MASK_Nd | UC_CATEGORY_MASK_Cf))
		return refuse(r->why, -EINVAL, "in a name a mark must stand on a letter: U+%04" PRIX32, c);
	if (++r->marks > NAME_MARKS_MAX)
		return refuse(r->why, -EINVAL, "a letter of a name may have at most %d marks", NAME_MARKS_MAX);
	return 0;
}

static int read_digit(struct reading *r, uint32_t c)
{
	const uint32_t zero = c - (uint32_t)uc_decimal_value(c);

	if (r->digits && zero != r->zero)
		return refuse(r->why, -EINVAL, "all digits of a name must be of one script");
	r->digits = true;
	r->zero = zero;
	return 0;
}

static int read_character(struct reading *r, uint32_t c, uint32_t after)
{
	if (is_joined(r->before, c, after))
		return 0;
	if (spelling_flaw(c) != SPELLING_FINE)
		return refuse_flaw(r->why, "a name", spelling_flaw(c), c);
	if (!is_name_character(c))
		return refuse(r->why, -EINVAL,
			"a name may have letters, digits, spaces between them, and . _ - @ + ', but not U+%04" PRIX32,
			c);
	if (c == ' ' && (r->before == 0 || r->before == ' ' || after == 0))
		return refuse(
			r->why, -EINVAL, "a name may not begin or end with a space, nor have two of them together");
	if (is_any(c, MASK_MARK))
		return read_mark(r, c);
	r->marks = 0;
	return is_any(c, UC_CATEGORY_MASK_Nd) ? read_digit(r, c) : 0;
}

static int check_characters(const char *name, char ret_why[NAME_WHY_SIZE])
{
	struct reading reading = {0};
	int r = 0;

	reading.why = ret_why;
	while (r == 0 && *name) {
		const uint32_t c = spelling_next(&name);
		const char *next = name;

		r = read_character(&reading, c, spelling_next(&next));
		reading.before = c;
	}
	return r;
}

/* ---- its scripts ---- */

enum { LATIN = 1, HAN = 2, HIRAGANA = 4, KATAKANA = 8, BOPOMOFO = 16, HANGUL = 32 };

static const struct {
	uint32_t letter; /* a letter of the script */
	unsigned bit;
} MIXED[] = {{'a', LATIN}, {0x4e00, HAN}, {0x3042, HIRAGANA}, {0x30a2, KATAKANA}, {0x3105, BOPOMOFO}, {0xac00, HANGUL}};

static const unsigned TOGETHER[] = {LATIN | HAN | HIRAGANA | KATAKANA, LATIN | HAN | BOPOMOFO, LATIN | HAN | HANGUL};

static unsigned mixed_bit(const uc_script_t *script)
{
	for (size_t i = 0; i < sizeof(MIXED) / sizeof(MIXED[0]); i++)
		if (uc_script(MIXED[i].letter) == script)
			return MIXED[i].bit;
	return 0;
}

/* Whether the characters of this script may be mixed with every script. */
static bool is_common(const uc_script_t *script)
{
	return !script || script == uc_script('0') || script == uc_script(0x0300);
}

static bool go_together(unsigned bits)
{
	for (size_t i = 0; i < sizeof(TOGETHER) / sizeof(TOGETHER[0]); i++)
		if ((bits & ~TOGETHER[i]) == 0)
			return true;
	return false;
}

/* Whether a letter of these scripts (shared_letter_scripts) belongs to a script that the name is written in. In a name
 * without a letter of one script it must have a script in common with every other such letter. */
static bool is_of_name(const char *name, const char *scripts)
{
	bool written = false, found = false, common = true;

	while (*name) {
		const uint32_t c = spelling_next(&name);
		const uc_script_t *script = uc_script(c);
		const char *others = shared_letter_scripts(c);

		if (!is_common(script)) {
			written = true;
			found = found || shared_letter_meet(scripts, script->name);
		} else if (others) {
			common = common && shared_letter_meet(scripts, others);
		}
	}
	return written ? found : common;
}

static int check_shared(const char *name, char ret_why[NAME_WHY_SIZE])
{
	for (const char *at = name; *at;) {
		const uint32_t c = spelling_next(&at);
		const char *scripts = shared_letter_scripts(c);

		if (scripts && !is_of_name(name, scripts))
			return refuse(ret_why, -EINVAL,
				"a name must be written in one script, to which U+%04" PRIX32 " does not belong", c);
	}
	return 0;
}

static int check_scripts(const char *name, char ret_why[NAME_WHY_SIZE])
{
	const uc_script_t *first = NULL;
	const char *at = name;
	unsigned bits = 0;

	while (*at) {
		const uc_script_t *script = uc_script(spelling_next(&at));
		const unsigned bit = mixed_bit(script);

		if (is_common(script) || script == first)
			continue;
		if (first && (bit == 0 || bits == 0 || !go_together(bits | bit)))
			return refuse(ret_why, -EINVAL, "a name must be written in one script, not in %s and %s",
				first->name, script->name);
		first = first ? first : script;
		bits |= bit;
	}
	return check_shared(name, ret_why);
}

int account_name_make(const char *text, struct account_name *ret, char ret_why[NAME_WHY_SIZE])
{
	struct account_name made;

	int r = normalize(text, "a name", made.name, ret_why);
	if (r == 0)
		r = check_characters(made.name, ret_why);
	if (r == 0)
		r = check_scripts(made.name, ret_why);
	if (r == 0) {
		r = spelling_fold(made.name, made.key, sizeof(made.key));
		if (r == -ENAMETOOLONG)
			return refuse(ret_why, r,
				"the name is too long once each of its letters is written out: choose a shorter one");
	}
	/* The fold must be a valid name too: no letter that stands for several may hide others. */
	if (r == 0)
		r = check_characters(made.key, ret_why);
	if (r == 0)
		r = check_scripts(made.key, ret_why);
	if (r == 0)
		*ret = made;
	return r;
}

int account_name_keys(const char *typed, struct account_name_keys *ret)
{
	const int size = snprintf(ret->exact, sizeof(ret->exact), EXACT_PREFIX "%s", typed);

	if (size < 0 || (size_t)size >= sizeof(ret->exact))
		return -ENAMETOOLONG;
	return spelling_fold(typed, ret->fold, sizeof(ret->fold));
}

/* ---- other texts ---- */

int account_name_label(const char *text, char ret[USER_NAME_SIZE], char ret_why[NAME_WHY_SIZE])
{
	char label[USER_NAME_SIZE];
	uint32_t c = 0;

	int r = normalize(text, "the name of a key", label, ret_why);
	if (r < 0)
		return r;
	const enum spelling_flaw flaw = spelling_first_flaw(label, &c);
	if (flaw != SPELLING_FINE)
		return refuse_flaw(ret_why, "the name of a key", flaw, c);
	memcpy(ret, label, sizeof(label));
	return 0;
}

int account_name_email(const char *text, char ret[USER_EMAIL_BYTES_MAX + 1], char ret_why[NAME_WHY_SIZE])
{
	char email[USER_EMAIL_BYTES_MAX + 1] = "";
	uint32_t c = 0;

	int r = spelling_nfc(text, email, sizeof(email));
	if (r == -ENAMETOOLONG)
		return refuse(ret_why, r, "email may have at most %u bytes", USER_EMAIL_BYTES_MAX);
	if (r < 0)
		return refuse(ret_why, r, "email must be UTF-8");
	const enum spelling_flaw flaw = spelling_first_flaw(email, &c);
	if (flaw != SPELLING_FINE)
		return refuse_flaw(ret_why, "email", flaw, c);
	const char *at = strchr(email, '@');
	if (!at || at == email || !at[1] || strchr(at + 1, '@'))
		return refuse(ret_why, -EINVAL, "email must be an address of the form NAME@HOST");
	for (const char *next = email; *next;)
		if (is_any(spelling_next(&next), UC_CATEGORY_MASK_Z))
			return refuse(ret_why, -EINVAL, "email may not have spaces");
	memcpy(ret, email, sizeof(email));
	return 0;
}
