#include "fusefs/core/caller.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The kernel represents signal n as bit n - 1. */
#define BIT(n) (1ull << ((n)-1))

/* Signals that end a process with a core dump when it does not handle them. The other fatal signals are turned into
 * SIGKILL for each thread of the process when they are sent. */
static const uint64_t dumps = BIT(SIGQUIT) | BIT(SIGILL) | BIT(SIGTRAP) | BIT(SIGABRT) | BIT(SIGBUS) | BIT(SIGFPE) |
	BIT(SIGSEGV) | BIT(SIGXCPU) | BIT(SIGXFSZ) | BIT(SIGSYS);

/* The text behind "NAME:" and its tab, up to the end of the line; empty: no such line. */
static struct span field(struct span status, const char *name)
{
	const size_t length = strlen(name);
	const char *at = status.data, *end = status.data + status.size;

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *stop = newline ? newline : end;

		if ((size_t)(stop - at) > length + 1 && memcmp(at, name, length) == 0 && at[length] == ':')
			return span_of(at + length + 2, (size_t)(stop - at) - length - 2);
		at = stop + 1;
	}
	return span_of(NULL, 0);
}

/* Parses 16 hex digits; any other text counts as a set without a signal. */
static uint64_t signals(struct span status, const char *name)
{
	struct span text = field(status, name);
	uint64_t set = 0;

	if (text.size != 16)
		return 0;
	for (size_t i = 0; i < text.size; i++) {
		static const char digits[] = "0123456789abcdef";
		const char *digit = memchr(digits, text.data[i], sizeof(digits) - 1);

		if (!digit)
			return 0;
		set = set << 4 | (uint64_t)(digit - digits);
	}
	return set;
}

bool caller_status_is_dying(struct span status)
{
	struct span state = field(status, "State"), tracer = field(status, "TracerPid");
	uint64_t pending = signals(status, "SigPnd") | signals(status, "ShdPnd");
	bool traced = tracer.size > 0 && !(tracer.size == 1 && tracer.data[0] == '0');

	if (state.size > 0 && (state.data[0] == 'Z' || state.data[0] == 'X'))
		return true;
	if (pending & BIT(SIGKILL))
		return true;
	/* A debugger may take away any signal but SIGKILL. */
	if (traced)
		return false;
	return pending & dumps & ~signals(status, "SigBlk") & ~signals(status, "SigIgn") & ~signals(status, "SigCgt");
}

/* For a file that cannot be opened or read: the thread is gone, or /proc hides threads of other users. */
static bool is_gone(pid_t tid)
{
	return kill(tid, 0) < 0 && errno == ESRCH;
}

bool caller_is_dying(pid_t tid)
{
	char path[64], text[CALLER_STATUS_BYTES_MAX];
	ssize_t size;
	int fd;

	if (tid <= 0)
		return false;
	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return is_gone(tid);
	size = read(fd, text, sizeof(text));
	(void)close(fd);
	if (size < 0)
		return is_gone(tid);
	return caller_status_is_dying(span_of(text, (size_t)size));
}
