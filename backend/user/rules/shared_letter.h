/*
 * shared_letter: letters and marks that have no script of their own, but are used in some scripts only: the sign for
 * a long vowel of Japanese, the mark that stretches Arabic letters. The library for Unicode knows one script for each
 * character (the property Script), which is Common or Inherited for these; the scripts are in the property
 * Script_Extensions (UAX 24), of which this module has a part. Pure, any thread.
 */
#ifndef NEPHOS_USER_SHARED_LETTER_H
#define NEPHOS_USER_SHARED_LETTER_H

#include <stdbool.h>
#include <stdint.h>

/* The names of the scripts, with one space between them; NULL: the character has a script of its own, or is used in
 * all. */
const char *shared_letter_scripts(uint32_t c);
/* Whether two lists of that form have a script in common. */
bool shared_letter_meet(const char *a, const char *b);

#endif
