/*
 * A main for fuzz targets where libFuzzer is missing. It runs every file of the folders (or the files) on the
 * command line: each as it is, cut at every length up to CUTS_MAX, and with CHANGES_PER_FILE small changes
 * from a generator of fixed seed, so that a run is the same everywhere. An input that crashes comes from the
 * file named last on stderr.
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_BYTES_MAX (1024u * 1024) /* of one file in a corpus */
#define CUTS_MAX 512u
#define CHANGES_PER_FILE 500u

static uint64_t next_random(uint64_t *seed)
{
	/* xorshift64 */
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Runs a copy of exactly this size, so that a sanitizer sees each byte that is read too far. */
static int run_copy(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size > 0 ? size : 1);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, data, size);
	(void)LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	return 0;
}

static int run_changed(uint8_t *data, size_t size)
{
	uint64_t seed = 0x9e3779b97f4a7c15u;
	int r = 0;

	for (unsigned i = 0; i < CHANGES_PER_FILE && size > 0 && r == 0; i++) {
		size_t at = next_random(&seed) % size, other = next_random(&seed) % size;
		uint8_t kept = data[at];

		data[at] = next_random(&seed) % 2 ? (uint8_t)next_random(&seed) : data[other];
		r = run_copy(data, size);
		if (i % 4 != 3) /* every fourth change stays: some inputs go further from the file */
			data[at] = kept;
	}
	return r;
}

static int run_file(const char *path, unsigned *files)
{
	FILE *file = fopen(path, "rbe");
	uint8_t *data = malloc(INPUT_BYTES_MAX);
	size_t size;
	int r = 0;

	if (!file || !data) {
		r = file ? -ENOMEM : -errno;
		goto out;
	}
	(void)fprintf(stderr, "%s\n", path);
	size = fread(data, 1, INPUT_BYTES_MAX, file);
	r = run_copy(data, size);
	for (size_t cut = 0; cut < size && cut < CUTS_MAX && r == 0; cut++)
		r = run_copy(data, cut);
	if (r == 0)
		r = run_changed(data, size);
	++*files;
out:
	if (file)
		(void)fclose(file);
	free(data);
	return r;
}

static int run_folder(const char *path, unsigned *files)
{
	struct dirent **entries = NULL;
	int count = scandir(path, &entries, NULL, alphasort);
	int r = count < 0 ? -errno : 0;

	for (int i = 0; i < count; i++) {
		char *full = NULL;

		if (r == 0 && entries[i]->d_name[0] != '.') {
			r = asprintf(&full, "%s/%s", path, entries[i]->d_name) < 0 ? -ENOMEM : 0;
			if (r == 0)
				r = run_file(full, files);
			free(full);
		}
		free(entries[i]);
	}
	free(entries);
	return r;
}

int main(int argc, char **argv)
{
	unsigned files = 0;

	for (int i = 1; i < argc; i++) {
		struct stat st;
		int r = stat(argv[i], &st) < 0 ? -errno : 0;

		if (r == 0)
			r = S_ISDIR(st.st_mode) ? run_folder(argv[i], &files) : run_file(argv[i], &files);
		if (r < 0) {
			(void)fprintf(stderr, "%s: %s\n", argv[i], strerror(-r));
			return 1;
		}
	}
	(void)printf("%u files\n", files);
	return files > 0 ? 0 : 1; /* a missing corpus must not look like a success */
}
