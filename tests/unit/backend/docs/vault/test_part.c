/* Long parts of a backup: cut into pieces, and put together again. */
#include "backend/docs/vault/part.h"

#include "backend/docs/vault/vaults.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	char folder[32];
	struct vault *vault;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	strcpy(f->folder, "/tmp/test_part.XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	assert_int_equal(vaults_open(&(struct vault_options){.target = f->folder}, &f->vault), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[64];

	f->vault->ops->free(f->vault);
	(void)snprintf(command, sizeof(command), "rm -r %s", f->folder);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static FILE *file_of(size_t size)
{
	FILE *file = tmpfile();

	assert_non_null(file);
	for (size_t i = 0; i < size; i++)
		assert_int_not_equal(putc_unlocked((int)(i * 7 + i / 4099) & 0xff, file), EOF);
	rewind(file);
	return file;
}

static size_t compare(FILE *a, FILE *b)
{
	size_t same = 0;
	int c;

	rewind(a);
	rewind(b);
	while ((c = getc_unlocked(a)) != EOF && c == getc_unlocked(b))
		same++;
	return c == EOF && getc_unlocked(b) == EOF ? same : SIZE_MAX;
}

static void a_part_of_any_length_is_read_back_unchanged(void **state)
{
	static const size_t sizes[] = {
		0, 1, VAULT_BYTES_MAX - 1, VAULT_BYTES_MAX, VAULT_BYTES_MAX + 1, 2 * VAULT_BYTES_MAX};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char name[32];
		FILE *from = file_of(sizes[i]), *to = tmpfile();

		assert_non_null(to);
		(void)snprintf(name, sizeof(name), "copies/x/part%zu", i);
		assert_int_equal(part_put(f->vault, name, from), 0);
		assert_int_equal(part_get(f->vault, name, to), 0);
		assert_int_equal(compare(from, to), sizes[i]);
		assert_int_equal(fclose(from), 0);
		assert_int_equal(fclose(to), 0);
	}
}

static void part_get_of_an_unknown_part_fails_with_enoent(void **state)
{
	struct fixture *f = *state;
	FILE *to = tmpfile();

	assert_int_equal(part_get(f->vault, "copies/none", to), -ENOENT);
	assert_int_equal(ftell(to), 0);
	assert_int_equal(fclose(to), 0);
}

static void part_get_into_a_full_file_fails_with_enospc(void **state)
{
	struct fixture *f = *state;
	FILE *from = file_of(10), *full = fopen("/dev/full", "w");

	assert_non_null(full);
	assert_int_equal(part_put(f->vault, "copies/x", from), 0);
	assert_int_equal(part_get(f->vault, "copies/x", full), -ENOSPC);
	(void)fclose(full);
	assert_int_equal(fclose(from), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_part_of_any_length_is_read_back_unchanged, setup, teardown),
		cmocka_unit_test_setup_teardown(part_get_of_an_unknown_part_fails_with_enoent, setup, teardown),
		cmocka_unit_test_setup_teardown(part_get_into_a_full_file_fails_with_enospc, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
