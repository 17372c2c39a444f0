#include "backend/user/rules/shared_letter.h"

#include <stddef.h>
#include <string.h>

/* From ScriptExtensions.txt of Unicode 14, as of libunistring 1.0: the letters, marks and digits whose Script is
 * Common or Inherited and whose Script_Extensions is not. Characters that a later version adds are unassigned for that
 * library, and no name has them. */
static const struct {
	uint32_t first, last;
	const char *scripts;
} SHARED[] = {
	{0x0342, 0x0342, "Greek"},
	{0x0345, 0x0345, "Greek"},
	{0x0363, 0x036f, "Latin"},
	{0x0485, 0x0486, "Cyrillic Latin"},
	{0x0640, 0x0640,
		"Adlam Arabic Hanifi_Rohingya Mandaic Manichaean Old_Uyghur Psalter_Pahlavi Sogdian "
		"Syriac"},
	{0x064b, 0x0655, "Arabic Syriac"},
	{0x0670, 0x0670, "Arabic Syriac"},
	{0x0951, 0x0951,
		"Bengali Devanagari Grantha Gujarati Gurmukhi Kannada Latin Malayalam Oriya Sharada "
		"Tamil Telugu Tirhuta"},
	{0x0952, 0x0952,
		"Bengali Devanagari Grantha Gujarati Gurmukhi Kannada Latin Malayalam Oriya Tamil "
		"Telugu Tirhuta"},
	{0x1cd0, 0x1cd0, "Bengali Devanagari Grantha Kannada"},
	{0x1cd1, 0x1cd1, "Devanagari"},
	{0x1cd2, 0x1cd2, "Bengali Devanagari Grantha Kannada"},
	{0x1cd4, 0x1cd4, "Devanagari"},
	{0x1cd5, 0x1cd6, "Bengali Devanagari"},
	{0x1cd7, 0x1cd7, "Devanagari Sharada"},
	{0x1cd8, 0x1cd8, "Bengali Devanagari"},
	{0x1cd9, 0x1cd9, "Devanagari Sharada"},
	{0x1cda, 0x1cda, "Devanagari Kannada Malayalam Oriya Tamil Telugu"},
	{0x1cdb, 0x1cdb, "Devanagari"},
	{0x1cdc, 0x1cdd, "Devanagari Sharada"},
	{0x1cde, 0x1cdf, "Devanagari"},
	{0x1ce0, 0x1ce0, "Devanagari Sharada"},
	{0x1ce1, 0x1ce1, "Bengali Devanagari"},
	{0x1ce2, 0x1ce8, "Devanagari"},
	{0x1ce9, 0x1ce9, "Devanagari Nandinagari"},
	{0x1cea, 0x1cea, "Bengali Devanagari"},
	{0x1ceb, 0x1cec, "Devanagari"},
	{0x1ced, 0x1ced, "Bengali Devanagari"},
	{0x1cee, 0x1cf1, "Devanagari"},
	{0x1cf2, 0x1cf2, "Bengali Devanagari Grantha Kannada Nandinagari Oriya Telugu Tirhuta"},
	{0x1cf3, 0x1cf3, "Devanagari Grantha"},
	{0x1cf4, 0x1cf4, "Devanagari Grantha Kannada"},
	{0x1cf5, 0x1cf6, "Bengali Devanagari"},
	{0x1cf7, 0x1cf7, "Bengali"},
	{0x1cf8, 0x1cf9, "Devanagari Grantha"},
	{0x1cfa, 0x1cfa, "Nandinagari"},
	{0x1dc0, 0x1dc1, "Greek"},
	{0x1df8, 0x1df8, "Cyrillic Syriac"},
	{0x1dfa, 0x1dfa, "Syriac"},
	{0x20f0, 0x20f0, "Devanagari Grantha Latin"},
	{0x3006, 0x3006, "Han"},
	{0x302a, 0x302d, "Bopomofo Han"},
	{0x3031, 0x3035, "Hiragana Katakana"},
	{0x303c, 0x303c, "Han Hiragana Katakana"},
	{0x3099, 0x309a, "Hiragana Katakana"},
	{0x30fc, 0x30fc, "Hiragana Katakana"},
	{0xa9cf, 0xa9cf, "Buginese Javanese"},
	{0xff70, 0xff70, "Hiragana Katakana"},
	{0xff9e, 0xff9f, "Hiragana Katakana"},
	{0x102e0, 0x102e0, "Arabic Coptic"},
	{0x1133b, 0x1133b, "Grantha Tamil"},
};

const char *shared_letter_scripts(uint32_t c)
{
	for (size_t i = 0; i < sizeof(SHARED) / sizeof(SHARED[0]); i++)
		if (c >= SHARED[i].first && c <= SHARED[i].last)
			return SHARED[i].scripts;
	return NULL;
}

static bool has_script(const char *list, const char *name, size_t size)
{
	for (const char *at = list; *at; at += strspn(at, " ")) {
		const size_t one = strcspn(at, " ");

		if (one == size && memcmp(at, name, size) == 0)
			return true;
		at += one;
	}
	return false;
}

bool shared_letter_meet(const char *a, const char *b)
{
	for (; *a; a += strspn(a, " ")) {
		const size_t size = strcspn(a, " ");

		if (has_script(b, a, size))
			return true;
		a += size;
	}
	return false;
}
