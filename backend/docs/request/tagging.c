#include "backend/docs/request/tagging.h"

#include "common/base/error.h"
#include "common/proto/headers.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/stat.h>

static bool is_asked_for(const struct call *call)
{
	const char *value = http_request_header(call->req, HEADER_TAGS);

	return value && strcmp(value, HEADER_TAGS_WANTED) == 0;
}

void tagging_begin(struct call *call)
{
	assert(call->scope.drive != 0);
	if (!call->tags && !call->untagged && is_asked_for(call)) {
		call->tags = call_try_alloc(call, sizeof(*call->tags));
		call->session = call->scope.session;
		if (call->tags)
			call->scope.session = 0;
	}
	if (!call->tags)
		return;
	call->scope.stand = call->stand;
	tag_list_init(call->tags, call->scope.drive);
}

void tagging_add(struct call *call, struct tag tag)
{
	if (call->tags)
		tag_list_add(call->tags, tag);
}

void tagging_add_child(struct call *call, const struct item *child)
{
	if (S_ISDIR(child->mode) || child->nlink > 1)
		tagging_add(call, tag_of(TAG_ATTRIBUTES, child->id));
}

void tagging_ends(struct call *call, unsigned lifetime_s)
{
	if (call->tags)
		tag_list_ends(call->tags, lifetime_s);
}

void tagging_give_up(struct call *call)
{
	if (call->tags)
		call->tags->overfull = true;
}

void tagging_begin_walk(struct call *call, struct docs_walk *walk, int64_t folders[TAGGING_STEPS_MAX])
{
	if (call->tags && walk->count <= TAGGING_STEPS_MAX)
		walk->folders = folders;
	else
		tagging_give_up(call);
}

void tagging_add_walk(struct call *call, const struct docs_walk *walk)
{
	for (size_t i = 0; walk->folders && i <= walk->depth && i < walk->count; i++)
		tagging_add(call, tag_name(walk->folders[i], walk->names[i]));
}

void tagging_say(const struct call *call, struct http_headers *headers)
{
	char text[TAG_TEXT_SIZE];

	if (call->tags && tag_list_print(call->tags, text) == 0)
		(void)http_headers_add(headers, HEADER_TAGS, text);
}

void tagging_not_found(struct call *call, struct docs_position at)
{
	char position[HEADERS_VALUE_SIZE];
	struct http_headers headers;

	/* Without a position, the drive itself was not found. */
	if (!call->tags || at.incarnation == 0) {
		call_fail(call, -ERR_NOT_FOUND, NULL);
		return;
	}
	http_headers_init(&headers);
	headers_position_print(at.incarnation, at.seq, position);
	(void)http_headers_add(&headers, HEADER_SEQ, position);
	tagging_say(call, &headers);
	http_respond_error_with(call->req, -ERR_NOT_FOUND, NULL, &headers);
	http_headers_fini(&headers);
}

void tagging_fail(struct call *call, int error)
{
	if (error != -ERR_NOT_FOUND || !call->tags || call->session == 0) {
		call_fail(call, error, NULL);
		return;
	}
	call->tags = NULL;
	call->untagged = true;
	call->scope.stand = (struct docs_stand){0};
	call->scope.session = call->session;
	call_work(call, call->job);
}
