/* account_name: what accounts and keys may be called, and what an address may look like. Pure, any thread. */
#ifndef NEPHOS_USER_ACCOUNT_NAME_H
#define NEPHOS_USER_ACCOUNT_NAME_H

#include "backend/user/user_store.h"

/*
 * 1 to USER_NAME_CHARS_MAX letters and digits of any script, and " . _ - @ + ' "; no space at either end. Other characters could be
 * invisible, turn the reading direction, or mean something in a path. ret_key: the name without case. -EINVAL, -ENAMETOOLONG.
 */
int account_name_fold(const char *name, char ret_key[USER_NAME_KEY_SIZE]);
/* 1 to USER_NAME_CHARS_MAX printable characters. -EINVAL, -ENAMETOOLONG. */
int account_label_check(const char *label);
/* Something before and after one '@', without spaces and control characters. -EINVAL, -ENAMETOOLONG. */
int account_email_check(const char *email);

#endif
