#include "fusefs/mount/options.h"

#include "common/base/suggest.h"
#include "common/base/limits.h"
#include "common/base/text.h"
#include "fusefs/core/kept.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum option_kind {
	OPTION_TEXT,   /* stored as it is */
	OPTION_SWITCH, /* bool */
	OPTION_WRITE,  /* cancels an earlier "ro" */
	OPTION_UID,
	OPTION_GID,
	OPTION_SIZE,
	OPTION_MASK, /* octal, as umask(1) takes it */
	OPTION_PORT,
	OPTION_FUSE,   /* passed to libfuse */
	OPTION_ATIME,  /* asks for access times, which a mount does not keep */
	OPTION_IGNORE, /* added by mount(8) and fstab, or always in effect anyway */
};

struct option {
	const char *name;
	enum option_kind kind;
	size_t at; /* in struct mount_options */
};

#define MASK_DIGITS_MAX 4 /* 0777 */

#define AT(field) offsetof(struct mount_options, field)

static const struct option known[] = {
	{"credentials", OPTION_TEXT, AT(credentials)},
	{"log", OPTION_TEXT, AT(log_file)},
	{"pidfile", OPTION_TEXT, AT(pid_file)},
	{"foreground", OPTION_SWITCH, AT(foreground)},
	{"allow_other", OPTION_SWITCH, AT(allow_other)},
	{"ro", OPTION_SWITCH, AT(read_only)},
	{"remount", OPTION_SWITCH, AT(remount)},
	{"uid", OPTION_UID, AT(uid)},
	{"gid", OPTION_GID, AT(gid)},
	{"umask", OPTION_MASK, 0},
	{"fmask", OPTION_MASK, AT(file_mask)},
	{"dmask", OPTION_MASK, AT(folder_mask)},
	{"cache", OPTION_SIZE, AT(cache_bytes)},
	{"memory", OPTION_SIZE, AT(kept_bytes)},
	{"local_locks", OPTION_SWITCH, AT(local_locks)},
	{"watch", OPTION_PORT, AT(watch_port)},
	{"dev", OPTION_FUSE, 0},
	{"nodev", OPTION_FUSE, 0},
	{"suid", OPTION_FUSE, 0},
	{"nosuid", OPTION_FUSE, 0},
	{"exec", OPTION_FUSE, 0},
	{"noexec", OPTION_FUSE, 0},
	{"atime", OPTION_ATIME, 0},
	{"relatime", OPTION_ATIME, 0},
	{"strictatime", OPTION_ATIME, 0},
	{"diratime", OPTION_ATIME, 0},
	{"noatime", OPTION_IGNORE, 0}, /* always in effect */
	{"nodiratime", OPTION_IGNORE, 0},
	{"norelatime", OPTION_IGNORE, 0},
	{"nostrictatime", OPTION_IGNORE, 0},
	{"sync", OPTION_FUSE, 0},
	{"async", OPTION_FUSE, 0},
	{"dirsync", OPTION_FUSE, 0},
	{"fsname", OPTION_FUSE, 0},
	{"subtype", OPTION_FUSE, 0},
	{"default_permissions", OPTION_IGNORE, 0}, /* always in effect */
	{"rw", OPTION_WRITE, AT(read_only)},
	{"defaults", OPTION_IGNORE, 0},
	{"auto", OPTION_IGNORE, 0},
	{"noauto", OPTION_IGNORE, 0},
	{"user", OPTION_IGNORE, 0},
	{"nouser", OPTION_IGNORE, 0},
	{"users", OPTION_IGNORE, 0},
	{"owner", OPTION_IGNORE, 0},
	{"group", OPTION_IGNORE, 0},
	{"nofail", OPTION_IGNORE, 0},
	{"_netdev", OPTION_IGNORE, 0},
	{"lazytime", OPTION_IGNORE, 0},
	{"comment", OPTION_IGNORE, 0},
	/* The kernel lists these for a mount, so mount(8) repeats them at a remount. */
	{"user_id", OPTION_IGNORE, 0},
	{"group_id", OPTION_IGNORE, 0},
	{"blksize", OPTION_IGNORE, 0},
	{"max_read", OPTION_IGNORE, 0},
};

const char *options_usage(void)
{
	return "usage: nephos mount [-f] [-o OPTION,...] [URL[,URL...][/DRIVE]] DIR\n"
	       "\n"
	       "Mounts a drive (the first one, or DRIVE: its name or its number) on DIR. Returns 0 when\n"
	       "the mount answers. Unmount with \"nephos umount DIR\" or \"fusermount3 -u DIR\". Several URLs are gateways of the same store.\n"
	       "\n"
	       "  -f, --foreground    stay in the foreground\n"
	       "  -o credentials=FILE lines NEPHOS_URL=, NEPHOS_TOKEN=, and NEPHOS_URLS= with further gateways;\n"
	       "                      readable for the owner only.\n"
	       "                      Else the key is taken from the variable NEPHOS_TOKEN, the kernel's keyring\n"
	       "                      (a user key named \"nephos:URL\"), or what \"nephos login\" left\n"
	       "  -o ro               read only\n"
	       "  -o allow_other      for other users, too (root's mounts always are)\n"
	       "  -o remount,ro       (or remount,rw) with DIR alone: makes the mount on DIR read-only or writable\n"
	       "  -o uid=N,gid=N      owner and group of all files, whatever is stored\n"
	       "  -o local_locks      file locks only work within this mount; faster\n"
	       "  -o umask=MASK       show all permissions as 0777 without these bits, whatever is stored;\n"
	       "     fmask=, dmask=   the same for files only, and for folders only\n"
	       "  -o cache=SIZE       memory for blocks of content (128M)\n"
	       "  -o memory=SIZE      memory for names, attributes and small files (80M)\n"
	       "  -o log=FILE         log file; one JSON object per line\n"
	       "  -o pidfile=FILE     file for the process id; FILE.port holds the port of the status pages\n"
	       "  -o watch=PORT       port of the status pages on 127.0.0.1 (default: any free port)\n"
	       "  -o dev,suid,exec,nodev,nosuid,noexec,noatime,sync,fsname=,subtype=   as in mount(8)\n"
	       "\n"
	       "For \"mount -t fuse.nephos URL DIR\" and fstab have the program \"nephos\" in root's PATH; for\n"
	       "\"mount -t nephos\" link /sbin/mount.nephos to it.\n"
	       "\nExit status, as of mount(8): 0 mounted, 1 wrong usage, 32 it could not be mounted.\n";
}

/* ---- -o ---- */

static int unknown_option(const char *name, struct buf *ret_why)
{
	struct suggest s;
	const char *best;

	suggest_init(&s, name);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].kind != OPTION_IGNORE && known[i].kind != OPTION_ATIME)
			suggest_offer(&s, known[i].name);
	best = suggest_best(&s);
	if (best)
		(void)buf_printf(ret_why, "unknown option \"%s\": did you mean \"%s\"?", name, best);
	else
		(void)buf_printf(ret_why, "unknown option \"%s\"", name);
	return -EINVAL;
}

static int parse_number(const char *value, uint64_t max, uint64_t *ret)
{
	return value ? text_parse_u64(span_str(value), max, ret) : -EINVAL;
}

static int set_text(char **at, const char *value)
{
	char *copy;

	if (!value || !*value)
		return -EINVAL;
	copy = strdup(value);
	if (!copy)
		return -ENOMEM;
	free(*at);
	*at = copy;
	return 0;
}

static int add_fuse(struct mount_options *o, const char *name, const char *value)
{
	/* A value cannot have a comma: it would be two options. */
	return buf_printf(
		&o->fuse, "%s%s%s%s", o->fuse.size > 0 ? "," : "", name, value ? "=" : "", value ? value : "");
}

/* Permission bits only: a mask does not apply to set-id bits. */
static int parse_mask(const char *value, unsigned *ret)
{
	unsigned mask = 0;

	if (!value || !*value || strlen(value) > MASK_DIGITS_MAX)
		return -EINVAL;
	for (const char *c = value; *c; c++) {
		if (*c < '0' || *c > '7')
			return -EINVAL;
		mask = mask * 8 + (unsigned)(*c - '0');
	}
	if (mask > 0777)
		return -EINVAL;
	*ret = mask;
	return 0;
}

static int set_mask(struct mount_options *o, const struct option *option, const char *value)
{
	unsigned mask = 0;
	int r = parse_mask(value, &mask);

	if (r < 0)
		return r;
	if (option->at > 0) {
		*(int *)((char *)o + option->at) = (int)mask;
	} else {
		o->file_mask = (int)mask;
		o->folder_mask = (int)mask;
	}
	return 0;
}

static int set_option(struct mount_options *o, const struct option *option, const char *value)
{
	char *at = (char *)o + option->at;
	uint64_t number = 0;
	int r = 0;

	switch (option->kind) {
	case OPTION_TEXT:
		return set_text((char **)at, value);
	case OPTION_SWITCH:
		*(bool *)at = true;
		return value ? -EINVAL : 0;
	case OPTION_WRITE:
		*(bool *)at = false;
		return value ? -EINVAL : 0;
	case OPTION_UID:
		r = parse_number(value, UINT32_MAX - 1, &number);
		o->uid = (uid_t)number;
		o->has_uid = true;
		return r;
	case OPTION_GID:
		r = parse_number(value, UINT32_MAX - 1, &number);
		o->gid = (gid_t)number;
		o->has_gid = true;
		return r;
	case OPTION_SIZE:
		r = value ? text_parse_size(span_str(value), OPTIONS_MEMORY_BYTES_MAX, &number) : -EINVAL;
		*(uint64_t *)at = number;
		return r == 0 && number < OPTIONS_MEMORY_BYTES_MIN ? -ERANGE : r;
	case OPTION_MASK:
		return set_mask(o, option, value);
	case OPTION_PORT:
		r = parse_number(value, UINT16_MAX, &number);
		o->watch_port = (uint16_t)number;
		return r;
	case OPTION_FUSE:
		return add_fuse(o, option->name, value);
	case OPTION_ATIME:
	case OPTION_IGNORE:
		break;
	}
	return 0;
}

/* To accept the option would promise access times: programs that look for files which were not read for long
 * (tmpreaper, mutt) would rely on them. */
static int refuse_atime(const char *name, struct buf *ret_why)
{
	(void)buf_printf(ret_why,
		"option \"%s\": the time of access moves only when a program sets it, not by reading: a mount is always noatime. Leave the option out",
		name);
	return -EINVAL;
}

/* What an option takes, for the message about a wrong value. */
static const char *what_goes(const struct option *option)
{
	switch (option->kind) {
	case OPTION_TEXT:
		return "the path of a file";
	case OPTION_SWITCH:
	case OPTION_WRITE:
		return "nothing behind it";
	case OPTION_UID:
	case OPTION_GID:
		return "a number, as the command id shows it";
	case OPTION_SIZE:
		return "a size from 4M to 64G, like 128M";
	case OPTION_MASK:
		return "an octal number from 0 to 777, like 022";
	case OPTION_PORT:
		return "a port from 1 to 65535, or 0 for any that is free";
	case OPTION_FUSE:
	case OPTION_ATIME:
	case OPTION_IGNORE:
		break;
	}
	return "something else";
}

static int parse_one(struct mount_options *o, char *text, struct buf *ret_why)
{
	char *value = strchr(text, '=');
	int r;

	if (*text == '\0' || strncmp(text, "x-", 2) == 0)
		return 0;
	if (value)
		*value++ = '\0';
	if (strcmp(text, "token") == 0 || strcmp(text, "password") == 0) {
		(void)buf_printf(ret_why,
			"the key never stands on the command line, where others can see it: use credentials=FILE");
		return -EINVAL;
	}
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].name, text) != 0)
			continue;
		if (known[i].kind == OPTION_ATIME)
			return refuse_atime(text, ret_why);
		r = set_option(o, &known[i], value);
		if (r == -EINVAL || r == -ERANGE)
			(void)buf_printf(ret_why, "option \"%s\" takes %s; it was given %s%s%s", text,
				what_goes(&known[i]), value ? "\"" : "nothing", value ? value : "", value ? "\"" : "");
		return r == -ERANGE ? -EINVAL : r;
	}
	return unknown_option(text, ret_why);
}

static int parse_list(struct mount_options *o, const char *list, struct buf *ret_why)
{
	char *copy = strdup(list), *rest = copy, *one;
	int r = copy ? 0 : -ENOMEM;

	while (r == 0 && (one = strsep(&rest, ",")))
		r = parse_one(o, one, ret_why);
	free(copy);
	return r;
}

/* ---- URL[,URL…][/DRIVE] ---- */

static int set_drive(struct mount_options *o, const char *drive, struct buf *ret_why)
{
	struct buf name;
	int r;

	buf_init(&name, PATH_BYTES_MAX);
	r = strpbrk(drive, " ?#@\\\"") ? -EINVAL : text_url_decode(span_str(drive), &name);
	if (r == 0 && (memchr(name.data, '\0', name.size) || !text_is_utf8(buf_span(&name))))
		r = -EINVAL;
	if (r == -EINVAL) {
		(void)buf_printf(ret_why,
			"\"%s\" is not a drive: write its name, percent-encoded as in any URL, its number, or home",
			drive);
	} else if (r == 0 && o->drive && strcmp(o->drive, name.data) != 0) {
		(void)buf_printf(
			ret_why, "one mount shows one drive, and two were named: %s and %s", o->drive, name.data);
		r = -EINVAL;
	}
	if (r == 0)
		r = set_text(&o->drive, name.data);
	buf_fini(&name);
	return r;
}

static int parse_url(struct mount_options *o, char *url, struct buf *ret_why)
{
	char *host = strstr(url, "://");
	char *slash = host ? strchr(host + 3, '/') : NULL;
	const char *fault;
	int r;

	if (slash)
		*slash++ = '\0';
	fault = gateways_url_fault(span_str(url));
	if (fault) {
		(void)buf_printf(
			ret_why, "\"%s\" is not the URL of a store, like http://127.0.0.1:8050: %s", url, fault);
		return -EINVAL;
	}
	if (slash) {
		if (*slash && slash[strlen(slash) - 1] == '/')
			slash[strlen(slash) - 1] = '\0';
		r = *slash ? set_drive(o, slash, ret_why) : 0;
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < o->url_count; i++)
		if (strcmp(o->urls[i], url) == 0)
			return 0;
	if (o->url_count == GATEWAYS_GIVEN_MAX) {
		(void)buf_printf(ret_why, "more than %d URLs", GATEWAYS_GIVEN_MAX);
		return -EINVAL;
	}
	return set_text(&o->urls[o->url_count++], url);
}

int options_add_urls(struct mount_options *o, const char *list, struct buf *ret_why)
{
	char *copy = strdup(list), *rest = copy, *one;
	int r = copy ? 0 : -ENOMEM;

	while (r == 0 && (one = strsep(&rest, ",")))
		r = parse_url(o, one, ret_why);
	free(copy);
	return r;
}

/* ---- the command line ---- */

static bool is_url(const char *word)
{
	return strncmp(word, "http://", 7) == 0 || strncmp(word, "https://", 8) == 0;
}

struct line {
	int argc, at;
	char **argv;
	bool helper; /* called as mount.TYPE: flags are those of mount(8) */
	const char *words[2];
	size_t word_count;
};

static const char *next_word(struct line *l)
{
	return l->at + 1 < l->argc ? l->argv[++l->at] : NULL;
}

static int parse_helper_flag(struct mount_options *o, struct line *l, const char *flag)
{
	if (strcmp(flag, "-t") == 0 || strcmp(flag, "-N") == 0)
		return next_word(l) ? 0 : -EINVAL;
	for (const char *c = flag + 1; *c; c++) {
		if (!strchr("sfnvrw", *c))
			return -EINVAL;
		o->fake |= *c == 'f';
		o->read_only |= *c == 'r';
	}
	return 0;
}

static int parse_flag(struct mount_options *o, struct line *l, struct buf *ret_why)
{
	const char *flag = l->argv[l->at];
	const char *list;
	int r = 0;

	if (strncmp(flag, "-o", 2) == 0) {
		list = flag[2] ? flag + 2 : next_word(l);
		if (list)
			return parse_list(o, list, ret_why);
		r = -EINVAL;
	} else if (strcmp(flag, "-h") == 0 || strcmp(flag, "--help") == 0) {
		o->help = true;
	} else if (l->helper) {
		r = parse_helper_flag(o, l, flag);
	} else if (strcmp(flag, "-f") == 0 || strcmp(flag, "--foreground") == 0) {
		o->foreground = true;
	} else {
		r = -EINVAL;
	}
	if (r < 0)
		(void)buf_printf(ret_why, "\"%s\" is not understood", flag);
	return r;
}

static int parse_words(struct mount_options *o, const struct line *l, struct buf *ret_why)
{
	const char *directory = l->word_count > 0 ? l->words[l->word_count - 1] : NULL;
	int r = 0;

	if (o->help)
		return 0;
	if (!directory || *directory == '\0' || (l->word_count == 1 && is_url(directory))) {
		(void)buf_printf(ret_why, "where to? The directory is missing");
		return -EINVAL;
	}
	if (l->word_count == 2)
		r = options_add_urls(o, l->words[0], ret_why);
	return r < 0 ? r : set_text(&o->directory, directory);
}

static bool called_as_helper(const char *program)
{
	const char *slash = strrchr(program, '/');

	return strncmp(slash ? slash + 1 : program, "mount.", 6) == 0;
}

int options_parse(int argc, char **argv, struct mount_options *ret, struct buf *ret_why)
{
	struct line l = {.argc = argc, .argv = argv, .helper = argc > 0 && called_as_helper(argv[0])};
	struct mount_options o = {.cache_bytes = OPTIONS_CACHE_BYTES,
		.kept_bytes = KEPT_BYTES_MAX,
		.file_mask = OPTIONS_NO_MASK,
		.folder_mask = OPTIONS_NO_MASK};
	bool words_only = false;
	int r = 0;

	buf_init(&o.fuse, PATH_BYTES_MAX);
	for (l.at = 1; l.at < argc && r == 0; l.at++) {
		if (!words_only && strcmp(argv[l.at], "--") == 0) {
			words_only = true;
		} else if (!words_only && argv[l.at][0] == '-' && argv[l.at][1]) {
			r = parse_flag(&o, &l, ret_why);
		} else if (l.word_count == 2) {
			(void)buf_printf(ret_why, "\"%s\" is one word too many", argv[l.at]);
			r = -EINVAL;
		} else {
			l.words[l.word_count++] = argv[l.at];
		}
	}
	if (r == 0)
		r = parse_words(&o, &l, ret_why);
	if (r < 0) {
		options_fini(&o);
		return r;
	}
	*ret = o;
	return 0;
}

void options_fini(struct mount_options *o)
{
	for (size_t i = 0; i < o->url_count; i++)
		free(o->urls[i]);
	free(o->drive);
	free(o->directory);
	if (o->token)
		explicit_bzero(o->token, strlen(o->token));
	free(o->token);
	free(o->credentials);
	free(o->log_file);
	free(o->pid_file);
	buf_fini(&o->fuse);
}
