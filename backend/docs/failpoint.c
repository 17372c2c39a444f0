#include "backend/docs/failpoint.h"

#include <errno.h>
#include <signal.h>

#ifdef NEPHOS_FAILPOINTS

int failpoint_parse(const char *text, struct failpoint *ret)
{
	static const char after_commit[] = "after-commit:";

	*ret = (struct failpoint){.where = FAILPOINT_NONE};
	if (!text)
		return 0;
	if (strncmp(text, after_commit, sizeof(after_commit) - 1) != 0)
		return -EINVAL;
	for (unsigned kind = 0; kind < OP_KINDS; kind++) {
		if (strcmp(text + sizeof(after_commit) - 1, op_kind_name((enum op_kind)kind)) != 0)
			continue;
		*ret = (struct failpoint){.where = FAILPOINT_AFTER_COMMIT, .op = (enum op_kind)kind};
		return 0;
	}
	return -EINVAL;
}

void failpoint_after_commit(const struct failpoint *f, const struct op_batch *batch)
{
	for (size_t i = 0; f->where == FAILPOINT_AFTER_COMMIT && i < op_batch_count(batch); i++)
		if (op_batch_at(batch, i)->kind == f->op)
			raise(SIGKILL);
}

#else

int failpoint_parse(const char *text, struct failpoint *ret)
{
	*ret = (struct failpoint){.where = FAILPOINT_NONE};
	return text ? -EINVAL : 0;
}

void failpoint_after_commit(const struct failpoint *f, const struct op_batch *batch)
{
	(void)f;
	(void)batch;
}

#endif
