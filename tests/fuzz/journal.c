/* Any bytes as the answer to a mount's poll: refused, or changes that follow the last seen position without a
 * gap, with valid names. */
#include "tests/fuzz/fuzz.h"

#include "common/base/limits.h"
#include "fusefs/store/http/journal.h"

#include <errno.h>
#include <string.h>

#define SESSION 7

static void check_from(const struct journal *j, const struct store_changes *parsed, int64_t since)
{
	struct store_changes changes = *parsed;

	journal_judge(j, (struct store_position){.incarnation = parsed->last.incarnation, .seq = since}, &changes);
	if (changes.reset)
		return;
	FUZZ_CHECK(changes.count == j->count && changes.last.seq == since + (int64_t)changes.count);
	FUZZ_CHECK(changes.last.seq <= parsed->last.seq && changes.more == (changes.last.seq < parsed->last.seq));
	for (size_t i = 0; i < changes.count; i++) {
		FUZZ_CHECK(changes.list[i].seq == since + 1 + (int64_t)i);
		FUZZ_CHECK(changes.list[i].op >= 0 && changes.list[i].op <= OP_KINDS);
	}
}

/* Each name still lies in the journal's memory, whatever was added behind it: nothing moved. */
static void check_names(const struct journal *j)
{
	const char *end = j->names.data + j->names.size;

	for (size_t i = 0; i < j->count; i++) {
		const struct span names[] = {j->list[i].name, j->list[i].old_name};

		for (size_t n = 0; n < 2; n++) {
			FUZZ_CHECK(names[n].size <= NAME_BYTES_MAX);
			FUZZ_CHECK(names[n].size == 0 ||
				(names[n].data >= j->names.data && names[n].data + names[n].size <= end));
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct store_changes changes = {0};
	struct journal j;
	int r;

	journal_init(&j);
	r = journal_parse(&j, span_of(data, size), SESSION, &changes);
	FUZZ_CHECK(r == 0 || r == -EPROTO);
	if (r == 0) {
		FUZZ_CHECK(j.count <= CHANGES_PAGE_MAX && changes.last.seq >= 0 && changes.last.incarnation >= 0);
		check_names(&j);
		check_from(&j, &changes, 0);
		check_from(&j, &changes, INT64_MAX);
		if (j.count > 0)
			check_from(&j, &changes, j.list[0].seq > INT64_MIN ? j.list[0].seq - 1 : INT64_MIN);
	}
	journal_fini(&j);
	return 0;
}
