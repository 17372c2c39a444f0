/*
 * Any bytes as the answers of a store to the command: whatever they are, the command ends with one of its
 * exit codes after a few requests. The first byte chooses the command, the second the status of the answers,
 * the rest is their body. The server is one of ours, on a port of its own.
 */
#include "tests/fuzz/fuzz.h"

#include "cli/command.h"
#include "common/http/server/server.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

/* The most requests that a command makes of a store whose answer is always the same: no page follows itself. */
#define REQUESTS_MAX 4u

static const char *const COMMANDS[][4] = {
	{"status"},
	{"status", "--json"},
	{"ls", "-l"},
	{"ls", "--json"},
	{"key", "list"},
	{"user", "list"},
	{"user", "quota", "ann"},
	{"key", "revoke", "laptop"},
	{"get", "/a", "-"},
};
static const int STATUSES[] = {200, 200, 200, 201, 204, 206, 400, 401, 404, 409, 410, 422, 429};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static struct store {
	struct http_server *server;
	pthread_mutex_t lock;
	int status;
	struct span body;
	unsigned asked;
} store = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void on_request(struct http_request *req, void *cookie)
{
	static const struct span nothing = SPAN_LITERAL("{\"type\":\"/problems/not-found\",\"status\":404}");
	struct http_headers headers;
	bool more;

	(void)cookie;
	http_headers_init(&headers);
	pthread_mutex_lock(&store.lock);
	more = ++store.asked <= 2 * REQUESTS_MAX; /* later requests find nothing, so that the command ends */
	(void)http_headers_add(
		&headers, "Content-Type", more && store.status < 400 ? "application/json" : "application/problem+json");
	http_respond(req, more ? store.status : 404, &headers, more ? store.body : nothing);
	pthread_mutex_unlock(&store.lock);
	http_headers_fini(&headers);
}

#define ROUTE(method_)                                                                                      \
	{                                                                                                   \
		.method = (method_), .pattern = "/{rest...}", .body = HTTP_BODY_WHOLE, .body_max = 1 << 20, \
		.handler = on_request, .internal = true                                                     \
	}

static const struct http_route ROUTES[] = {
	ROUTE("GET"), ROUTE("POST"), ROUTE("PUT"), ROUTE("PATCH"), ROUTE("DELETE"), {.method = NULL}};

static int no_mount(int argc, char **argv)
{
	(void)argc, (void)argv;
	abort();
}

static void stop(void)
{
	http_server_stop(store.server);
}

static void start(void)
{
	const struct http_server_options options = {.address = "127.0.0.1", .routes = ROUTES};
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	char url[64];

	FUZZ_CHECK(null >= 0 && dup2(null, STDOUT_FILENO) >= 0);
	FUZZ_CHECK(http_server_start(&options, &store.server) == 0 && atexit(stop) == 0);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", http_server_port(store.server));
	(void)unsetenv("NEPHOS_CREDENTIALS");
	(void)unsetenv("XDG_CONFIG_HOME");
	(void)setenv("HOME", "/nonexistent", 1);
	(void)setenv("NEPHOS_URL", url, 1);
	(void)setenv("NEPHOS_TOKEN", "npk_t0ken", 1);
	(void)close(null);
}

/* The command's messages about failures would disturb the output of the fuzzer. */
static int run(int argc, char **argv)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC), err = dup(STDERR_FILENO), code;

	FUZZ_CHECK(null >= 0 && err >= 0 && dup2(null, STDERR_FILENO) >= 0);
	code = command_main(argc, argv, no_mount);
	FUZZ_CHECK(dup2(err, STDERR_FILENO) >= 0);
	(void)close(err);
	(void)close(null);
	return code;
}

/* status looks for the processes of mounts among all processes, which takes time: it gets one input in
 * sixteen, always the same ones. */
static bool is_passed_over(const char *command, struct span input)
{
	unsigned sum = 0;

	for (size_t i = 0; i < input.size; i++)
		sum = sum * 31 + (unsigned char)input.data[i];
	return strcmp(command, "status") == 0 && sum % 16 != 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char program[] = "nephos";
	char *words[6] = {program};
	int count = 1, code;

	if (size < 2)
		return 0;
	if (!store.server)
		start();
	const char *const *command = COMMANDS[data[0] % COUNT(COMMANDS)];
	if (is_passed_over(command[0], span_of(data, size)))
		return 0;
	while (count < 5 && command[count - 1]) {
		words[count] = (char *)command[count - 1];
		count++;
	}
	pthread_mutex_lock(&store.lock);
	store.status = STATUSES[data[1] % COUNT(STATUSES)];
	store.body = span_of(data + 2, store.status == 204 ? 0 : size - 2);
	store.asked = 0;
	pthread_mutex_unlock(&store.lock);
	code = run(count, words);
	FUZZ_CHECK(code >= EXIT_DONE && code <= EXIT_UNAUTHENTICATED);
	FUZZ_CHECK(store.asked <= REQUESTS_MAX);
	return 0;
}
