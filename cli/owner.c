#include "cli/owner.h"

#include "cli/print.h"
#include "cli/remote.h"
#include "common/base/error.h"
#include "common/proto/item.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

/*
 * The item gives its id, which contains its drive; a gateway says which gateways own the drive. Whether the item
 * is in memory there is found out by a HEAD of what "nephos get" or "nephos ls" would request: a HEAD takes
 * nothing into memory.
 */

#define PATH_SIZE 96 /* of a request by number */

static int ask(struct command_run *run, const char *method, const char *path, struct api_answer *ret)
{
	const struct api_request request = {.method = method, .path = path};

	return path ? api_call(run->api, &request, ret) : -ENOMEM;
}

static int find_item(struct command_run *run, const char *path, int64_t *ret_id, struct api_answer *ret)
{
	struct buf url;
	buf_init(&url, REMOTE_URL_BYTES_MAX);
	int r = buf_append_str(&url, REMOTE_ITEM);
	if (r == 0)
		r = remote_encode(path, &url);
	if (r == 0 && url.size == sizeof(REMOTE_ITEM) - 1)
		r = buf_append_str(&url, "/");
	if (r == 0)
		r = ask(run, "GET", url.data, ret);
	if (r == 0 && item_json_get_id(ret->json, "id", ret_id) < 0)
		r = -EPROTO;
	buf_fini(&url);
	return r;
}

/* The home's entry is the first of the list (RFC 9211). */
static bool is_in_memory(const char *cache_status)
{
	static const char HIT[] = "; hit";
	const size_t size = cache_status ? strcspn(cache_status, ",") : 0;

	return size >= sizeof(HIT) - 1 && strncmp(cache_status + size - (sizeof(HIT) - 1), HIT, sizeof(HIT) - 1) == 0;
}

static int find_in_memory(struct command_run *run, const char *path, const json_t *item, bool *ret)
{
	const char *type = json_string_value(json_object_get(item, "type"));
	struct api_answer answer = {0};
	struct buf url;
	int r;

	buf_init(&url, REMOTE_URL_BYTES_MAX);
	if (type && strcmp(type, "dir") == 0) {
		r = buf_printf(&url, REMOTE_HOME "/items/%s/children", json_string_value(json_object_get(item, "id")));
	} else {
		r = buf_append_str(&url, REMOTE_FILES);
		if (r == 0)
			r = remote_encode(path, &url);
	}
	if (r == 0)
		r = ask(run, "HEAD", url.data, &answer);
	*ret = r == 0 && is_in_memory(http_headers_get(&answer.headers, "Cache-Status"));
	api_answer_fini(&answer);
	buf_fini(&url);
	return r == -EISDIR || r == -EINVAL ? 0 : r; /* neither a file nor a folder: it has no content */
}

static int find_owners(struct command_run *run, uint32_t drive, struct api_answer *ret)
{
	char url[PATH_SIZE];

	(void)snprintf(url, sizeof(url), "/api/v2/gateways/owners?drive=%" PRIu32, drive);
	return ask(run, "GET", url, ret);
}

int owner_find(struct command_run *run, const char *path, json_t **ret)
{
	struct api_answer item = {0}, owners = {0};
	const struct api_answer *last = &item;
	bool in_memory = false;
	int64_t id = 0;

	assert(run->api && run->credentials.token);
	int r = find_item(run, path, &id, &item);

	if (r == 0)
		r = find_in_memory(run, path, item.json, &in_memory);
	if (r == 0) {
		last = &owners;
		r = find_owners(run, ITEM_DRIVE(id), &owners);
	}
	int code = command_judge(run, r, last, path);
	if (code == EXIT_DONE) {
		*ret = json_pack("{s:O, s:O, s:O, s:b}", "owners", json_object_get(owners.json, "owners"), "epoch",
			json_object_get(owners.json, "epoch"), "drive", json_object_get(owners.json, "drive"),
			"in_memory", (int)in_memory);
		r = *ret ? item_json_set_bytes(*ret, "path", span_str(path)) : -EPROTO;
		code = r < 0 ? command_fail(run, r, path) : EXIT_DONE;
	}
	api_answer_fini(&item);
	api_answer_fini(&owners);
	return code;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "-";
}

void owner_print(struct buf *line, const json_t *owner)
{
	const json_t *owners = json_object_get(owner, "owners");
	const json_t *home = json_array_get(owners, 0), *next = json_array_get(owners, 1);

	assert(owner);
	(void)buf_append_str(line, "path     ");
	(void)print_name(line, span_str(text_of(owner, "path")), true);
	(void)buf_append_str(line, "  of drive ");
	(void)print_name(line, span_str(text_of(owner, "drive")), true);
	if (!home) {
		(void)buf_append_str(line, ", which has no home just now");
		return;
	}
	(void)buf_append_str(line, ": home ");
	(void)print_name(line, span_str(text_of(home, "name")), true);
	if (next) {
		(void)buf_append_str(line, ", after it ");
		(void)print_name(line, span_str(text_of(next, "name")), true);
	}
	(void)buf_append_str(
		line, json_is_true(json_object_get(owner, "in_memory")) ? ", in memory there" : ", not in memory");
}
