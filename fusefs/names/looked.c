#include "fusefs/names/looked.h"

#include <string.h>

#define LOOKUPS_AGAIN 2u /* by which the kernel finds a name again after ESTALE */

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
	struct looked_way *way = &t->ways[answer->is_folder];
	/* In between, the thread may have looked up folders of the path. */
	bool again = t->back_left > 0 && is_same(&t->back, answer->folder, answer->name);

	t->back_left -= again;
	if (answer->id == 0)
		return;
	set(&way->name, answer->folder, answer->name);
	way->id = answer->id;
	way->how = again ? LOOKED_ASKED : answer->how;
}

enum looked_how looked_take(struct looked *l, pid_t tid, int64_t id, const struct looked_name **ret)
{
	struct looked_thread *t = thread_of(l, tid);
	enum looked_how found = LOOKED_NOT;

	*ret = NULL;
	t->back_left = 0;
	for (size_t i = 0; i < 2; i++) {
		struct looked_way *way = &t->ways[i];

		if (way->how != LOOKED_NOT && way->id == id) {
			found = way->how;
			*ret = &way->name;
		}
		way->how = LOOKED_NOT;
	}
	return found;
}

void looked_back(struct looked *l, pid_t tid, int64_t folder, struct span name)
{
	struct looked_thread *t = thread_of(l, tid);

	set(&t->back, folder, name);
	t->back_left = LOOKUPS_AGAIN;
}
