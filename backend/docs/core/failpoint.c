#include "backend/docs/core/failpoint.h"

#include <errno.h>
#include <signal.h>

#ifdef NEPHOS_FAILPOINTS

static const char *find_name(const char *text)
{
	static const char *const CHANGES[] = {"drive-create", "drive-change", "drive-delete", "ids", "session-create",
		"session-end", "block-file", "move-begin", "move-copy", "move-page", "move-switch", "move-remove"};

	for (unsigned kind = 0; kind < OP_KINDS; kind++)
		if (strcmp(text, op_kind_name((enum op_kind)kind)) == 0)
			return op_kind_name((enum op_kind)kind);
	for (size_t i = 0; i < sizeof(CHANGES) / sizeof(CHANGES[0]); i++)
		if (strcmp(text, CHANGES[i]) == 0)
			return CHANGES[i];
	return NULL;
}

int failpoint_parse(const char *text, struct failpoint *ret)
{
	static const char after_commit[] = "after-commit:";

	*ret = (struct failpoint){.after = NULL};
	if (!text)
		return 0;
	if (strncmp(text, after_commit, sizeof(after_commit) - 1) != 0)
		return -EINVAL;
	ret->after = find_name(text + sizeof(after_commit) - 1);
	return ret->after ? 0 : -EINVAL;
}

void failpoint_after_change(const struct failpoint *f, const char *change)
{
	if (f->after && strcmp(f->after, change) == 0)
		raise(SIGKILL);
}

void failpoint_after_commit(const struct failpoint *f, const struct op_batch *batch)
{
	for (size_t i = 0; f->after && i < op_batch_count(batch); i++)
		failpoint_after_change(f, op_kind_name(op_batch_at(batch, i)->kind));
}

#else

int failpoint_parse(const char *text, struct failpoint *ret)
{
	*ret = (struct failpoint){.after = NULL};
	return text ? -EINVAL : 0;
}

void failpoint_after_change(const struct failpoint *f, const char *change)
{
	(void)f;
	(void)change;
}

void failpoint_after_commit(const struct failpoint *f, const struct op_batch *batch)
{
	(void)f;
	(void)batch;
}

#endif
