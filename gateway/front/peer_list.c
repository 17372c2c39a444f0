#include "gateway/front/peer_list.h"

#include "common/base/limits.h"
#include "common/http/loopback.h"
#include "common/http/told_url.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int peer_list_parse(const char *text, json_t **ret)
{
	json_t *list = json_array();
	while (list && text && *text) {
		size_t size = strcspn(text, ",");
		if (size > 0)
			json_array_append_new(list, json_stringn(text, size));
		text += size + (text[size] == ',');
	}
	*ret = list;
	return list ? 0 : -ENOMEM;
}

json_t *peer_list_for(const json_t *peers, const struct http_request *req)
{
	const char *host = http_request_header(req, "Host"), *told;
	char url[HEADER_BYTES_MAX], text[TOLD_URL_SIZE];
	json_t *list = json_array();
	json_t *peer;
	size_t i;

	(void)snprintf(url, sizeof(url), "http://%s", host ? host : "");
	const bool is_here = loopback_url(url);
	json_array_foreach(peers, i, peer) {
		told = told_url(json_string_value(peer), host, text);
		if (is_here || !loopback_url(told))
			(void)json_array_append_new(list, json_string(told));
	}
	return list;
}

void peer_list_tell(json_t *owners, const struct http_request *req)
{
	const char *host = http_request_header(req, "Host");
	char text[TOLD_URL_SIZE];
	json_t *owner;
	size_t i;

	json_array_foreach(owners, i, owner) {
		const char *url = json_string_value(json_object_get(owner, "url"));
		const char *told = url ? told_url(url, host, text) : NULL;

		if (told != url)
			(void)json_object_set_new(owner, "url", json_string(told));
	}
}
