/*
 * Hashes passwords at a fortieth of their cost: tests of the rules hash some hundred of them, and check only
 * whether there is hashing. It still costs far more than the rest of a log-in. It is linked in place of the
 * library's function (--wrap). A hash names its cost, so verifying it is as cheap. test_password.c hashes at
 * the real cost.
 */
#include <sodium.h>

#define PASSES 1u
#define MEMORY_BYTES (1024u * 1024)

int __real_crypto_pwhash_str_alg(char out[crypto_pwhash_STRBYTES], const char *passwd, unsigned long long size,
	unsigned long long passes, size_t memory, int algorithm);
int __wrap_crypto_pwhash_str_alg(char out[crypto_pwhash_STRBYTES], const char *passwd, unsigned long long size,
	unsigned long long passes, size_t memory, int algorithm);

/* budget: the library's signature */
int __wrap_crypto_pwhash_str_alg(char out[crypto_pwhash_STRBYTES], const char *passwd, unsigned long long size,
	unsigned long long passes, size_t memory, int algorithm)
{
	(void)passes;
	(void)memory;
	return __real_crypto_pwhash_str_alg(out, passwd, size, PASSES, MEMORY_BYTES, algorithm);
}
