/*
 * target: the document that a request is about, by path or by id; and what its conditions say of it.
 * In memory that the call keeps. target_find blocks: on a worker.
 */
#ifndef NEPHOS_DOCS_TARGET_H
#define NEPHOS_DOCS_TARGET_H

#include "backend/docs/request/call.h"
#include "backend/docs/request/path.h"
#include "common/http/precondition.h"
#include "common/proto/op.h"

struct target {
	struct call *call;
	bool by_path;
	struct path path;
	struct precondition conditions; /* from the headers */
	/* After target_find. */
	bool exists;
	struct item item; /* its name points into name; no other bytes */
	char name[NAME_BYTES_MAX + 1];
	char etag[ITEM_ETAG_SIZE];
	struct item folder; /* does not exist: the deepest folder of the path that does */
	size_t depth;	    /* and how many names lead to it */
	struct docs_position at;
};

/* From {path...}, ?path= or {id}. -ERR_BAD_PATH, -ENAMETOOLONG; an id is only looked at by target_find. */
int target_init(struct target *t, struct call *call);
/* Resolves the drive too. 0 also when it does not exist (by path): see exists. -ERR_NOT_FOUND: drive, or id. */
int target_find(struct target *t, struct docs_store *store);
/* 0, -ERR_PRECONDITION, -ERR_BAD_REQUEST, PRECONDITION_NOT_MODIFIED (reads). */
int target_check(const struct target *t, bool read);
/* Whether the request has conditions, so that its op must be about exactly what was found. */
bool target_is_conditional(const struct target *t);
/* Lets op fail when the document is not what was found any more. */
void target_bind(const struct target *t, struct op *op);

/* A docs_on_item that copies all but the bytes (and the name, when name is not NULL: NAME_BYTES_MAX + 1). */
struct target_copy {
	struct item *item;
	char *name;
};
int target_on_item(const struct item *item, void *cookie); /* cookie: a struct target_copy */

#endif
