#include "backend/user/account_name.h"

#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <wchar.h>
#include <wctype.h>

typedef int (*each_fn)(wint_t c, void *cookie);

/* Character by character, by the rules of C.UTF-8 whatever the process was started with. */
static int each_character(const char *text, each_fn fn, void *cookie)
{
	mbstate_t state = {0};
	unsigned count = 0;
	int r = 0;

	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	if (utf8 == (locale_t)0)
		return -ENOMEM;
	locale_t before = uselocale(utf8);
	while (r == 0 && *text) {
		wchar_t c;
		size_t size = mbrtowc(&c, text, strlen(text), &state);
		if (size == (size_t)-1 || size == (size_t)-2)
			r = -EINVAL;
		else if (++count > USER_NAME_CHARS_MAX)
			r = -ENAMETOOLONG;
		else
			r = fn((wint_t)c, cookie);
		text += size;
	}
	uselocale(before);
	freelocale(utf8);
	return r < 0 || count > 0 ? r : -EINVAL;
}

struct folding {
	char *next;
	size_t room;
};

static int fold_character(wint_t c, void *cookie)
{
	struct folding *f = cookie;
	mbstate_t state = {0};
	char bytes[MB_LEN_MAX];

	if (!iswalnum(c) && !wcschr(L" ._-@+'", (wchar_t)c))
		return -EINVAL;
	size_t size = wcrtomb(bytes, (wchar_t)towlower(c), &state);
	if (size == (size_t)-1)
		return -EINVAL;
	if (size >= f->room)
		return -ENAMETOOLONG;
	memcpy(f->next, bytes, size);
	f->next += size;
	f->room -= size;
	*f->next = '\0';
	return 0;
}

int account_name_fold(const char *name, char ret_key[USER_NAME_KEY_SIZE])
{
	char key[USER_NAME_KEY_SIZE];
	struct folding f = {key, sizeof(key)};

	int r = each_character(name, fold_character, &f);
	if (r < 0)
		return r;
	if (name[0] == ' ' || name[strlen(name) - 1] == ' ')
		return -EINVAL;
	memcpy(ret_key, key, sizeof(key));
	return 0;
}

static int check_printable(wint_t c, void *cookie)
{
	(void)cookie;
	return iswprint(c) ? 0 : -EINVAL;
}

int account_label_check(const char *label)
{
	return each_character(label, check_printable, NULL);
}

int account_email_check(const char *email)
{
	const char *at = strchr(email, '@');

	if (strlen(email) > USER_EMAIL_BYTES_MAX)
		return -ENAMETOOLONG;
	if (!at || at == email || !at[1] || strchr(at + 1, '@'))
		return -EINVAL;
	for (const char *c = email; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return -EINVAL;
	return 0;
}
