/*
 * account_name: which names accounts and keys may have, and which form an email address may have. All of them are
 * stored in NFC. Pure, any thread.
 *
 * A name consists of letters of one script with their marks, digits of one kind, and " . _ - @ + ' "; single
 * spaces, none at either end. Han may be mixed with kana, with bopomofo and with hangul, and all of these with
 * Latin, as they are written; characters that belong to every script may be mixed with each (UTS 39, "highly
 * restrictive"). Joiners are allowed where a script needs them. Other characters could be invisible, change the
 * direction of writing, or have a meaning in a path. Two names that look alike have one key: the fold of
 * spelling.
 */
#ifndef NEPHOS_USER_ACCOUNT_NAME_H
#define NEPHOS_USER_ACCOUNT_NAME_H

#include "backend/user/rows/user_store.h"

#define NAME_WHY_SIZE 160
#define NAME_MARKS_MAX 4 /* on one letter: no script needs more; stacks of them would cover the lines around (UTS 39) */

struct account_name {
	char name[USER_NAME_SIZE];
	char key[USER_NAME_KEY_SIZE];
};

/* Checks a name and makes its key. -EINVAL, -ENAMETOOLONG: ret_why has the reason, for the person who chose the
 * name. -ENOMEM. */
int account_name_make(const char *text, struct account_name *ret, char ret_why[NAME_WHY_SIZE]);
/*
 * The keys under which to look up the account of a typed name. `exact` is for accounts that were made before
 * names were folded and whose fold was another account's already: these are found by their exact name, byte by
 * byte. -EINVAL, -ENAMETOOLONG: no account has such a name; `exact` is set all the same where it fits.
 */
struct account_name_keys {
	char fold[USER_NAME_KEY_SIZE];
	char exact[USER_NAME_KEY_SIZE];
};
int account_name_keys(const char *typed, struct account_name_keys *ret);
/* Checks the name of a key: 1 to USER_NAME_CHARS_MAX characters, no control characters. Failures as
 * account_name_make. */
int account_name_label(const char *text, char ret[USER_NAME_SIZE], char ret_why[NAME_WHY_SIZE]);
/* Checks an email address: text before and after one '@', without spaces and control characters. Failures as
 * account_name_make. */
int account_name_email(const char *text, char ret[USER_EMAIL_BYTES_MAX + 1], char ret_why[NAME_WHY_SIZE]);

#endif
