#include "backend/docs/vault/part.h"

#include <errno.h>
#include <stdlib.h>

static int piece_name(const char *name, unsigned piece, char ret[VAULT_NAME_SIZE])
{
	if (piece >= PART_PIECES_MAX)
		return -EFBIG;
	return snprintf(ret, VAULT_NAME_SIZE, "%s.%06u", name, piece) < VAULT_NAME_SIZE ? 0 : -ENAMETOOLONG;
}

int part_put(struct vault *v, const char *name, FILE *from)
{
	char *bytes = malloc(VAULT_BYTES_MAX), at[VAULT_NAME_SIZE];
	size_t size = VAULT_BYTES_MAX;
	int r = bytes ? 0 : -ENOMEM;

	for (unsigned piece = 0; r == 0 && size == VAULT_BYTES_MAX; piece++) {
		size = fread(bytes, 1, VAULT_BYTES_MAX, from);
		if (ferror(from))
			r = -EIO;
		if (r == 0)
			r = piece_name(name, piece, at);
		if (r == 0 && (size > 0 || piece == 0))
			r = v->ops->put(v, at, span_of(bytes, size));
	}
	free(bytes);
	return r == 0 ? v->ops->sync(v) : r;
}

int part_get(struct vault *v, const char *name, FILE *to)
{
	char at[VAULT_NAME_SIZE];
	struct buf bytes;
	unsigned piece = 0;
	int r = 0;

	buf_init(&bytes, VAULT_BYTES_MAX);
	for (bool full = true; r == 0 && full; piece++) {
		buf_reset(&bytes);
		r = piece_name(name, piece, at);
		if (r == 0)
			r = v->ops->get(v, at, &bytes);
		if (r == 0 && fwrite(bytes.data ? bytes.data : "", 1, bytes.size, to) != bytes.size)
			r = -errno;
		full = bytes.size == VAULT_BYTES_MAX;
	}
	buf_fini(&bytes);
	if (r == -ENOENT && piece > 1)
		r = 0; /* the last piece was a full one */
	return r == 0 && fflush(to) == EOF ? -errno : r;
}
