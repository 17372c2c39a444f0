#include "common/base/sha256.h"

#include "common/base/text.h"

#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>

int sha256_init(struct sha256 *s)
{
	s->context = EVP_MD_CTX_new();
	if (!s->context)
		return -ENOMEM;
	if (EVP_DigestInit_ex(s->context, EVP_sha256(), NULL) != 1) {
		sha256_fini(s);
		return -ENOMEM; /* for a digest that always exists, want of memory is the only reason */
	}
	return 0;
}

void sha256_fini(struct sha256 *s)
{
	if (!s)
		return;
	EVP_MD_CTX_free(s->context);
	s->context = NULL;
}

int sha256_update(struct sha256 *s, const void *data, size_t size)
{
	return EVP_DigestUpdate(s->context, data, size) == 1 ? 0 : -EIO;
}

int sha256_final(struct sha256 *s, uint8_t ret[SHA256_BYTES])
{
	uint8_t digest[SHA256_BYTES];

	if (EVP_DigestFinal_ex(s->context, digest, NULL) != 1)
		return -EIO;
	if (EVP_DigestInit_ex(s->context, EVP_sha256(), NULL) != 1)
		return -EIO;
	memcpy(ret, digest, sizeof(digest));
	return 0;
}

/* EVP_sha256 makes the library look the digest up by name at each use, which takes longer than hashing a token. */
static pthread_once_t found_once = PTHREAD_ONCE_INIT;
static const EVP_MD *found; /* set once, never freed */

static void find(void)
{
	found = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (!found)
		found = EVP_sha256();
}

int sha256_of(struct span data, uint8_t ret[SHA256_BYTES])
{
	(void)pthread_once(&found_once, find);
	return EVP_Digest(data.data, data.size, ret, NULL, found, NULL) == 1 ? 0 : -EIO;
}

int sha256_hex(struct span data, char ret[SHA256_HEX_SIZE])
{
	uint8_t digest[SHA256_BYTES];
	int r = sha256_of(data, digest);

	if (r < 0)
		return r;
	text_hex(digest, sizeof(digest), ret);
	return 0;
}

int sha256_hmac(struct span key, struct span data, uint8_t ret[SHA256_BYTES])
{
	const void *bytes = key.size > 0 ? key.data : ""; /* libcrypto takes NULL for "the previous key" */
	unsigned size = SHA256_BYTES;

	if (key.size > INT_MAX)
		return -EINVAL;
	return HMAC(EVP_sha256(), bytes, (int)key.size, (const unsigned char *)data.data, data.size, ret, &size) ? 0
														 : -EIO;
}
