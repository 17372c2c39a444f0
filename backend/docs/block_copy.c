#include "backend/docs/block_copy.h"

#include "common/base/file.h"
#include "common/base/limits.h"
#include "common/base/sha256.h"
#include "common/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The list is gone through once, a block at a time, with one buffer. In the folder a file comes to its name when all of
 * it is on the disk (file_write_atomic): what is there in the right size was whole when it was written, and whether it
 * still is, loading finds out. A block that is missing or has other bytes is counted and named, and the rest goes on,
 * so that one run says all; anything else, as a disk that is full, ends it.
 */

#define LINE_SIZE 256 /* three numbers and a hash have 110 */
#define PATH_SIZE 4200

struct copy {
	struct block_store *blocks;
	const char *folder;
	struct block_copied *done;
	uint8_t *buffer; /* BLOCK_BYTES_MAX */
};

struct listed {
	struct block_name name;
	uint32_t size;
	char hex[SHA256_HEX_SIZE];
};

/* ---- the list ---- */

/* "DRIVE GENERATION SIZE HASH", with one space between. */
static int parse_line(char *line, struct listed *ret)
{
	uint64_t drive = 0, generation = 0, size = 0;
	const char *words[4];

	line[strcspn(line, "\n")] = '\0';
	for (size_t i = 0; i < 4; i++)
		words[i] = line ? strsep(&line, " ") : NULL;
	if (line || !words[3] || text_parse_u64(span_str(words[0]), UINT32_MAX, &drive) < 0 ||
		text_parse_u64(span_str(words[1]), INT64_MAX, &generation) < 0 ||
		text_parse_u64(span_str(words[2]), BLOCK_BYTES_MAX, &size) < 0)
		return -EINVAL;
	ret->name = (struct block_name){.drive = (uint32_t)drive, .generation = (int64_t)generation};
	ret->size = (uint32_t)size;
	if (text_unhex(span_str(words[3]), ret->name.sha256, sizeof(ret->name.sha256)) < 0)
		return -EINVAL;
	text_hex(ret->name.sha256, sizeof(ret->name.sha256), ret->hex);
	return 0;
}

static int each(FILE *list, struct copy *c, int (*one)(struct copy *c, const struct listed *block))
{
	char line[LINE_SIZE];
	struct listed block;
	int r = 0;

	while (r == 0 && fgets(line, sizeof(line), list)) {
		r = parse_line(line, &block);
		if (r == 0)
			r = one(c, &block);
	}
	return r == 0 && ferror(list) ? -EIO : r;
}

static void say(const struct listed *block, const char *what)
{
	(void)fprintf(stderr, "block %s of drive %" PRIu32 ": %s\n", block->hex, block->name.drive, what);
}

static int path_of(const struct copy *c, const struct listed *block, char ret[PATH_SIZE])
{
	const int size = snprintf(ret, PATH_SIZE, "%s/%.2s/%s", c->folder, block->hex, block->hex);

	return size < PATH_SIZE ? 0 : -ENAMETOOLONG;
}

static bool is_right(struct span bytes, const struct listed *block)
{
	uint8_t digest[SHA256_BYTES];

	return bytes.size == block->size && sha256_of(bytes, digest) == 0 &&
		memcmp(digest, block->name.sha256, sizeof(digest)) == 0;
}

/* ---- out of the store ---- */

/* 0: the buffer has it; 1: it was said why not. */
static int fetch(struct copy *c, const struct listed *block)
{
	uint32_t got = 0, there = 0;
	int r = c->blocks->ops->size(c->blocks, &block->name, &there);

	for (uint32_t at = 0; r == 0 && there == block->size && at < there; at += got) {
		r = c->blocks->ops->get(c->blocks, &block->name, at, c->buffer + at, there - at, &got);
		if (r == 0 && got == 0)
			r = -EIO;
	}
	if (r == -ENOENT) {
		c->done->missing++;
		say(block, "is not there");
		return 1;
	}
	if (r == -EIO || (r == 0 && !is_right(span_of(c->buffer, there), block))) {
		c->done->damaged++;
		say(block, r < 0 ? "cannot be read" : "has other bytes than were stored");
		return 1;
	}
	return r;
}

static int save(struct copy *c, const struct listed *block)
{
	char path[PATH_SIZE], folder[PATH_SIZE];
	struct stat s;
	int r = path_of(c, block, path);

	if (r == 0 && stat(path, &s) == 0 && S_ISREG(s.st_mode) && s.st_size == (off_t)block->size) {
		c->done->there++;
		return 0;
	}
	if (r == 0)
		r = fetch(c, block);
	if (r != 0)
		return r < 0 ? r : 0;
	(void)snprintf(folder, sizeof(folder), "%s/%.2s", c->folder, block->hex);
	if (mkdir(folder, 0700) < 0 && errno != EEXIST)
		return -errno;
	r = file_write_atomic(path, 0600, span_of(c->buffer, block->size));
	c->done->blocks += r == 0;
	c->done->bytes += r == 0 ? block->size : 0;
	return r;
}

/* ---- into the store ---- */

static int put(struct copy *c, const struct listed *block, struct span bytes)
{
	const int r = c->blocks->ops->put(c->blocks, &block->name, bytes);

	c->done->there += r == -EEXIST;
	c->done->blocks += r == 0;
	c->done->bytes += r == 0 ? bytes.size : 0;
	return r == -EEXIST ? 0 : r;
}

static int load(struct copy *c, const struct listed *block)
{
	char path[PATH_SIZE];
	struct buf bytes;
	int r = path_of(c, block, path);

	buf_init(&bytes, BLOCK_BYTES_MAX);
	if (r == 0)
		r = file_read(path, BLOCK_BYTES_MAX, false, &bytes);
	if (r == -ENOENT) {
		c->done->missing++;
		say(block, "is not in the backup");
		r = 0;
	} else if (r == -EFBIG || r == -EIO || (r == 0 && !is_right(buf_span(&bytes), block))) {
		c->done->damaged++;
		say(block, "has other bytes in the backup than were stored, or cannot be read there");
		r = 0;
	} else if (r == 0) {
		r = put(c, block, buf_span(&bytes));
	}
	buf_fini(&bytes);
	return r;
}

static int copy(struct copy *c, FILE *list, int (*one)(struct copy *c, const struct listed *block))
{
	int r;

	*c->done = (struct block_copied){0};
	c->buffer = malloc(BLOCK_BYTES_MAX);
	r = c->buffer ? each(list, c, one) : -ENOMEM;
	free(c->buffer);
	if (r == 0 && c->done->damaged > 0)
		return -EIO;
	return r == 0 && c->done->missing > 0 ? -ENOENT : r;
}

int block_copy_save(struct block_store *blocks, FILE *list, const char *folder, struct block_copied *ret)
{
	struct copy c = {.blocks = blocks, .folder = folder, .done = ret};

	return copy(&c, list, save);
}

int block_copy_load(struct block_store *blocks, FILE *list, const char *folder, struct block_copied *ret)
{
	struct copy c = {.blocks = blocks, .folder = folder, .done = ret};

	return copy(&c, list, load);
}
