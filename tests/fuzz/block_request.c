/* Any text as the target and the range of a request for a block, and as the question of another gateway for a
 * block. */
#include "tests/fuzz/fuzz.h"

#include "common/base/limits.h"
#include "gateway/blocks/block_peer.h"
#include "gateway/blocks/block_request.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t KEY[SHA256_BYTES] = {5};
	struct cluster *cluster = NULL;
	struct service_clock *clock = NULL;
	struct block_caps *caps = NULL;
	struct block_name name = {.drive = 99};
	struct block_request_part part;
	uint8_t hash[SHA256_BYTES];
	char *text = malloc(size + 1);

	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	(void)block_request_hash(text, hash);
	if (block_request_part(text, &part))
		FUZZ_CHECK(
			!part.whole && part.len > 0 && part.len <= BLOCK_PART_BYTES_MAX && part.from < BLOCK_BYTES_MAX);
	FUZZ_CHECK(cluster_new_of(KEY, &cluster) == 0 && service_clock_new(&clock) == 0 &&
		block_caps_new(cluster, clock, &caps) == 0);
	/* Nobody can make a capability without the key. */
	const size_t third = size / 3;
	const struct block_peer_question question = {
		.sha256 = span_of(text, third), .drive = text + third, .cap = text + 2 * third};
	FUZZ_CHECK(block_peer_read(caps, &question, &name) < 0 && name.drive == 99);
	block_caps_free(caps);
	service_clock_free(clock);
	cluster_free(cluster);
	free(text);
	return 0;
}
