#include "backend/user/rules/account_name.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct account_name made;
static char why[NAME_WHY_SIZE];

static void names_of_many_scripts_are_normalized_and_folded_to_keys(void **state)
{
	static const char *const GOOD[][3] = {
		/* as typed, as kept, and the key */
		{"Ann-Marie O'Neil+x@y_1.z", "Ann-Marie O'Neil+x@y_1.z", "ann-marie o'neil+x@y_1.z"},
		{"ZOË", "ZOË", "zoë"},
		{"Zoe\xcc\x88", "Zoë", "zoë"}, /* the same, decomposed */
		{"Ωμέγα", "Ωμέγα", "ωμέγα"},
		{"Юрий 2", "Юрий 2", "юрий 2"},
		{"Straße", "Straße", "strasse"},
		{"नमस्ते", "नमस्ते", "नमस्ते"}, /* letters with marks */
		{"สมชาย น้ำ", "สมชาย น้ำ", "สมชาย น\xe0\xb9\x89\xe0\xb9\x8dา"},
		{"محمد ٣", "محمد ٣", "محمد ٣"},
		{"שָׁלוֹם", NULL, NULL},
		{"田中たなかタナカ", "田中たなかタナカ", "田中たなかタナカ"},
		{"東京Tower", "東京Tower", "東京tower"},
		{"김철수", "김철수", "김철수"},
		{"\xe1\x84\x80\xe1\x85\xa1", "가", "가"}, /* a decomposed syllable */
		{"金철수", "金철수", "金철수"},
		{"臺灣ㄊㄞ", "臺灣ㄊㄞ", "臺灣ㄊㄞ"},
		{"スーパー", "スーパー", "スーパー"},
		{"\xe0\xb6\xb1\xe0\xb7\x8a\xe2\x80\x8d\xe0\xb6\xaf", "\xe0\xb6\xb1\xe0\xb7\x8a\xe2\x80\x8d\xe0\xb6\xaf",
			"\xe0\xb6\xb1\xe0\xb7\x8a\xe0\xb6\xaf"}, /* a joiner after a virama */
		{"می\xe2\x80\x8cخواهم", "می\xe2\x80\x8cخواهم", "میخواهم"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(GOOD) / sizeof(GOOD[0]); i++) {
		if (account_name_make(GOOD[i][0], &made, why) != 0)
			fail_msg("%s: %s", GOOD[i][0], why);
		if (!GOOD[i][1])
			continue;
		assert_string_equal(made.name, GOOD[i][1]);
		assert_string_equal(made.key, GOOD[i][2]);
	}
}

static void compatibility_variants_of_a_name_have_the_same_key(void **state)
{
	static const char *const ROOT[] = {"root", "ROOT", "ｒｏｏｔ", "𝐫𝐨𝐨𝐭", "ⓡⓞⓞⓣ"};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(account_name_make(ROOT[i], &made, why), 0);
		assert_string_equal(made.key, "root");
	}
	assert_int_equal(account_name_make(ROOT[4], &made, why), -EINVAL); /* without letters */
	assert_int_equal(account_name_make("ﬁne", &made, why), 0);
	assert_string_equal(made.key, "fine");
}

static void misleading_names_are_refused_with_the_reason(void **state)
{
	static const struct {
		const char *name, *says;
	} WRONG[] = {
		{"", "at least one"},
		{" x", "space"},
		{"x ", "space"},
		{"a  b", "space"},
		{"a/b", "U+002F"},
		{"a\\b", "U+005C"},
		{"a:b", "U+003A"},
		{"<b>", "U+003C"},
		{"a\"b", "U+0022"},
		{"a\tb", "control characters: U+0009"},
		{"a\nb", "control characters: U+000A"},
		{"a\x7f", "control characters: U+007F"},
		{"a\xc2\x85", "control characters: U+0085"},
		{"a\xe2\x80\xae\x62", "direction of writing: U+202E"},
		{"a\xe2\x80\x8f", "direction of writing: U+200F"},
		{"a\xe2\x81\xa7", "direction of writing: U+2067"},
		{"a\xe2\x80\x8b\x62", "U+200B"}, /* it has no width */
		{"a\xe2\x80\x8d\x62", "U+200D"}, /* a joiner that joins nothing */
		{"a\xc2\xad\x62", "U+00AD"},
		{"a\xef\xb8\x8f", "U+FE0F"},
		{"\xe3\x85\xa4", "U+3164"}, /* a blank letter */
		{"a\xee\x80\x80", "U+E000"},
		{"a\xcd\xb8", "Unicode does not know: U+0378"},
		{"a\xef\xbf\xbf", "Unicode does not know: U+FFFF"},
		{"a\xc3", "UTF-8"},
		{"\xff", "UTF-8"},
		{"\xed\xa0\x80", "UTF-8"},
		{"\xc0\xaf", "UTF-8"},
		{"\xcc\x88x", "a mark must stand on a letter: U+0308"},
		{"x \xcc\x88", "a mark must stand on a letter: U+0308"},
		{"e\xcc\xa8\xcc\xb1\xcc\xb2\xcc\xb3\xcc\xb4\xcc\xb5", "at most 4 marks"},
		{"r\xd0\xbe\xd0\xbet", "Latin and Cyrillic"},
		{"p\xce\xb1yp\xce\xb1l", "Latin and Greek"},
		{"\xc2\xb5root", "Greek and Latin"}, /* a sign of all scripts, but it means a Greek letter */
		{"たなか김", "Hiragana and Hangul"},
		{"ㄊたなか", "Bopomofo and Hiragana"},
		{"नাम", "Devanagari and Bengali"},
		{"bobー", "U+30FC"}, /* no script of its own, but only kana have it */
		{"x\xd9\x80y", "U+0640"},
		{"たー\xd9\x80", "U+0640"},
		{"ー\xd9\x80", "U+30FC"},
		{"x\xd9\x8b", "U+064B"},
		{"x1\xd9\xa1", "digits"},
		{"😀", "U+1F600"},
		{"①", "U+2460"},
		{"a／b", "U+FF0F"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
		why[0] = '\0';
		assert_int_equal(account_name_make(WRONG[i].name, &made, why), -EINVAL);
		if (!strstr(why, WRONG[i].says))
			fail_msg("\"%s\" instead of \"%s\"", why, WRONG[i].says);
	}
}

static void repeat(char *ret, const char *text, size_t count)
{
	const size_t size = strlen(text);

	for (size_t i = 0; i < count; i++)
		memcpy(ret + i * size, text, size);
	ret[count * size] = '\0';
}

static void a_name_has_at_most_64_characters(void **state)
{
	char longest[65 * 9 + 1];

	(void)state;
	repeat(longest, "\xf0\x9d\x94\x84", 64); /* a letter of four bytes */
	assert_int_equal(account_name_make(longest, &made, why), 0);
	repeat(longest + strlen(longest), "a", 1);
	assert_int_equal(account_name_make(longest, &made, why), -ENAMETOOLONG);
	repeat(longest, "\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8", 64); /* counted when composed */
	assert_int_equal(account_name_make(longest, &made, why), 0);
	repeat(longest, "\xef\xb7\xba", 20); /* each stands for four words */
	assert_int_equal(account_name_make(longest, &made, why), -ENAMETOOLONG);
	assert_non_null(strstr(why, "written out"));
}

static void variants_of_a_typed_name_give_the_key_of_the_account(void **state)
{
	static const char *const TYPED[] = {"ZOE\xcc\x88", "zoë", "Ｚｏë"};
	struct account_name_keys keys;

	(void)state;
	assert_int_equal(account_name_make("Zoë", &made, why), 0);
	for (size_t i = 0; i < sizeof(TYPED) / sizeof(TYPED[0]); i++) {
		assert_int_equal(account_name_keys(TYPED[i], &keys), 0);
		assert_string_equal(keys.fold, made.key);
		assert_string_equal(keys.exact + 1, TYPED[i]);
	}
	assert_int_equal(account_name_keys("a/b", &keys), 0); /* no valid name now, perhaps an old one */
	assert_int_equal(account_name_keys("\xff", &keys), -EINVAL);
}

static void labels_may_hold_any_printable_character(void **state)
{
	char label[USER_NAME_SIZE];

	(void)state;
	assert_int_equal(account_name_label("my laptop / home: \"old\" 👩‍💻 e\xcc\x81", label, why), 0);
	assert_string_equal(label, "my laptop / home: \"old\" 👩‍💻 é");
	assert_int_equal(account_name_label("", label, why), -EINVAL);
	assert_int_equal(account_name_label("a\nb", label, why), -EINVAL);
	assert_int_equal(account_name_label("a\xe2\x80\xae", label, why), -EINVAL);
	assert_non_null(strstr(why, "the name of a key may not have characters that turn"));
}

static void an_email_address_needs_text_on_both_sides_of_one_at_sign(void **state)
{
	static const char *const WRONG[] = {
		"x", "@", "x@", "@x", "a@b@c", "a b@c", "a@b\n", "a@b\xe2\x80\xae", "a@\xc2\xa0", "a@\xff"};
	char longest[300], email[USER_EMAIL_BYTES_MAX + 1];

	(void)state;
	assert_int_equal(account_name_email("a@b", email, why), 0);
	assert_int_equal(account_name_email("e\xcc\x81@b", email, why), 0);
	assert_string_equal(email, "é@b");
	for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
		assert_int_equal(account_name_email(WRONG[i], email, why), -EINVAL);
		assert_non_null(strstr(why, "email"));
	}
	memset(longest, 'a', sizeof(longest));
	longest[1] = '@';
	longest[254] = '\0';
	assert_int_equal(account_name_email(longest, email, why), 0);
	longest[254] = 'a';
	longest[255] = '\0';
	assert_int_equal(account_name_email(longest, email, why), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_many_scripts_are_normalized_and_folded_to_keys),
		cmocka_unit_test(compatibility_variants_of_a_name_have_the_same_key),
		cmocka_unit_test(misleading_names_are_refused_with_the_reason),
		cmocka_unit_test(a_name_has_at_most_64_characters),
		cmocka_unit_test(variants_of_a_typed_name_give_the_key_of_the_account),
		cmocka_unit_test(labels_may_hold_any_printable_character),
		cmocka_unit_test(an_email_address_needs_text_on_both_sides_of_one_at_sign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
