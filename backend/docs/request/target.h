/*
 * target: the document that a request is about, by path or by id; and the check of the request's conditions
 * against it. A target lies in memory that the call keeps. target_find blocks: on a worker.
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
	/* Set by target_find. */
	bool exists;
	struct item item; /* its name points into `name`; its other spans are empty */
	char name[NAME_BYTES_MAX + 1];
	char etag[ITEM_ETAG_SIZE];
	struct item folder; /* if the document does not exist: the deepest existing folder of its path */
	size_t depth;	    /* and the number of names that lead to that folder */
	struct docs_position at;
};

/* Parses {path...}, ?path= or {id}. -ERR_BAD_PATH, -ENAMETOOLONG; only target_find looks at an id. */
int target_init(struct target *t, struct call *call);
/* Resolves the drive and looks up the document. Returns 0 also when no document exists at the path: see `exists`.
 * -ERR_NOT_FOUND: no such drive, or no such id. */
int target_find(struct target *t, struct docs_store *store);
/* Checks the conditions. 0, -ERR_PRECONDITION, -ERR_BAD_REQUEST, PRECONDITION_NOT_MODIFIED (reads). */
int target_check(const struct target *t, bool read);
/* Whether the request has conditions, so that its op must apply to exactly the version that was found. */
bool target_is_conditional(const struct target *t);
/* With conditions, makes op fail when the document is not the version that was found any more. */
void target_bind(const struct target *t, struct op *op);

/* For target_on_item, a docs_on_item that copies the item without its bytes (and with its name, when name is not
 * NULL: NAME_BYTES_MAX + 1). */
struct target_copy {
	struct item *item;
	char *name;
};
int target_on_item(const struct item *item, void *cookie); /* cookie: a struct target_copy */

#endif
