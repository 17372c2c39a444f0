/*
 * api: the handlers of the docs service, one file per noun; routes.c says which route each one serves. All of
 * them start on the server's thread, run blocking work on a worker, and answer from there.
 */
#ifndef NEPHOS_DOCS_API_H
#define NEPHOS_DOCS_API_H

#include "common/http/server/server.h"

extern const struct http_route docs_routes[];

/* api_files.c: content by path and by id */
void api_file_get(struct http_request *req, void *cookie);
void api_file_put(struct http_request *req, void *cookie);
void api_file_delete(struct http_request *req, void *cookie);

/* api_items.c */
void api_item_by_path(struct http_request *req, void *cookie);
void api_item_get(struct http_request *req, void *cookie);
void api_item_delete(struct http_request *req, void *cookie);
void api_item_children(struct http_request *req, void *cookie);
void api_item_lookup(struct http_request *req, void *cookie);
void api_item_extents(struct http_request *req, void *cookie);
void api_item_xattrs(struct http_request *req, void *cookie);
void api_folder_create(struct http_request *req, void *cookie);

/* api_ops.c */
void api_ops_apply(struct http_request *req, void *cookie);
void api_ids_reserve(struct http_request *req, void *cookie);
void api_session_create(struct http_request *req, void *cookie);
void api_session_end(struct http_request *req, void *cookie);

/* api_changes.c */
void api_changes_get(struct http_request *req, void *cookie);
void api_changes_poll(struct http_request *req, void *cookie);

/* api_locks.c */
void api_lock_hold(struct http_request *req, void *cookie);
void api_lock_wait(struct http_request *req, void *cookie);
void api_lock_test(struct http_request *req, void *cookie);
struct docs;
void api_locks_released(
	/* All waiters for locks of that drive look again, at every instance. */
	struct docs *docs, uint32_t drive);

/* api_drives.c */
void api_drives_list(struct http_request *req, void *cookie);
void api_drive_create(struct http_request *req, void *cookie);
void api_drive_get(struct http_request *req, void *cookie);
void api_drive_change(struct http_request *req, void *cookie);
void api_drive_delete(struct http_request *req, void *cookie);
void api_drive_restore(struct http_request *req, void *cookie);

/* api_accounts.c */
void api_account_get(struct http_request *req, void *cookie);
void api_account_put(struct http_request *req, void *cookie);

/* api_fsck.c */
void api_fsck_start(struct http_request *req, void *cookie);
void api_fsck_get(struct http_request *req, void *cookie);
void api_fsck_stop(struct http_request *req, void *cookie);
void api_fsck_findings(struct http_request *req, void *cookie);

/* api_ring.c */
void api_ring_call(struct http_request *req, void *cookie);
void api_ring_look(struct http_request *req, void *cookie);
void api_ring_claim(struct http_request *req, void *cookie);
void api_ring_home(struct http_request *req, void *cookie);
void api_ring_journal(struct http_request *req, void *cookie);

/* api_blocks.c */
void api_block_put(struct http_request *req, void *cookie);
void api_block_get(struct http_request *req, void *cookie);
void api_block_for_gateway(struct http_request *req, void *cookie);

/* api_v1.c */
void api_v1_list(struct http_request *req, void *cookie);
void api_v1_create(struct http_request *req, void *cookie);
void api_v1_get(struct http_request *req, void *cookie);
void api_v1_change(struct http_request *req, void *cookie);
void api_v1_delete(struct http_request *req, void *cookie);

/* routes.c: the descriptions */
void api_openapi_v1(struct http_request *req, void *cookie);
void api_openapi_v2(struct http_request *req, void *cookie);

#endif
