/* Any bytes as a message of a service to a gateway: refused, and nothing is changed; or an instance whose
 * name and URL cannot distort a request, and valid tokens and users. */
#include "tests/fuzz/fuzz.h"

#include "common/base/error.h"
#include "gateway/front/service_messages.h"

#include <errno.h>
#include <string.h>

#define NOW_NS 1000000000

static void check_instances(struct registry *registry, size_t most)
{
	struct registry_instance list[REGISTRY_INSTANCES_MAX];
	size_t count = registry_list(registry, NOW_NS, list, REGISTRY_INSTANCES_MAX);

	FUZZ_CHECK(count <= most);
	for (size_t i = 0; i < count; i++) {
		const char *host = list[i].url + strlen("http://");

		FUZZ_CHECK(list[i].name[0] != '\0' && strlen(list[i].name) < REGISTRY_NAME_SIZE);
		FUZZ_CHECK(strncmp(list[i].url, "http://", strlen("http://")) == 0 && *host != '\0');
		FUZZ_CHECK(!strpbrk(host, "/?#@\\ \t\r\n%"));
		FUZZ_CHECK(list[i].kind == REGISTRY_USER || list[i].kind == REGISTRY_DOCS);
	}
}

static void check_register(struct span body)
{
	struct registry *registry;
	int r;

	FUZZ_CHECK(registry_new(&registry) == 0);
	r = service_messages_register(registry, body);
	FUZZ_CHECK(r == 0 || r == -EINVAL || r == -ERR_BAD_JSON);
	check_instances(registry, r == 0 ? 1 : 0);
	registry_free(registry);
}

struct forgotten {
	unsigned tokens, users;
};

static void on_token(void *cookie, const char *id)
{
	FUZZ_CHECK(id);
	((struct forgotten *)cookie)->tokens++;
}

static void on_user(void *cookie, int64_t user)
{
	FUZZ_CHECK(user > 0);
	((struct forgotten *)cookie)->users++;
}

static void check_forget(struct span body)
{
	static const struct service_messages_forgetter FORGETTER = {on_token, on_user};
	struct forgotten f = {0};
	int r = service_messages_forget(body, &FORGETTER, &f);

	FUZZ_CHECK(r == 0 || r == -ERR_BAD_JSON || r == -ERR_BAD_REQUEST);
	FUZZ_CHECK(f.users <= 1 && (r == 0 || (f.users == 0 && f.tokens == 0)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_register(span_of(data, size));
	check_forget(span_of(data, size));
	return 0;
}
