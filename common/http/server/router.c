#include "common/http/server/router.h"

#include "common/base/error.h"
#include "common/base/text.h"

#include <errno.h>
#include <stdlib.h>

/*
 * The target is split at '/' on its raw bytes, and each segment is decoded once, before anything is compared: a
 * segment can never turn into two, and no other spelling of a path reaches another route than the plain one does.
 */

struct node {
	struct node *next; /* sibling */
	struct node *literals;
	struct node *param;
	size_t *rows; /* rows whose pattern ends here */
	size_t row_count;
	size_t *rest_rows; /* rows whose {name...} begins here */
	size_t rest_count;
	struct span text; /* of a literal, points into its pattern */
};

struct router {
	const struct http_route *routes;
	struct node root;
};

struct segment {
	struct span raw;
	struct span text; /* decoded */
};

struct path {
	struct segment segments[ROUTE_SEGMENTS_MAX];
	size_t count;
	struct span raw;	 /* the whole path */
	size_t trailing_slashes; /* 0 or 1 */
	const char *method;
};

static struct span next_segment(const char **p, const char *end)
{
	const char *start = *p;
	const char *slash = memchr(start, '/', (size_t)(end - start));

	if (!slash)
		slash = end;
	*p = slash < end ? slash + 1 : end;
	return span_of(start, (size_t)(slash - start));
}

static bool is_rest(struct span segment)
{
	return segment.size > 5 && segment.data[0] == '{' && memcmp(segment.data + segment.size - 4, "...}", 4) == 0;
}

static bool is_param(struct span segment)
{
	return segment.size > 2 && segment.data[0] == '{' && segment.data[segment.size - 1] == '}';
}

struct span router_param_name(const struct http_route *route, size_t n)
{
	const char *p = route->pattern + 1;
	const char *end = route->pattern + strlen(route->pattern);

	while (p < end) {
		struct span segment = next_segment(&p, end);
		size_t tail = is_rest(segment) ? 4 : 1;

		if (is_param(segment) && n-- == 0)
			return span_of(segment.data + 1, segment.size - 1 - tail);
	}
	return span_of(NULL, 0);
}

/* Building. */

static struct node *literal_child(struct node *n, struct span text)
{
	struct node *child;

	for (child = n->literals; child; child = child->next) {
		if (span_eq(child->text, text))
			return child;
	}
	child = calloc(1, sizeof(*child));
	if (child) {
		child->text = text;
		child->next = n->literals;
		n->literals = child;
	}
	return child;
}

static struct node *param_child(struct node *n)
{
	if (!n->param)
		n->param = calloc(1, sizeof(*n->param));
	return n->param;
}

static int add_row(const struct router *r, size_t **rows, size_t *count, size_t row)
{
	size_t *grown;

	for (size_t i = 0; i < *count; i++) {
		if (strcmp(r->routes[(*rows)[i]].method, r->routes[row].method) == 0)
			return -EINVAL;
	}
	grown = realloc(*rows, (*count + 1) * sizeof(**rows));
	if (!grown)
		return -ENOMEM;
	grown[(*count)++] = row;
	*rows = grown;
	return 0;
}

static int add_route(struct router *r, size_t row)
{
	const char *p = r->routes[row].pattern;
	const char *end;
	struct node *n = &r->root;
	size_t params = 0;

	if (!p || p[0] != '/')
		return -EINVAL;
	end = p + strlen(p);
	for (p++; p < end;) {
		struct span segment = next_segment(&p, end);

		if (segment.size == 0 || (is_param(segment) && ++params > HTTP_PARAMS_MAX))
			return -EINVAL;
		if (is_rest(segment))
			return p == end ? add_row(r, &n->rest_rows, &n->rest_count, row) : -EINVAL;
		n = is_param(segment) ? param_child(n) : literal_child(n, segment);
		if (!n)
			return -ENOMEM;
	}
	return add_row(r, &n->rows, &n->row_count, row);
}

static void node_fini(struct node *n)
{
	struct node *child;

	/* The recursion is as deep as the longest pattern of the table. */
	while ((child = n->literals) != NULL) {
		n->literals = child->next;
		node_fini(child);
		free(child);
	}
	if (n->param) {
		node_fini(n->param);
		free(n->param);
	}
	free(n->rows);
	free(n->rest_rows);
}

int router_new(const struct http_route *routes, struct router **ret)
{
	struct router *r = calloc(1, sizeof(*r));
	int error = 0;

	if (!r)
		return -ENOMEM;
	r->routes = routes;
	for (size_t row = 0; !error && routes[row].method; row++)
		error = add_route(r, row);
	if (error) {
		router_free(r);
		return error;
	}
	*ret = r;
	return 0;
}

void router_free(struct router *r)
{
	if (!r)
		return;
	node_fini(&r->root);
	free(r);
}

/* Splitting a target. */

static bool is_dots(struct span s)
{
	return (s.size == 1 && s.data[0] == '.') || (s.size == 2 && s.data[0] == '.' && s.data[1] == '.');
}

/* Decodes raw into decoded. false: a bad escape, or a segment that is not allowed. */
static bool segment_decode(struct span raw, char *decoded, struct span *ret)
{
	size_t size = 0;

	for (size_t i = 0; i < raw.size; i++) {
		unsigned char c = (unsigned char)raw.data[i];

		if (c <= ' ' || c == 0x7f || c == '#')
			return false;
		if (c == '%') {
			if (i + 2 >= raw.size || text_unhex(span_of(raw.data + i + 1, 2), &c, 1) < 0)
				return false;
			i += 2;
			if (c == '\0' || c == '/')
				return false;
		}
		decoded[size++] = (char)c;
	}
	*ret = span_of(decoded, size);
	return size > 0 && !is_dots(*ret);
}

/* Every segment is checked, also those that only a {name...} will match; the first ROUTE_SEGMENTS_MAX are stored. */
static int path_split(struct path *path, char *decoded)
{
	const char *p = path->raw.data + 1;
	const char *end = path->raw.data + path->raw.size;

	path->count = 0;
	path->trailing_slashes = path->raw.size > 1 && end[-1] == '/';
	end -= path->trailing_slashes;
	if (path->trailing_slashes && p == end)
		return -ERR_BAD_PATH;
	while (p < end) {
		struct segment s;

		/* If nothing follows the last slash, the last segment is empty. */
		s.raw = next_segment(&p, end);
		if (!segment_decode(s.raw, decoded, &s.text) || (p == end && end[-1] == '/'))
			return -ERR_BAD_PATH;
		decoded += s.text.size;
		if (path->count == ROUTE_SEGMENTS_MAX)
			continue;
		path->segments[path->count++] = s;
	}
	return 0;
}

/* Matching. */

static void allow_add(struct route_match *m, const char *method)
{
	size_t used = strlen(m->allow);
	size_t size = strlen(method);

	if (strstr(m->allow, method) || used + size + 3 > sizeof(m->allow))
		return;
	if (used) {
		memcpy(m->allow + used, ", ", 2);
		used += 2;
	}
	memcpy(m->allow + used, method, size + 1);
}

static int pick_row(
	const struct router *r, const struct path *path, const size_t *rows, size_t count, struct route_match *m)
{
	bool head = strcmp(path->method, "HEAD") == 0;
	int found = -ERR_NOT_FOUND;

	for (size_t i = 0; i < count; i++) {
		const char *method = r->routes[rows[i]].method;

		if (strcmp(method, path->method) == 0) {
			m->route = rows[i];
			return 0;
		}
		if (head && strcmp(method, "GET") == 0) {
			m->route = rows[i];
			found = 0;
		}
		if (found) {
			allow_add(m, method);
			if (strcmp(method, "GET") == 0)
				allow_add(m, "HEAD");
			found = -ERR_METHOD;
		}
	}
	return found;
}

static int pick_rest(
	const struct router *r, const struct path *path, const struct node *n, size_t depth, struct route_match *m)
{
	size_t at = m->param_count;
	const char *start = depth < path->count ? path->segments[depth].raw.data : path->raw.data + path->raw.size;
	struct span rest = span_of(start, (size_t)(path->raw.data + path->raw.size - start));
	int error = n->rest_count ? pick_row(r, path, n->rest_rows, n->rest_count, m) : -ERR_NOT_FOUND;

	if (error == -ERR_NOT_FOUND)
		return error;
	/* The slash at the end belongs to the rest, as an empty segment of it. */
	if (rest.size && path->trailing_slashes && !(error == 0 && r->routes[m->route].rest_may_end_in_slash))
		return -ERR_BAD_PATH;
	if (error == 0) {
		m->params[at] = rest;
		m->param_count = at + 1;
	}
	return error;
}

/* The better of two outcomes: found, then a bad path, then a wrong method. */
static int better(int a, int b)
{
	static const int order[] = {0, -ERR_BAD_PATH, -ERR_METHOD};

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		if (a == order[i] || b == order[i])
			return order[i];
	}
	return -ERR_NOT_FOUND;
}

static int match_node(
	const struct router *r, const struct path *path, const struct node *n, size_t depth, struct route_match *m)
{
	int error = -ERR_NOT_FOUND;
	size_t params = m->param_count;

	if (depth == path->count) {
		if (n->row_count)
			error = pick_row(r, path, n->rows, n->row_count, m);
	} else {
		struct span text = path->segments[depth].text;

		for (const struct node *child = n->literals; child && error; child = child->next) {
			if (span_eq(child->text, text))
				error = better(error, match_node(r, path, child, depth + 1, m));
		}
		if (error && n->param) {
			m->params[params] = text;
			m->param_count = params + 1;
			error = better(error, match_node(r, path, n->param, depth + 1, m));
		}
	}
	if (error) {
		m->param_count = params;
		error = better(error, pick_rest(r, path, n, depth, m));
	}
	return error;
}

int router_match(const struct router *r, const char *method, struct span path, char *decoded, struct route_match *ret)
{
	struct path p;
	int error;

	if (path.size == 0 || path.data[0] != '/')
		return -ERR_BAD_PATH;
	p.raw = path;
	p.method = method;
	error = path_split(&p, decoded);
	if (error)
		return error;
	ret->param_count = 0;
	ret->allow[0] = '\0';
	error = match_node(r, &p, &r->root, 0, ret);
	if (error == -ERR_METHOD)
		allow_add(ret, "OPTIONS");
	return error;
}
