/*
 * All routes of the docs service, with their texts for the API pages.
 *
 * A row has the method, the pattern, how the body is received, and the handler (api.h). `doc` is a piece of JSON
 * for the description of the API (openapi.h), put together by the macros below. The service does not start when a
 * row has no description, unless the row is internal. Internal rows are for gateways, and are not described.
 */
#include "backend/docs/api/api.h"
#include "backend/docs/request/reply.h"

#include "backend/service/service.h"
#include "common/base/limits.h"
#include "common/http/server/openapi.h"
#include "common/proto/headers.h"
#include "common/proto/op_answer.h"
#include "common/ring/ring_message.h"

#include <errno.h>

#define OPENAPI_BYTES_MAX (256u * 1024)

/* Pieces of the descriptions. */
#define JSON_BODY(schema) \
	"\"requestBody\":{\"required\":true,\"content\":{\"application/json\":{\"schema\":" schema "}}}"
#define JSON_BODY_OPTIONAL(schema) "\"requestBody\":{\"content\":{\"application/json\":{\"schema\":" schema "}}}"
/* With an example that can be sent unchanged to the user's own store. */
#define JSON_BODY_LIKE(schema, example)                                                            \
	"\"requestBody\":{\"required\":true,\"content\":{\"application/json\":{\"schema\":" schema \
	",\"example\":" example "}}}"
#define BYTES_BODY \
	"\"requestBody\":{\"required\":true,\"content\":{\"application/octet-stream\":{\"schema\":{\"type\":\"string\",\"format\":\"binary\"}}}}"
#define OBJECT(properties) "{\"type\":\"object\",\"properties\":{" properties "}}"
#define TEXT(name) "\"" name "\":{\"type\":\"string\"}"
#define NUMBER(name) "\"" name "\":{\"type\":\"integer\"}"
#define LIST(name, of) "\"" name "\":{\"type\":\"array\",\"items\":" of "}"
#define QUERY(name, type, about) \
	"{\"name\":\"" name "\",\"in\":\"query\",\"schema\":{\"type\":\"" type "\"},\"description\":\"" about "\"}"
#define QUERY_NEEDED(name, type, about)                                                                 \
	"{\"name\":\"" name "\",\"in\":\"query\",\"required\":true,\"schema\":{\"type\":\"" type "\"}," \
	"\"description\":\"" about "\"}"
#define QUERY_LIKE(name, type, about, example)                                                          \
	"{\"name\":\"" name "\",\"in\":\"query\",\"required\":true,\"schema\":{\"type\":\"" type "\"}," \
	"\"description\":\"" about "\",\"example\":\"" example "\"}"
#define HEADER(name, about) \
	"{\"name\":\"" name "\",\"in\":\"header\",\"schema\":{\"type\":\"string\"},\"description\":\"" about "\"}"
#define PARAMETERS(list) "\"parameters\":[" list "]"
#define ANSWER(status, about) "\"" status "\":{\"description\":\"" about "\"}"
#define JSON_ANSWER(status, about, schema) \
	"\"" status "\":{\"description\":\"" about "\",\"content\":{\"application/json\":{\"schema\":" schema "}}}"
/* Clients that accept the compact form get it. */
#define JSON_OR_COMPACT_ANSWER(status, about, schema, compact)                                                \
	"\"" status "\":{\"description\":\"" about "\",\"content\":{\"application/json\":{\"schema\":" schema \
	"},\"" compact "\":{\"schema\":{\"type\":\"string\",\"format\":\"binary\"}}}}"
#define RESPONSES(list) "\"responses\":{" list "}"

#define WANT_DIGEST HEADER("Want-Repr-Digest", "sha-256=1: the digest is kept, and said with the content")
#define IF_MATCH HEADER("If-Match", "only if the document has this etag")
#define IF_NONE_MATCH HEADER("If-None-Match", "* : only if there is nothing yet")
#define KEY HEADER("Idempotency-Key", "a repeat with the same key gets the same answer, once done, for 24 hours")
#define FILE_PATH QUERY_LIKE("path", "string", "from the root: /a/b or a/b", "/example.txt")
#define TRASHED                                                                                   \
	"{\"name\":\"drive\",\"in\":\"path\",\"required\":true,\"schema\":{\"type\":\"string\"}," \
	"\"description\":\"its id\"}"
#define PARENTS QUERY("parents", "boolean", "make missing folders")
#define RANGE HEADER("Range", "bytes=0-99, several with commas")

#define SESSION HEADER(HEADER_SESSION, "the session of the mount")
#define LOCK_RANGE \
	"{\"type\":\"array\",\"description\":\"first byte, last byte, and whether nobody else may hold one there\"}"

#define V1_DOC OBJECT(NUMBER("id") "," TEXT("title") "," TEXT("text") "," LIST("user_id", "{\"type\":\"integer\"}"))
#define V1_BODY(example) \
	JSON_BODY_LIKE(OBJECT(TEXT("title") "," TEXT("text") "," LIST("user_id", "{\"type\":\"integer\"}")), example)
#define DRIVE                                                                                                                            \
	OBJECT(TEXT("id") "," TEXT("name") "," NUMBER("quota") "," NUMBER("used") "," NUMBER("free") "," NUMBER("documents") "," NUMBER( \
		"documents_max") "," NUMBER("extents") "," NUMBER("extents_max") "," TEXT("seq") "," TEXT("incarnation") "," TEXT("root"))
#define ACCOUNT                                                                                               \
	OBJECT(TEXT("user") "," NUMBER("quota") ",\"own\":{\"type\":\"boolean\"}," NUMBER("used") "," NUMBER( \
		"blocks") "," NUMBER("documents") "," NUMBER("documents_max") "," NUMBER("extents") "," NUMBER("extents_max"))
#define ITEM                                                                                                                                                                              \
	OBJECT(TEXT("id") "," TEXT("drive") "," TEXT("parent") "," TEXT("name") "," TEXT("type") "," NUMBER("size") "," NUMBER("blocks") "," NUMBER("mode") "," NUMBER("uid") "," NUMBER( \
		"gid") "," NUMBER("nlink") "," TEXT("atime") "," TEXT("mtime") "," TEXT("ctime") "," TEXT("btime") "," TEXT("etag") "," TEXT("seq") "," LIST("protect",                   \
		"{\"type\":\"string\",\"enum\":[\"append_only\",\"immutable\"]}"))
#define FSCK                                                                                                                                            \
	OBJECT(TEXT("run") "," TEXT("state") ",\"repair\":{\"type\":\"boolean\"}," NUMBER("drives") "," NUMBER("rows") "," NUMBER("blocks") "," NUMBER( \
		"bytes") "," NUMBER("bytes_total") "," NUMBER("found") "," NUMBER("mended") "," NUMBER("started_at") "," NUMBER("ended_at"))
#define FINDING                                                                                                                                      \
	OBJECT(TEXT("number") "," TEXT("kind") "," TEXT("text") ",\"mended\":{\"type\":\"boolean\"}," TEXT("drive") "," TEXT("drive_name") "," TEXT( \
		"id") "," TEXT("path") ",\"removed\":{\"type\":\"boolean\"}," TEXT("detail") "," NUMBER("is") "," NUMBER("should"))
#define ITEM_PAGE OBJECT(LIST("items", ITEM) ",\"next\":{\"type\":[\"string\",\"null\"]}")
#define XATTR_PAGE                                                 \
	OBJECT(LIST("xattrs",                                      \
		OBJECT(TEXT("name") "," TEXT("name_b64") "," TEXT( \
			"value_b64"))) ",\"next\":{\"type\":[\"string\",\"null\"]}," TEXT("seq"))
#define CHANGES                                                                                                \
	OBJECT(LIST("changes",                                                                                 \
		OBJECT(TEXT("seq") "," TEXT("op") "," TEXT("id") "," TEXT("parent") "," TEXT("name") "," TEXT( \
			"key"))) "," TEXT("last") "," TEXT("incarnation") "," NUMBER("others"))

#define V1 "/api/v1/docs"
#define V2 "/api/v2/docs"
#define ONE V2 "/drives/{drive}"

#define BODY_NONE .body = HTTP_BODY_NONE
#define BODY_JSON .body = HTTP_BODY_WHOLE, .body_max = JSON_BYTES_MAX
#define BODY_BATCH .body = HTTP_BODY_STREAM, .body_max = BATCH_BYTES_MAX
#define BODY_CONTENT .body = HTTP_BODY_STREAM, .body_max = CONTENT_BYTES_MAX
#define BODY_BLOCK .body = HTTP_BODY_STREAM, .body_max = BLOCK_BYTES_MAX

const struct http_route docs_routes[] = {
	{"GET", V1 "/docs/openapi.json", BODY_NONE, .handler = api_openapi_v1, .open = true, .tag = "description",
		.summary = "This description", .doc = "{" RESPONSES(ANSWER("200", "OpenAPI 3.1")) "}"},
	{"GET", V2 "/docs/openapi.json", BODY_NONE, .handler = api_openapi_v2, .open = true, .tag = "description",
		.summary = "This description", .doc = "{" RESPONSES(ANSWER("200", "OpenAPI 3.1")) "}"},

	/* ---- v1 ---- */
	{"GET", V1, BODY_NONE, .handler = api_v1_list, .tag = "documents", .summary = "All your text documents",
		.doc = "{\"description\":\"The UTF-8 files of at most 1 MiB in the root of your first drive\"," RESPONSES(
			JSON_ANSWER("200", "the documents", "{\"type\":\"array\",\"items\":" V1_DOC "}")) "}"},
	{"POST", V1, BODY_JSON, .handler = api_v1_create, .tag = "documents", .summary = "Make a document",
		.doc = "{" PARAMETERS(KEY) "," V1_BODY("{\"title\":\"example\",\"text\":\"Hello.\"}") "," RESPONSES(
			JSON_ANSWER("201", "made", V1_DOC) "," ANSWER("404", "User with id:N not found") "," ANSWER(
				"409", "there is such a title") "," ANSWER("422", "not acceptable")) "}"},
	{"GET", V1 "/{id}", BODY_NONE, .handler = api_v1_get, .tag = "documents", .summary = "One document",
		.doc = "{" RESPONSES(
			JSON_ANSWER("200", "the document", V1_DOC) "," ANSWER("404", "no such document")) "}"},
	{"PUT", V1 "/{id}", BODY_JSON, .handler = api_v1_change, .conditional = true, .tag = "documents",
		.summary = "Change title, text, or both",
		.doc = "{" PARAMETERS(KEY "," IF_MATCH) "," V1_BODY("{\"text\":\"Hello again.\"}") "," RESPONSES(
			JSON_ANSWER("200", "changed", V1_DOC)) "}"},
	{"DELETE", V1 "/{id}", BODY_NONE, .handler = api_v1_delete, .conditional = true, .tag = "documents",
		.summary = "Delete a document",
		.doc = "{" PARAMETERS(KEY "," IF_MATCH) "," RESPONSES(ANSWER("204", "gone")) "}"},

	/* ---- drives ---- */
	{"GET", V2 "/drives", BODY_NONE, .handler = api_drives_list, .tag = "drives", .summary = "Your drives",
		.doc = "{" PARAMETERS(QUERY("trashed", "integer", "1: those in the trash instead")) "," RESPONSES(
			JSON_ANSWER("200", "the drives", OBJECT(LIST("drives", DRIVE)))) "}"},
	{"POST", V2 "/drives", BODY_JSON, .handler = api_drive_create, .tag = "drives", .summary = "Make a drive",
		.doc = "{" PARAMETERS(KEY) "," JSON_BODY_LIKE(OBJECT(TEXT("name") "," NUMBER("quota")),
			"{\"name\":\"example\"}") "," RESPONSES(JSON_ANSWER("201", "made", DRIVE)) "}"},
	{"GET", ONE, BODY_NONE, .handler = api_drive_get, .tag = "drives",
		.summary = "One drive: quota, usage, position",
		.doc = "{" RESPONSES(JSON_ANSWER("200", "the drive", DRIVE)) "}"},
	{"PATCH", ONE, BODY_JSON, .handler = api_drive_change, .tag = "drives",
		.summary = "Rename a drive, or (administrators) change its quota",
		.doc = "{" PARAMETERS(KEY) "," JSON_BODY_LIKE(OBJECT(TEXT("name") "," NUMBER("quota")),
			"{\"name\":\"home\"}") "," RESPONSES(JSON_ANSWER("200", "changed", DRIVE)) "}"},
	{"DELETE", ONE, BODY_NONE, .handler = api_drive_delete, .tag = "drives",
		.summary = "Put a drive into the trash",
		.doc = "{" PARAMETERS(KEY "," QUERY("confirm", "string",
			"the drive's name: needed when there is anything in it") "," QUERY("trashed", "integer",
			"1: one that is in the trash, which ends there")) "," RESPONSES(ANSWER("204",
			"the drive is in the trash for 30 days, or gone at once when it was empty or in the trash already") "," ANSWER("428",
			"not confirmed")) "}"},
	{"POST", ONE "/restore", BODY_JSON, .handler = api_drive_restore, .tag = "drives",
		.summary = "Take a drive out of the trash",
		.doc = "{" PARAMETERS(TRASHED "," KEY) "," RESPONSES(
			JSON_ANSWER("200", "as it was", DRIVE) "," ANSWER("404", "not in the trash")) "}"},

	{"GET", V2 "/accounts/{user}", BODY_NONE, .handler = api_account_get, .tag = "drives",
		.summary = "What a user may hold in all drives together, and holds",
		.doc = "{\"description\":\"{user}: an id, me, or default\"," RESPONSES(
			JSON_ANSWER("200", "the account", ACCOUNT)) "}"},
	{"PUT", V2 "/accounts/{user}", BODY_JSON, .handler = api_account_put, .tag = "drives",
		.summary = "Set what a user may hold (administrators)",
		.doc = "{\"description\":\"{user}: an id, or default: for all who have no quota of their own\"," PARAMETERS(KEY) "," JSON_BODY(OBJECT(
			"\"quota\":{\"type\":[\"integer\",\"null\"],\"description\":\"bytes; 0: no limit; null: the default\"},"
			"\"documents\":{\"type\":[\"integer\",\"null\"],\"description\":\"with a quota: how many; 0: no limit; null: as many as go with it\"}")) "," RESPONSES(JSON_ANSWER("200",
			"set", ACCOUNT) "," ANSWER("403", "not an administrator")) "}"},

	{"POST", V2 "/fsck", BODY_JSON, .handler = api_fsck_start, .tag = "store",
		.summary = "Start a check of the whole store (administrators)",
		.doc = "{\"description\":\"the rows and the bytes of every block are read while the store is in use; repair: what can be derived is mended\"," JSON_BODY_OPTIONAL(
			OBJECT("\"repair\":{\"type\":\"boolean\"}")) "," RESPONSES(JSON_ANSWER("202", "started",
			FSCK) "," JSON_ANSWER("200", "a check of that kind runs already", FSCK) "," ANSWER("409",
			"a check of the other kind runs") "," ANSWER("403", "not an administrator")) "}"},
	{"GET", V2 "/fsck", BODY_NONE, .handler = api_fsck_get, .tag = "store",
		.summary = "How far the check has come, or how the last one ended (administrators)",
		.doc = "{" RESPONSES(
			JSON_ANSWER("200", "the check", FSCK) "," ANSWER("403", "not an administrator")) "}"},
	{"DELETE", V2 "/fsck", BODY_NONE, .handler = api_fsck_stop, .tag = "store",
		.summary = "Stop the check (administrators)",
		.doc = "{" RESPONSES(JSON_ANSWER("200", "the check is stopped, or was over already", FSCK) "," ANSWER(
			"403", "not an administrator")) "}"},
	{"GET", V2 "/fsck/findings", BODY_NONE, .handler = api_fsck_findings, .tag = "store",
		.summary = "What the check, or the last one, has found (administrators)",
		.doc = "{" PARAMETERS(QUERY("limit", "integer", "1 to 1000") "," QUERY(
			"cursor", "string", "next of the page before")) "," RESPONSES(JSON_ANSWER("200", "a page",
			OBJECT(LIST("items", FINDING) ",\"next\":{\"type\":[\"string\",\"null\"]}")) "," ANSWER("403",
			"not an administrator")) "}"},

	/* ---- content ---- */
	{"GET", ONE "/files/{path...}", BODY_NONE, .handler = api_file_get, .tag = "content",
		.summary = "Content by path",
		.doc = "{" PARAMETERS(RANGE "," IF_NONE_MATCH) "," RESPONSES(ANSWER("200", "the content") "," ANSWER(
			"206", "the ranges") "," ANSWER("304", "as you have it") "," ANSWER("409",
			"a folder") "," ANSWER("416", "no such range")) "}"},
	{"PUT", ONE "/files/{path...}", BODY_CONTENT, .handler = api_file_put, .conditional = true, .tag = "content",
		.summary = "Store content at a path",
		.doc = "{" PARAMETERS(PARENTS "," HEADER("Repr-Digest",
			"sha-256=:BASE64:") "," WANT_DIGEST "," KEY "," IF_MATCH
					    "," IF_NONE_MATCH) "," BYTES_BODY "," RESPONSES(JSON_ANSWER("201", "made",
			ITEM) "," JSON_ANSWER("200", "replaced", ITEM)) "}"},
	{"DELETE", ONE "/files/{path...}", BODY_NONE, .handler = api_file_delete, .conditional = true, .tag = "content",
		.summary = "Delete what is at a path (a folder must be empty)",
		.doc = "{" PARAMETERS(KEY "," IF_MATCH) "," RESPONSES(
			ANSWER("204", "gone") "," ANSWER("409", "a folder that is not empty")) "}"},
	{"GET", ONE "/files", BODY_NONE, .handler = api_file_get, .tag = "content",
		.summary = "Content by path, encoded as a whole",
		.doc = "{" PARAMETERS(FILE_PATH "," RANGE "," IF_NONE_MATCH) "," RESPONSES(ANSWER(
			"200", "the content") "," ANSWER("206", "the ranges") "," ANSWER("304",
			"as you have it") "," ANSWER("409", "a folder") "," ANSWER("416", "no such range")) "}"},
	{"PUT", ONE "/files", BODY_CONTENT, .handler = api_file_put, .conditional = true, .tag = "content",
		.summary = "Store content at a path, encoded as a whole",
		.doc = "{" PARAMETERS(FILE_PATH "," PARENTS "," HEADER("Repr-Digest",
			"sha-256=:BASE64:") "," WANT_DIGEST "," KEY "," IF_MATCH
					    "," IF_NONE_MATCH) "," BYTES_BODY "," RESPONSES(JSON_ANSWER("201", "made",
			ITEM) "," JSON_ANSWER("200", "replaced", ITEM)) "}"},
	{"DELETE", ONE "/files", BODY_NONE, .handler = api_file_delete, .conditional = true, .tag = "content",
		.summary = "Delete what is at a path, encoded as a whole",
		.doc = "{" PARAMETERS(FILE_PATH "," KEY "," IF_MATCH) "," RESPONSES(
			ANSWER("204", "gone") "," ANSWER("409", "a folder that is not empty")) "}"},
	{"GET", ONE "/items/{id}/content", BODY_NONE, .handler = api_file_get, .tag = "content",
		.summary = "Content by id",
		.doc = "{" PARAMETERS(RANGE "," IF_NONE_MATCH) "," RESPONSES(
			ANSWER("200", "the content") "," ANSWER("206", "the ranges")) "}"},
	{"PUT", ONE "/items/{id}/content", BODY_CONTENT, .handler = api_file_put, .conditional = true, .tag = "content",
		.summary = "Replace the content of a document",
		.doc = "{" PARAMETERS(HEADER("Repr-Digest",
			"sha-256=:BASE64:") "," WANT_DIGEST "," KEY
					    "," IF_MATCH) "," BYTES_BODY
							  "," RESPONSES(JSON_ANSWER("200", "replaced", ITEM)) "}"},

	/* ---- items ---- */
	{"GET", ONE "/items", BODY_NONE, .handler = api_item_by_path, .tag = "items", .summary = "Attributes by path",
		.doc = "{" PARAMETERS(FILE_PATH) "," RESPONSES(JSON_ANSWER("200", "the item", ITEM)) "}"},
	{"GET", ONE "/items/{id}", BODY_NONE, .handler = api_item_get, .tag = "items", .summary = "Attributes by id",
		.doc = "{" RESPONSES(JSON_ANSWER("200", "the item", ITEM)) "}"},
	{"DELETE", ONE "/items/{id}", BODY_NONE, .handler = api_item_delete, .conditional = true, .tag = "items",
		.summary = "Delete a document, or an empty folder, by id",
		.doc = "{" PARAMETERS(KEY "," IF_MATCH) "," RESPONSES(ANSWER("204", "gone")) "}"},
	{"GET", ONE "/items/{id}/children", BODY_NONE, .handler = api_item_children, .tag = "items",
		.summary = "What lies in a folder",
		.doc = "{" PARAMETERS(QUERY("limit", "integer", "1 to 1000; 100 unless told") "," QUERY(
			"cursor", "string", "next of the page before")) "," RESPONSES(JSON_ANSWER("200",
			"a page, in the order of the names' bytes", ITEM_PAGE)) "}"},
	{"GET", ONE "/items/{id}/lookup", BODY_NONE, .handler = api_item_lookup, .tag = "items",
		.summary = "One name in a folder",
		.doc = "{" PARAMETERS(QUERY_NEEDED("name", "string", "the name")) "," RESPONSES(
			JSON_ANSWER("200", "the item", ITEM)) "}"},
	{"GET", ONE "/items/{id}/extents", BODY_NONE, .handler = api_item_extents, .tag = "items",
		.summary = "Which blocks a document is made of",
		.doc = "{" PARAMETERS(QUERY("from", "integer", "offset") "," QUERY("len", "integer",
			"bytes")) "," RESPONSES(ANSWER("200", "extents, with capabilities to read the blocks")) "}"},
	{"GET", ONE "/items/{id}/xattrs", BODY_NONE, .handler = api_item_xattrs, .tag = "items",
		.summary = "Extended attributes",
		.doc = "{" PARAMETERS(QUERY("limit", "integer", "1 to 1000; 1000 unless told") "," QUERY(
			"cursor", "string", "next of the page before")) "," RESPONSES(JSON_ANSWER("200",
			"a page, in the order of the names' bytes; with seq when it is not all there is",
			XATTR_PAGE)) "}"},
	{"POST", ONE "/folders", BODY_JSON, .handler = api_folder_create, .tag = "items", .summary = "Make a folder",
		.doc = "{" PARAMETERS(KEY) "," JSON_BODY_LIKE(
			OBJECT(TEXT("parent") "," TEXT("path") "," TEXT("name") "," NUMBER("mode")),
			"{\"path\":\"/examples\"}") "," RESPONSES(JSON_ANSWER("201", "made", ITEM)) "}"},

	/* ---- changes ---- */
	{"POST", ONE "/ops", BODY_BATCH, .handler = api_ops_apply, .tag = "changes",
		.summary = "Apply a batch of ops: all or none",
		.doc = "{" PARAMETERS(KEY) "," JSON_BODY(OBJECT(LIST("ops",
			"{\"type\":\"object\"}"))) "," RESPONSES(JSON_OR_COMPACT_ANSWER("200", "what each op did",
			OBJECT(LIST("results", "{\"type\":\"object\"}") "," TEXT("last")), OP_ANSWER_COMPACT)) "}"},
	{"POST", ONE "/ids", BODY_JSON, .handler = api_ids_reserve, .tag = "changes", .summary = "Reserve document ids",
		.doc = "{" PARAMETERS(KEY) "," JSON_BODY_LIKE(OBJECT(NUMBER("count")), "{\"count\":10}") "," RESPONSES(
			JSON_ANSWER("201", "a range of ids", OBJECT(TEXT("first") "," NUMBER("count")))) "}"},
	{"GET", ONE "/changes", BODY_NONE, .handler = api_changes_get, .tag = "changes",
		.summary = "The journal: a page, a long poll, or server-sent events",
		.doc = "{" PARAMETERS(QUERY_LIKE("since", "integer", "the last seq you know; 0 for all", "0") "," QUERY(
			"wait", "integer", "seconds to wait for a change") "," QUERY("limit", "integer",
			"1 to 1000")) "," RESPONSES(JSON_ANSWER("200", "what changed", CHANGES) "," ANSWER("410",
			"no longer kept that far back")) "}"},
	{"POST", ONE "/changes", BODY_JSON, .handler = api_changes_poll, .tag = "changes",
		.summary = "The poll of a mount: renews its session",
		.doc = "{" JSON_BODY(OBJECT(TEXT("since") "," NUMBER("wait") "," NUMBER("limit") "," TEXT(
			"session") "," NUMBER("others") "," LIST("held",
			"{\"type\":\"string\"}"))) "," RESPONSES(JSON_ANSWER("200", "what changed", CHANGES)) "}"},
	{"POST", ONE "/sessions", BODY_JSON, .handler = api_session_create, .tag = "changes",
		.summary = "Open the session of a mount",
		.doc = "{" PARAMETERS(KEY) "," JSON_BODY_LIKE(OBJECT(TEXT("name") "," TEXT("replaces")),
			"{\"name\":\"example\"}") "," RESPONSES(JSON_ANSWER("201", "opened",
			OBJECT(TEXT("session") "," NUMBER("timeout_s")))) "}"},
	{"DELETE", ONE "/sessions/{session}", BODY_NONE, .handler = api_session_end, .tag = "changes",
		.summary = "End the session of a mount",
		.doc = "{" PARAMETERS(KEY) "," RESPONSES(ANSWER("204", "ended")) "}"},
	{"POST", ONE "/locks", BODY_JSON, .handler = api_lock_hold, .tag = "locks",
		.summary = "Say which file locks a mount holds of a document from now on",
		.doc = "{" PARAMETERS(SESSION) "," JSON_BODY(
			OBJECT(TEXT("id") "," TEXT("kind") "," TEXT("number") "," LIST("held",
				LOCK_RANGE) ",\"queue\":" LOCK_RANGE)) "," RESPONSES(JSON_OR_COMPACT_ANSWER("200",
			"granted: the document as it is now", ITEM, REPLY_ITEMS_TYPE) "," ANSWER("409",
			"another mount holds what is in the way: nothing changed") "," ANSWER("410",
			"the session is over, and its locks with it")) "}"},
	{"GET", ONE "/locks", BODY_NONE, .handler = api_lock_test, .tag = "locks",
		.summary = "Which file lock of another mount would be in the way",
		.doc = "{" PARAMETERS(SESSION "," QUERY_NEEDED("id", "string", "the document") "," QUERY_NEEDED("kind",
			"string",
			"posix or flock") "," QUERY("from", "integer", "first byte; 0 unless told") "," QUERY("to",
			"integer", "last byte; to the end unless told") "," QUERY("exclusive", "boolean",
			"of one that shares with nobody")) "," RESPONSES(JSON_ANSWER("200",
			"the one that lies first, or null", OBJECT("\"conflict\":" LOCK_RANGE))) "}"},
	{"POST", ONE "/locks/wait", BODY_JSON, .handler = api_lock_wait, .tag = "locks",
		.summary = "Wait until a file lock may be had",
		.doc = "{" PARAMETERS(SESSION) "," JSON_BODY(OBJECT(TEXT("id") "," TEXT(
			"kind") ",\"want\":" LOCK_RANGE "," NUMBER("wait"))) "," RESPONSES(JSON_ANSWER("200",
			"turn: ask for it now; otherwise the time is over",
			OBJECT("\"turn\":{\"type\":\"boolean\"}"))) "}"},

	/* ---- blocks ---- */
	{"PUT", ONE "/blocks/{sha256}", BODY_BLOCK, .handler = api_block_put, .tag = "blocks",
		.summary = "Store a block under its hash",
		.doc = "{" BYTES_BODY "," RESPONSES(ANSWER("201", "stored, durably") "," ANSWER(
			"200", "was there") "," ANSWER("400", "the bytes have another hash")) "}"},
	{"GET", ONE "/blocks/{sha256}", BODY_NONE, .handler = api_block_get, .tag = "blocks",
		.summary = "The bytes of a block",
		.doc = "{" PARAMETERS(QUERY("cap", "string", "capability from an extent list") "," RANGE) "," RESPONSES(
			ANSWER("200", "the bytes") "," ANSWER(
				"206", "a part; one range of up to 1 MiB with its Content-Digest")) "}"},
	/* ---- for gateways ---- */
	{"POST", "/internal/v1/ring", .body = HTTP_BODY_WHOLE, .body_max = RING_MESSAGE_BYTES_MAX,
		.handler = api_ring_call, .internal = true},
	{"GET", "/internal/v1/ring", BODY_NONE, .handler = api_ring_look, .internal = true},
	{"POST", "/internal/v1/ring/claims", .body = HTTP_BODY_WHOLE, .body_max = JSON_BYTES_MAX,
		.handler = api_ring_claim, .internal = true},
	{"GET", "/internal/v1/blocks/{sha256}", BODY_NONE, .handler = api_block_for_gateway, .internal = true},
	{"GET", "/internal/v1/ring/home", BODY_NONE, .handler = api_ring_home, .internal = true},
	{"GET", "/internal/v1/ring/journal", BODY_NONE, .handler = api_ring_journal, .internal = true},
	{NULL},
};

static void respond_openapi(struct http_request *req, const char *prefix, const char *title)
{
	struct http_headers headers;
	struct buf text;
	int r;

	buf_init(&text, OPENAPI_BYTES_MAX);
	http_headers_init(&headers);
	(void)http_headers_add(&headers, "Content-Type", "application/json");
	r = http_openapi(docs_routes, prefix, title, &text);
	if (r < 0)
		http_respond_error(req, r, NULL);
	else
		http_respond(req, 200, &headers, buf_span(&text));
	http_headers_fini(&headers);
	buf_fini(&text);
}

void api_openapi_v1(struct http_request *req, void *cookie)
{
	(void)cookie;
	respond_openapi(req, V1, "nephos documents, version 1");
}

void api_openapi_v2(struct http_request *req, void *cookie)
{
	(void)cookie;
	respond_openapi(req, V2, "nephos documents, version 2");
}
