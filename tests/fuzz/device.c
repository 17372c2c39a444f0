/* Any bytes as a request of the kernel: it stays in its buffer and keeps its number, and a request that is
 * turned into another one has the size of that one. */
#include "tests/fuzz/fuzz.h"

#include "fusefs/ops/device.h"

#include <linux/fuse.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const size_t room = size + (size > 0 ? data[0] % 32 : 0);
	struct device_init init = {0};
	struct fuse_in_header head, before;
	char *request = malloc(room > 0 ? room : 1);
	size_t now;

	FUZZ_CHECK(request);
	memset(request, 0, room > 0 ? room : 1);
	if (size > 0)
		memcpy(request, data, size);
	now = device_request(&init, request, size, room);
	FUZZ_CHECK(now <= room && (size >= sizeof(head) || now == size));
	if (size >= sizeof(head)) {
		memcpy(&head, request, sizeof(head));
		memcpy(&before, data, sizeof(before));
		FUZZ_CHECK(head.unique == before.unique && head.nodeid == before.nodeid);
		FUZZ_CHECK(head.opcode == before.opcode ? now == size : head.len == now);
		FUZZ_CHECK(head.opcode != FUSE_CREATE || before.opcode == FUSE_CREATE || request[now - 1] == '\0');
	}
	free(request);
	return 0;
}
