#include "backend/user/rules/account_call.h"

#include <stdarg.h>
#include <stdio.h>

int account_call_refuse(struct account_call *call, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(call->why, sizeof(call->why), format, args);
	va_end(args);
	return code;
}

int account_call_finish(struct account_call *call, int r, const struct account_outcome *outcome)
{
	const struct user_store_ops *ops = call->store->ops;

	if (r == 0 && call->seal)
		r = call->seal(call->cookie, outcome);
	if (r == 0)
		r = ops->commit(call->store);
	if (r < 0)
		ops->rollback(call->store);
	return r;
}
