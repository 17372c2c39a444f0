/* Any bytes as the head of a request: what is read lies within them, ends where it says, and is clean. Any
 * part of a head that is read counts as partial. */
#include "tests/fuzz/fuzz.h"

#include "common/base/limits.h"
#include "common/http/server/request_head.h"

#include <stdlib.h>
#include <string.h>

static void check_field(const struct request_head_field *f, const char *data, size_t size)
{
	FUZZ_CHECK(f->name > data && f->name_size > 0 && f->name[f->name_size] == '\0');
	FUZZ_CHECK(f->value > f->name && f->value + f->value_size < data + size && !f->value[f->value_size]);
	FUZZ_CHECK(strlen(f->name) == f->name_size && strlen(f->value) == f->value_size);
	FUZZ_CHECK(!strpbrk(f->name, " \t:\r\n") && !strpbrk(f->value, "\r\n"));
}

static void check_head(const struct request_head *head, const char *data, size_t size)
{
	FUZZ_CHECK(head->size <= size && head->size <= HEADER_BYTES_MAX && head->count <= HTTP_HEADERS_MAX);
	FUZZ_CHECK(head->method == data && strlen(head->method) < REQUEST_METHOD_SIZE);
	FUZZ_CHECK(head->target[0] == '/' && strlen(head->target) == head->target_size);
	FUZZ_CHECK(data[head->size - 1] == '\n');
	for (size_t i = 0; i < head->count; i++)
		check_field(&head->fields[i], data, head->size);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct request_head *head = malloc(sizeof(*head));
	char *data = malloc(size + 1), *part = malloc(size + 1);

	FUZZ_CHECK(head && data && part);
	if (size > 0)
		memcpy(data, bytes, size);
	const enum request_head_kind kind = request_head_read(data, size, head);

	if (kind == REQUEST_HEAD_READ) {
		check_head(head, data, size);
		for (size_t n = 0, end = head->size; n < end; n++) {
			memcpy(part, bytes, n);
			FUZZ_CHECK(request_head_read(part, n, head) == REQUEST_HEAD_PARTIAL);
		}
	}
	free(part);
	free(data);
	free(head);
	return 0;
}
