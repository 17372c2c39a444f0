#include "cli/password.h"

#include "common/base/error.h"
#include "common/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

void password_free(char *password)
{
	if (password)
		explicit_bzero(password, strlen(password));
	free(password);
}

/* The first line is the password. */
static int take_line(struct buf *text, char **ret)
{
	size_t size = text->size ? strcspn(text->data, "\r\n") : 0;
	char *copy;

	if (size == 0)
		return -EINVAL;
	copy = strndup(text->data, size);
	explicit_bzero(text->data, text->size);
	if (!copy)
		return -ENOMEM;
	*ret = copy;
	return 0;
}

/* Reads up to the end of a line, or of the input. */
static int read_line(int fd, struct buf *ret)
{
	char c = 0;

	while (c != '\n') {
		ssize_t n = read(fd, &c, 1);

		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		if (buf_append(ret, &c, 1) < 0)
			return -E2BIG;
	}
	return 0;
}

/* Reads a line of a pipe, as in `--password-file <(command)`. Who names a pipe wants to wait for its writer. */
static int read_pipe(const char *path, struct buf *ret)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode))
		r = -EINVAL;
	else
		r = st.st_mode & (S_IRWXG | S_IRWXO) ? -EPERM : read_line(fd, ret);
	(void)close(fd);
	return r;
}

static bool is_pipe(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISFIFO(st.st_mode);
}

static int read_first_line(const char *path, struct buf *ret)
{
	if (strcmp(path, "-") == 0)
		return read_line(STDIN_FILENO, ret);
	return is_pipe(path) ? read_pipe(path, ret) : file_read(path, PASSWORD_SIZE_MAX + 2, true, ret);
}

static int from_file(const char *path, char **ret, struct buf *ret_why)
{
	struct buf text;
	int r;

	buf_init(&text, PASSWORD_SIZE_MAX + 2);
	r = read_first_line(path, &text);
	if (r == 0 && file_readers(path))
		(void)fprintf(stderr, "nephos: %s can read the password in %s\n", file_readers(path), path);
	if (r == -EPERM)
		(void)buf_printf(ret_why, "%s %s", path, file_secret_fault(path));
	else if (r < 0)
		(void)buf_printf(ret_why, "%s: %s", path, strerror(error_errno(r)));
	if (r == 0) {
		r = take_line(&text, ret);
		if (r == -EINVAL)
			(void)buf_printf(ret_why, "%s: the password is empty", path);
	}
	buf_fini(&text);
	return r;
}

/* ---- the terminal ---- */

static void on_signal(int number)
{
	(void)number; /* the signal only ends the read; ask_line then restores the terminal */
}

static const int watched[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
#define WATCHED_COUNT (sizeof(watched) / sizeof(watched[0]))

/* Reads one line; echo: the typed text is shown. */
static int ask_line(int tty, const char *prompt, bool echo, struct buf *ret)
{
	struct sigaction quiet = {.sa_handler = on_signal}, before[WATCHED_COUNT];
	struct termios shown, hidden;
	int r;

	if (tcgetattr(tty, &shown) < 0)
		return -ENXIO;
	for (size_t i = 0; i < WATCHED_COUNT; i++)
		(void)sigaction(watched[i], &quiet, &before[i]);
	hidden = shown;
	if (!echo)
		hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	r = tcsetattr(tty, TCSAFLUSH, &hidden) < 0 ? -errno : 0;
	if (r == 0)
		r = dprintf(tty, "%s", prompt) < 0 ? -EIO : read_line(tty, ret);
	(void)tcsetattr(tty, TCSAFLUSH, &shown);
	if (!echo || r < 0)
		(void)dprintf(tty, "\n");
	for (size_t i = 0; i < WATCHED_COUNT; i++)
		(void)sigaction(watched[i], &before[i], NULL);
	return r;
}

static int ask(int tty, const char *prompt, char **ret)
{
	struct buf text;
	int r;

	buf_init(&text, PASSWORD_SIZE_MAX + 1);
	r = ask_line(tty, prompt, false, &text);
	if (r == 0)
		r = take_line(&text, ret);
	buf_fini(&text);
	return r;
}

int password_confirm(const char *question, bool *ret)
{
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	struct buf text;
	int r;

	buf_init(&text, PASSWORD_SIZE_MAX + 1);
	r = tty < 0 ? -ENXIO : ask_line(tty, question, true, &text);
	if (r == 0)
		*ret = text.size && (strcasecmp(text.data, "y\n") == 0 || strcasecmp(text.data, "yes\n") == 0);
	if (tty >= 0)
		(void)close(tty);
	buf_fini(&text);
	return r;
}

static int from_terminal(const struct password_source *source, char **ret, struct buf *ret_why)
{
	char *first = NULL, *second = NULL;
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	int r = tty < 0 ? -ENXIO : ask(tty, source->prompt, &first);

	if (r == 0 && source->twice)
		r = ask(tty, "The same again: ", &second);
	if (r == 0 && second && strcmp(first, second) != 0) {
		(void)buf_append_str(ret_why, "these were two different passwords");
		r = -EINVAL;
	} else if (r == -ENXIO) {
		(void)buf_append_str(ret_why, "there is no terminal to ask for a password at");
	} else if (r == -EINVAL) {
		(void)buf_append_str(ret_why, "the password is empty");
	} else if (r < 0) {
		(void)buf_printf(ret_why, "asking for the password: %s", strerror(-r));
	}
	if (tty >= 0)
		(void)close(tty);
	password_free(second);
	if (r < 0)
		password_free(first);
	else
		*ret = first;
	return r;
}

static const char *from_variable(const struct password_source *source)
{
	const char *variable = source->variable ? getenv(source->variable) : NULL;

	return variable && *variable ? variable : NULL;
}

bool password_is_typed(const struct password_source *source)
{
	return !source->file && !from_variable(source);
}

int password_get(const struct password_source *source, char **ret, struct buf *ret_why)
{
	const char *variable = from_variable(source);
	char *copy;

	if (source->file)
		return from_file(source->file, ret, ret_why);
	if (!variable)
		return from_terminal(source, ret, ret_why);
	copy = strdup(variable);
	if (!copy)
		return -ENOMEM;
	*ret = copy;
	return 0;
}
