#include "tests/unit/common/http/script.h"

#include "tests/unit/common/http/wire.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Reads one request: its header and Content-Length body. */
static bool read_request(int fd)
{
	char text[4096];
	size_t n = 0;
	const char *length;

	text[0] = '\0';
	while (!strstr(text, "\r\n\r\n")) {
		if (n + 1 == sizeof(text) || recv(fd, text + n, 1, 0) != 1)
			return false;
		text[++n] = '\0';
	}
	length = strcasestr(text, "Content-Length: ");
	return !length || wire_receive(fd, text, strtoul(length + 16, NULL, 10)) >= 0;
}

/* Returns false when the connection is over. */
static bool answer_one(struct script *s, int fd, const char *answer)
{
	if (!answer)
		return false;
	if (!*answer) {
		s->open_fd = fd;
		return true;
	}
	return wire_say(fd, answer) && !strstr(answer, "CUT");
}

static void *run(void *cookie)
{
	struct script *s = cookie;
	int fd = -1;

	for (size_t i = 0; i < s->count && s->open_fd < 0;) {
		if (fd < 0) {
			fd = wire_accept(s->listener);
			if (fd < 0)
				break;
			s->connections++;
		}
		bool goes_on = read_request(fd);
		if (goes_on) {
			s->requests++;
			goes_on = answer_one(s, fd, s->answers[i++]);
		}
		if (!goes_on) {
			close(fd);
			fd = -1;
		}
	}
	if (fd >= 0 && fd != s->open_fd)
		close(fd);
	return NULL;
}

void script_start(struct script *s, const char *const *answers, size_t count)
{
	*s = (struct script){.answers = answers, .count = count, .open_fd = -1};
	s->listener = wire_listen(&s->port);
	if (s->listener < 0 || pthread_create(&s->thread, NULL, run, s))
		abort();
}

void script_end(struct script *s)
{
	/* Ends an accept for which no connection comes. */
	shutdown(s->listener, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->listener);
	if (s->open_fd >= 0)
		close(s->open_fd);
	s->port = 0;
}
