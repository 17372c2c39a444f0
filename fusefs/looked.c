#include "fusefs/looked.h"

#include <string.h>

static struct looked_thread *thread_of(struct looked *l, pid_t tid)
{
	struct looked_thread *t = &l->list[(uint32_t)tid % LOOKED_MAX];

	if (t->tid != tid)
		*t = (struct looked_thread){.tid = tid};
	return t;
}

static bool is_same(const struct looked_name *n, int64_t folder, struct span name)
{
	return n->folder == folder && span_eq(span_of(n->bytes, n->size), name);
}

static void set(struct looked_name *n, int64_t folder, struct span name)
{
	n->folder = folder;
	n->size = name.size < sizeof(n->bytes) ? name.size : sizeof(n->bytes);
	memcpy(n->bytes, name.data, n->size);
}

void looked_up(struct looked *l, pid_t tid, const struct looked_answer *answer)
{
	struct looked_thread *t = thread_of(l, tid);

	t->how = answer->how;
	/* On the way there it may have looked up folders. */
	if (is_same(&t->back, answer->folder, answer->name)) {
		t->how = LOOKED_ASKED;
		t->back.folder = 0;
	}
	set(&t->name, answer->folder, answer->name);
	t->id = answer->id;
}

enum looked_how looked_take(struct looked *l, pid_t tid, int64_t id, const struct looked_name **ret)
{
	struct looked_thread *t = thread_of(l, tid);
	enum looked_how how = t->id == id ? t->how : LOOKED_NOT;

	t->how = LOOKED_NOT;
	t->back.folder = 0;
	*ret = how == LOOKED_NOT ? NULL : &t->name;
	return how;
}

void looked_back(struct looked *l, pid_t tid, int64_t folder, struct span name)
{
	set(&thread_of(l, tid)->back, folder, name);
}
