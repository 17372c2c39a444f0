/*
 * account_name: what accounts and keys may be called, and what an address may look like. All of them are kept in NFC.
 * Pure, any thread.
 *
 * A name is made of letters of one script with their marks, digits of one kind, and " . _ - @ + ' "; one space at a
 * time, none at either end. Han goes with kana, with bopomofo and with hangul, and all of these with Latin, as they are
 * written; what belongs to every script goes with each (UTS 39, "highly restrictive"). Joiners stand where a script
 * needs them. Other characters could be invisible, turn the direction of writing, or mean something in a path. Two
 * names that look alike have one key: the fold of spelling.
 */
#ifndef NEPHOS_USER_ACCOUNT_NAME_H
#define NEPHOS_USER_ACCOUNT_NAME_H

#include "backend/user/rows/user_store.h"

#define NAME_WHY_SIZE 160
#define NAME_MARKS_MAX 4 /* on one letter: no script puts more there; towers of them cover the lines around (UTS 39) */

struct account_name {
	char name[USER_NAME_SIZE];
	char key[USER_NAME_KEY_SIZE];
};

/* -EINVAL, -ENAMETOOLONG: why is in ret_why, for the person who chose it. -ENOMEM. */
int account_name_make(const char *text, struct account_name *ret, char ret_why[NAME_WHY_SIZE]);
/*
 * What the account of a name that somebody types is found by, if there is one. exact is for accounts of before names
 * were folded whose fold was another's already:
 * they are found by what they are called, to the byte. -EINVAL, -ENAMETOOLONG: nobody is called so;
 * exact is made all the same where it fits.
 */
struct account_name_keys {
	char fold[USER_NAME_KEY_SIZE];
	char exact[USER_NAME_KEY_SIZE];
};
int account_name_keys(const char *typed, struct account_name_keys *ret);
/* 1 to USER_NAME_CHARS_MAX characters, nothing of which is a control character. As account_name_make. */
int account_name_label(const char *text, char ret[USER_NAME_SIZE], char ret_why[NAME_WHY_SIZE]);
/* Something before and after one '@', without spaces and control characters. As account_name_make. */
int account_name_email(const char *text, char ret[USER_EMAIL_BYTES_MAX + 1], char ret_why[NAME_WHY_SIZE]);

#endif
