/*
 * json_text: a long document of version 1 of the API as it is sent: the bytes of its text, as a content_reader gives
 * them, escaped as in a JSON string, between the two pieces of JSON around it. The bytes are those that the docs
 * service would send, which escapes by the same rule: `"`, `\` and what is below U+0020 (RFC 8259, 7), the short form
 * where there is one, digits in upper case; nothing else. Takes constant memory.
 *
 * Threads: as content_reader_pull.
 */
#ifndef NEPHOS_GATEWAY_CONTENT_JSON_TEXT_H
#define NEPHOS_GATEWAY_CONTENT_JSON_TEXT_H

#include "common/proto/text_page.h"

#include <stddef.h>

#define JSON_TEXT_PIECE 4096u	  /* bytes of the text that are escaped at a time */
#define JSON_TEXT_BYTE_ESCAPED 6u /* the most that one byte becomes: \u001F */

/* Where the text comes from: as http_stream_ops.pull; 0 with *ret_size 0 is its end. */
typedef int json_text_source(void *cookie, void *data, size_t size, size_t *ret_size);

/* A plain struct, whose members are its own. */
struct json_text {
	struct text_page page; /* its spans are borrowed */
	json_text_source *source;
	void *cookie;
	enum { JSON_TEXT_BEFORE, JSON_TEXT_WITHIN, JSON_TEXT_AFTER } where;
	struct span left; /* of what is being sent */
	char escaped[JSON_TEXT_PIECE * JSON_TEXT_BYTE_ESCAPED];
};

void json_text_init(struct json_text *t, const struct text_page *page, json_text_source *source, void *cookie);
/* As http_stream_ops.pull; passes on what the source fails with. */
int json_text_pull(struct json_text *t, void *data, size_t size, size_t *ret_size);

#endif
