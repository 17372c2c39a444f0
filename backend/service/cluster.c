#include "backend/service/cluster.h"

#include "common/base/file.h"
#include "common/base/text.h"

#include <ctype.h>
#include <errno.h>

#define KEY_FILE_BYTES_MAX 256 /* 64 digits and white space */

static int parse_key(const struct buf *text, uint8_t ret[SHA256_BYTES])
{
	struct span hex = buf_span(text);

	while (hex.size > 0 && isspace((unsigned char)hex.data[hex.size - 1]))
		hex.size--;
	return text_unhex(hex, ret, SHA256_BYTES);
}

int cluster_load(const char *path, struct cluster *ret)
{
	struct cluster c;
	uint8_t proof[SHA256_BYTES];
	struct buf text;

	buf_init(&text, KEY_FILE_BYTES_MAX);
	int r = file_read(path, KEY_FILE_BYTES_MAX, true, &text);
	if (r == 0)
		r = parse_key(&text, c.key);
	if (r == 0)
		r = cluster_derive(&c, "nephos-cluster-v1", proof);
	if (r == 0) {
		text_hex(proof, sizeof(proof), c.proof);
		*ret = c;
	}
	buf_fini(&text);
	return r;
}

bool cluster_admits(const struct cluster *c, const char *header)
{
	return header && text_secret_eq(span_str(header), span_str(c->proof));
}

int cluster_derive(const struct cluster *c, const char *label, uint8_t ret[SHA256_BYTES])
{
	return hmac_sha256(span_of(c->key, sizeof(c->key)), span_str(label), ret);
}
