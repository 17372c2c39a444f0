#include "fusefs/mount/options.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	struct mount_options o;
	struct buf why;
	bool parsed;
	char directory[64], file[128];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	buf_init(&f->why, 4096);
	(void)snprintf(f->directory, sizeof(f->directory), "/tmp/nephos-options-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	(void)snprintf(f->file, sizeof(f->file), "%s/credentials", f->directory);
	/* Nothing may come from the environment of the person who runs the tests. */
	(void)unsetenv("NEPHOS_TOKEN");
	(void)unsetenv("NEPHOS_URL");
	(void)unsetenv("NEPHOS_CREDENTIALS");
	(void)setenv("XDG_CONFIG_HOME", f->directory, 1);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char path[160];

	if (f->parsed)
		options_fini(&f->o);
	buf_fini(&f->why);
	(void)unlink(f->file);
	(void)snprintf(path, sizeof(path), "%s/nephos/credentials", f->directory);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/nephos", f->directory);
	(void)rmdir(path);
	(void)rmdir(f->directory);
	free(f);
	return 0;
}

static int parse(struct fixture *f, const char *line)
{
	char *copy = strdup(line), *rest = copy, *word, *argv[32];
	int argc = 0, r;

	if (f->parsed)
		options_fini(&f->o);
	buf_reset(&f->why);
	while ((word = strsep(&rest, " ")) && argc < 32)
		argv[argc++] = word;
	r = options_parse(argc, argv, &f->o, &f->why);
	f->parsed = r == 0;
	free(copy);
	return r;
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void options_parse_takes_the_command_line_of_nephos_mount(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		parse(f, "mount -f -o ro,cache=64M,memory=32M,uid=5 -o gid=6,nosuid http://a:1,https://b.c/12 /mnt"),
		0);
	assert_int_equal(f->o.url_count, 2);
	assert_string_equal(f->o.urls[0], "http://a:1");
	assert_string_equal(f->o.urls[1], "https://b.c");
	assert_string_equal(f->o.drive, "12");
	assert_string_equal(f->o.directory, "/mnt");
	assert_true(f->o.foreground);
	assert_true(f->o.read_only);
	assert_int_equal(f->o.cache_bytes, 64 << 20);
	assert_int_equal(f->o.kept_bytes, 32 << 20);
	assert_true(f->o.has_uid && f->o.uid == 5 && f->o.has_gid && f->o.gid == 6);
	assert_string_equal(f->o.fuse.data, "nosuid");
}

static void options_parse_takes_the_command_line_of_mount_fuse3(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, "nephos http://a:1 /mnt -o rw,noexec,credentials=/c,dev,suid"), 0);
	assert_string_equal(f->o.urls[0], "http://a:1");
	assert_string_equal(f->o.credentials, "/c");
	assert_string_equal(f->o.fuse.data, "noexec,dev,suid");
	assert_false(f->o.read_only);
	assert_null(f->o.drive);
}

static void options_parse_takes_the_command_line_of_a_mount_helper(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		parse(f,
			"/sbin/mount.nephos http://a:1/home /mnt -sfv -t nephos -o rw,_netdev,x-systemd.automount,nofail"),
		0);
	assert_true(f->o.fake);
	assert_false(f->o.foreground);
	assert_string_equal(f->o.drive, "home");
	assert_int_equal(f->o.fuse.size, 0);
	assert_int_equal(parse(f, "mount.fuse.nephos http://a:1 /mnt -r"), 0);
	assert_true(f->o.read_only);
}

static void options_parse_takes_a_drive_by_its_name(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, "mount http://a:1/projects,http://b:1/projects/ /mnt"), 0);
	assert_string_equal(f->o.drive, "projects");
	assert_string_equal(f->o.urls[1], "http://b:1");
	assert_int_equal(parse(f, "mount http://a:1/caf%C3%A9%20%2f /mnt"), 0);
	assert_string_equal(f->o.drive, "caf\xc3\xa9 /");
}

static void options_parse_takes_umask_fmask_and_dmask(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, "mount http://a:1 /mnt"), 0);
	assert_true(f->o.file_mask == OPTIONS_NO_MASK && f->o.folder_mask == OPTIONS_NO_MASK);
	assert_int_equal(parse(f, "mount -o umask=0027,fmask=137 http://a:1 /mnt"), 0);
	assert_int_equal(f->o.file_mask, 0137);
	assert_int_equal(f->o.folder_mask, 027);
	assert_int_equal(parse(f, "mount -o dmask=0 http://a:1 /mnt"), 0);
	assert_int_equal(f->o.file_mask, OPTIONS_NO_MASK);
	assert_int_equal(f->o.folder_mask, 0);
}

static void options_parse_lets_the_last_of_ro_and_rw_count(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, "mount -o rw,ro http://a:1 /mnt"), 0);
	assert_true(f->o.read_only);
	assert_int_equal(parse(f, "mount -o ro,rw http://a:1 /mnt"), 0);
	assert_false(f->o.read_only);
}

static void options_parse_takes_the_options_that_mount_passes_for_a_remount(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, "nephos http://a:1 /mnt -o rw,nosuid,noatime,user_id=0,group_id=0,remount,ro"), 0);
	assert_true(f->o.remount);
	assert_true(f->o.read_only);
	assert_int_equal(parse(f, "mount -o remount,rw /mnt"), 0);
	assert_true(f->o.remount);
	assert_false(f->o.read_only);
}

static void options_parse_accepts_a_command_line_without_a_url(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, "mount /mnt"), 0);
	assert_int_equal(f->o.url_count, 0);
	assert_int_equal(parse(f, "mount -- -strange"), 0);
	assert_string_equal(f->o.directory, "-strange");
	assert_int_equal(parse(f, "mount --help"), 0);
	assert_true(f->o.help);
}

static void options_parse_refuses_bad_arguments_with_a_message_about_the_mistake(void **state)
{
	static const struct {
		const char *line, *why;
	} bad[] = {
		{"mount", "directory"},
		{"mount http://a:1", "directory"},
		{"mount http://a:1 /mnt more", "too many"},
		{"mount ftp://a /mnt", "ftp://a"},
		{"mount http:// /mnt", "http://"},
		{"mount http://u:p@h /mnt", "not the URL"},
		{"mount http://u:p@h/home /mnt", "a user or a password"},
		{"mount http://a:99999/home /mnt", "a port from 1 to 65535"},
		{"mount http://a?x /mnt", "not the URL"},
		{"mount http://a/x?y /mnt", "is not a drive"},
		{"mount http://127%2e0.0.1 /mnt", "no host"},
		{"mount http://a/x%2 /mnt", "is not a drive"},
		{"mount http://a/x%00y /mnt", "is not a drive"},
		{"mount http://a/%ff /mnt", "is not a drive"},
		{"mount http://a/1,http://b/2 /mnt", "two were named: 1 and 2"},
		{"mount -x http://a /mnt", "-x"},
		{"mount -o", "-o"},
		{"mount -o credential=/c http://a /mnt", "did you mean \"credentials\""},
		{"mount -o token=geheim http://a /mnt", "never stands on the command line"},
		{"mount -o cache=1K http://a /mnt",
			"\"cache\" takes a size from 4M to 64G, like 128M; it was given \"1K\""},
		{"mount -o memory=1K http://a /mnt", "\"memory\" takes a size from 4M to 64G"},
		{"mount -o cache=much http://a /mnt", "cache"},
		{"mount -o cache http://a /mnt", "it was given nothing"},
		{"mount -o umask=8 http://a /mnt", "\"umask\" takes an octal number from 0 to 777, like 022"},
		{"mount -o fmask=1000 http://a /mnt", "fmask"},
		{"mount -o dmask=00022 http://a /mnt", "dmask"},
		{"mount -o dmask= http://a /mnt", "dmask"},
		{"mount -o uid=-1 http://a /mnt", "\"uid\" takes a number"},
		{"mount -o uid=4294967295 http://a /mnt", "uid"},
		{"mount -o watch=65536 http://a /mnt", "watch"},
		{"mount -o ro=1 http://a /mnt", "ro"},
		{"mount -o credentials= http://a /mnt", "credentials"},
		{"mount -o atime http://a /mnt", "always noatime"},
		{"mount -o noatime,relatime http://a /mnt", "\"relatime\""},
		{"mount -o strictatime http://a /mnt", "\"strictatime\""},
		{"mount.nephos http://a /mnt -q", "-q"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (parse(f, bad[i].line) != -EINVAL || !strstr(f->why.data, bad[i].why))
			fail_msg("%s: %s", bad[i].line, f->why.data ? f->why.data : "accepted");
		assert_null(strstr(f->why.data, "geheim"));
	}
}

static void options_find_key_reads_the_credentials_file_that_the_option_names(void **state)
{
	struct fixture *f = *state;
	char line[256];

	write_file(f->file, "# of mine\nNEPHOS_URL=http://s:8050,http://t:9090\nNEPHOS_USER=me\nNEPHOS_TOKEN='k-1'\n",
		0600);
	(void)snprintf(line, sizeof(line), "mount -o credentials=%s /mnt", f->file);
	assert_int_equal(parse(f, line), 0);
	assert_int_equal(options_find_key(&f->o, &f->why), 0);
	assert_string_equal(f->o.token, "k-1");
	assert_int_equal(f->o.url_count, 2);
	assert_string_equal(f->o.urls[1], "http://t:9090");
	/* NEPHOS_URL may be a single URL for use with curl. The other URLs are then in NEPHOS_URLS. */
	write_file(f->file, "NEPHOS_URLS=http://s,http://t:9090\nNEPHOS_TOKEN='k-1'\nNEPHOS_URL=http://t:9090\n", 0600);
	assert_int_equal(parse(f, line), 0);
	assert_int_equal(options_find_key(&f->o, &f->why), 0);
	assert_int_equal(f->o.url_count, 2);
	assert_string_equal(f->o.urls[0], "http://t:9090");
	assert_string_equal(f->o.urls[1], "http://s");
	/* A URL on the command line replaces those of the file. */
	(void)snprintf(line, sizeof(line), "mount -o credentials=%s http://other:1 /mnt", f->file);
	assert_int_equal(parse(f, line), 0);
	assert_int_equal(options_find_key(&f->o, &f->why), 0);
	assert_int_equal(f->o.url_count, 1);
	assert_string_equal(f->o.urls[0], "http://other:1");
}

static void options_find_key_refuses_a_credentials_file_that_others_can_read(void **state)
{
	struct fixture *f = *state;
	char line[256];

	write_file(f->file, "NEPHOS_TOKEN=k\n", 0640);
	(void)snprintf(line, sizeof(line), "mount -o credentials=%s http://s /mnt", f->file);
	assert_int_equal(parse(f, line), 0);
	assert_int_equal(options_find_key(&f->o, &f->why), -EPERM);
	assert_non_null(strstr(f->why.data, "chmod 600"));
	assert_null(f->o.token);
}

static void options_find_key_fails_if_the_named_file_is_missing_or_has_no_token(void **state)
{
	struct fixture *f = *state;
	char line[256];

	write_file(f->file, "NEPHOS_URL=http://s\n", 0600);
	(void)snprintf(line, sizeof(line), "mount -o credentials=%s /mnt", f->file);
	assert_int_equal(parse(f, line), 0);
	(void)setenv("NEPHOS_TOKEN", "of-the-environment", 1); /* only the named file counts, not the environment */
	assert_true(options_find_key(&f->o, &f->why) < 0);
	assert_non_null(strstr(f->why.data, "NEPHOS_TOKEN"));
	(void)unlink(f->file);
	buf_reset(&f->why);
	assert_int_equal(options_find_key(&f->o, &f->why), -ENOENT);
	assert_non_null(strstr(f->why.data, f->file));
}

static void options_find_key_takes_token_and_url_from_the_environment(void **state)
{
	struct fixture *f = *state;

	(void)setenv("NEPHOS_TOKEN", "env", 1);
	(void)setenv("NEPHOS_URL", "http://e:1/", 1);
	assert_int_equal(parse(f, "mount /mnt"), 0);
	assert_int_equal(options_find_key(&f->o, &f->why), 0);
	assert_string_equal(f->o.token, "env");
	assert_string_equal(f->o.urls[0], "http://e:1");
}

static void options_find_key_gives_a_logins_key_to_its_own_store_only(void **state)
{
	struct fixture *f = *state;
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/nephos", f->directory);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/nephos/credentials", f->directory);
	write_file(path, "NEPHOS_URL=http://s:8050\nNEPHOS_TOKEN=mine\n", 0600);
	assert_int_equal(parse(f, "mount /mnt"), 0);
	assert_int_equal(options_find_key(&f->o, &f->why), 0);
	assert_string_equal(f->o.token, "mine");
	assert_int_equal(parse(f, "mount http://s:8050/3 /mnt"), 0);
	assert_int_equal(options_find_key(&f->o, &f->why), 0);
	assert_int_equal(parse(f, "mount http://s:80 /mnt"), 0);
	assert_int_equal(options_find_key(&f->o, &f->why), -ENOENT);
	assert_null(f->o.token);
	assert_non_null(strstr(f->why.data, "no key"));
}

static void options_find_key_takes_the_token_from_the_kernel_keyring(void **state)
{
	struct fixture *f = *state;
	long key = syscall(SYS_add_key, "user", "nephos:http://ring:1", "ringed", 6, KEY_SPEC_SESSION_KEYRING);

	if (key < 0)
		skip(); /* a container without keyrings */
	assert_int_equal(parse(f, "mount http://ring:1 /mnt"), 0);
	assert_int_equal(options_find_key(&f->o, &f->why), 0);
	assert_string_equal(f->o.token, "ringed");
	(void)syscall(SYS_keyctl, KEYCTL_INVALIDATE, key);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(options_parse_takes_the_command_line_of_nephos_mount),
		TEST(options_parse_takes_the_command_line_of_mount_fuse3),
		TEST(options_parse_takes_a_drive_by_its_name),
		TEST(options_parse_takes_umask_fmask_and_dmask),
		TEST(options_parse_lets_the_last_of_ro_and_rw_count),
		TEST(options_parse_takes_the_options_that_mount_passes_for_a_remount),
		TEST(options_parse_takes_the_command_line_of_a_mount_helper),
		TEST(options_parse_accepts_a_command_line_without_a_url),
		TEST(options_parse_refuses_bad_arguments_with_a_message_about_the_mistake),
		TEST(options_find_key_reads_the_credentials_file_that_the_option_names),
		TEST(options_find_key_refuses_a_credentials_file_that_others_can_read),
		TEST(options_find_key_fails_if_the_named_file_is_missing_or_has_no_token),
		TEST(options_find_key_takes_token_and_url_from_the_environment),
		TEST(options_find_key_gives_a_logins_key_to_its_own_store_only),
		TEST(options_find_key_takes_the_token_from_the_kernel_keyring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
