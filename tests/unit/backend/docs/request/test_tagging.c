/* Which answers say what they were made from, and which never do: through the handlers, without a server. */
#include "backend/docs/api/api.h"
#include "backend/docs/blocks/block_mem.h"
#include "backend/docs/request/tagging.h"
#include "common/proto/headers.h"
#include "tests/unit/backend/docs/api/fake_request.h"
#include "tests/unit/backend/docs/rules/trial.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <cmocka.h>

#define USER 7
#define MANY 300 /* more than a list of tags has room for */

struct world {
	struct trial trial;
	struct docs docs;
	struct fake_answer answer; /* the last one */
	bool answered;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	trial_init(&w->trial);
	assert_int_equal(block_mem_new(&w->docs.blocks), 0);
	w->docs.workers[0].store = w->trial.store;
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	if (w->answered)
		fake_answer_fini(&w->answer);
	w->docs.blocks->ops->free(w->docs.blocks);
	trial_fini(&w->trial);
	free(w);
	return 0;
}

static struct fake_request about(http_handler_fn handler, int64_t id)
{
	struct fake_request q = {.handler = handler,
		.method = "GET",
		.params = {{"drive", ""}, {"id", ""}},
		.headers = {{HEADER_TAGS, HEADER_TAGS_WANTED}}};

	(void)snprintf(q.params[0].value, FAKE_VALUE_SIZE, "%" PRIu32, ITEM_DRIVE(id));
	(void)snprintf(q.params[1].value, FAKE_VALUE_SIZE, "%" PRId64, id);
	return q;
}

static void ask_as(struct world *w, const struct fake_request *q, int64_t user)
{
	if (w->answered)
		fake_answer_fini(&w->answer);
	fake_request_ask(q, &w->docs, user, &w->answer);
	w->answered = true;
}

/* tags NULL: there must be no tags. An answer with tags must have a position, too. */
static void assert_answer(struct world *w, const struct fake_request *q, int status, const char *tags)
{
	const char *said;

	ask_as(w, q, USER);
	said = http_headers_get(&w->answer.headers, HEADER_TAGS);
	assert_int_equal(w->answer.status, status);
	if (!tags) {
		if (said)
			fail_msg("says %s", said);
		return;
	}
	assert_non_null(said);
	assert_string_equal(said, tags);
	assert_non_null(http_headers_get(&w->answer.headers, HEADER_SEQ));
}

static void set_size(struct world *w, int64_t id, int64_t size)
{
	const struct op op = {.kind = OP_SETATTR, .fields = OP_HAS_SIZE, .id = id, .size = size};

	(void)trial_do(&w->trial, &op);
}

static const char *name_text(int64_t folder, const char *name)
{
	static char text[64];
	const struct tag tag = tag_name(folder, span_str(name));

	(void)snprintf(text, sizeof(text), "n%" PRIx32 ".%016" PRIx64, ITEM_NUMBER(folder), tag.name);
	return text;
}

static void each_kind_of_answer_carries_the_tags_of_its_documents(void **state)
{
	struct world *w = *state;
	const int64_t root = w->trial.root, folder = trial_folder(&w->trial, root, "d"),
		      file = trial_file(&w->trial, folder, "f");
	struct fake_request q;
	char text[256];

	assert_int_equal(ITEM_NUMBER(folder), 2);
	assert_int_equal(ITEM_NUMBER(file), 3);
	q = about(api_item_get, file);
	assert_answer(w, &q, 200, "1 a3");
	q = about(api_item_extents, file);
	assert_answer(w, &q, 200, "1 c3");
	q = about(api_item_xattrs, file);
	assert_answer(w, &q, 200, "1 x3");
	q = about(api_file_get, file);
	assert_answer(w, &q, 200, "1 a3");
	q.method = "HEAD";
	assert_answer(w, &q, 200, "1 a3");
	q = about(api_v1_get, file);
	assert_answer(w, &q, 200, "1 a3");
	q = about(api_item_lookup, folder);
	q.query[0] = (struct fake_pair){"name", "f"};
	(void)snprintf(text, sizeof(text), "1 %s a3", name_text(folder, "f"));
	assert_answer(w, &q, 200, text);
	q = about(api_item_by_path, root);
	q.query[0] = (struct fake_pair){"path", "/d/f"};
	(void)snprintf(text, sizeof(text), "1 a3 %s", name_text(root, "d"));
	(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), " %s", name_text(folder, "f"));
	assert_answer(w, &q, 200, text);
	q.query[0] = (struct fake_pair){"path", "/"};
	assert_answer(w, &q, 200, "1 a1");
}

static void a_listing_has_tags_for_subfolders_and_hard_linked_files(void **state)
{
	struct world *w = *state;
	const int64_t root = w->trial.root, folder = trial_folder(&w->trial, root, "d"),
		      file = trial_file(&w->trial, root, "f");
	struct fake_request q = about(api_item_children, root);
	struct op op = op_link_of(file, folder, "g");

	assert_answer(w, &q, 200, "1 l1 a2");
	(void)trial_do(&w->trial, &op);
	assert_answer(w, &q, 200, "1 l1 a2 a3");
	q = (struct fake_request){
		.handler = api_v1_list, .method = "GET", .headers = {{HEADER_TAGS, HEADER_TAGS_WANTED}}};
	assert_answer(w, &q, 200, "1 l1 a3"); /* the answer shows no folder */
}

static void a_404_by_path_is_tagged_with_each_name_up_to_the_missing_one(void **state)
{
	struct world *w = *state;
	const int64_t root = w->trial.root, folder = trial_folder(&w->trial, root, "d");
	struct fake_request q = about(api_item_by_path, root);
	char text[256];

	(void)snprintf(text, sizeof(text), "1 %s", name_text(root, "d"));
	(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), " %s", name_text(folder, "x"));
	q.query[0] = (struct fake_pair){"path", "/d/x/y/z"};
	assert_answer(w, &q, 404, text);
	q = about(api_file_get, 0);
	q.params[0] = (struct fake_pair){"drive", "1"};
	q.params[1] = (struct fake_pair){"path", "d/x/y"};
	assert_answer(w, &q, 404, text);
	q = about(api_item_lookup, folder);
	q.query[0] = (struct fake_pair){"name", "x"};
	(void)snprintf(text, sizeof(text), "1 %s", name_text(folder, "x"));
	assert_answer(w, &q, 404, text);
}

static void an_answer_has_no_tags_unless_the_request_asks_for_tags(void **state)
{
	struct world *w = *state;
	const int64_t file = trial_file(&w->trial, w->trial.root, "f");
	static const http_handler_fn handlers[] = {
		api_item_get, api_item_extents, api_item_xattrs, api_file_get, api_v1_get, api_v1_list, api_drive_get};

	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
		struct fake_request q = about(handlers[i], file);

		q.headers[0] = (struct fake_pair){0};
		assert_answer(w, &q, 200, NULL);
		q.headers[0] = (struct fake_pair){HEADER_TAGS, "?0"};
		assert_answer(w, &q, 200, NULL);
	}
	struct fake_request q = about(api_item_children, w->trial.root);
	q.headers[0] = (struct fake_pair){0};
	assert_answer(w, &q, 200, NULL);
	q = about(api_item_lookup, w->trial.root);
	q.headers[0] = (struct fake_pair){0};
	q.query[0] = (struct fake_pair){"name", "x"};
	assert_answer(w, &q, 404, NULL);
	assert_null(http_headers_get(&w->answer.headers, HEADER_SEQ)); /* as without tags */
}

static void an_answer_that_depends_on_the_session_has_no_tags(void **state)
{
	static const http_handler_fn handlers[] = {
		api_item_get, api_item_extents, api_item_xattrs, api_file_get, api_v1_get};
	struct world *w = *state;
	const int64_t file = trial_file(&w->trial, w->trial.root, "f"),
		      gone = trial_file(&w->trial, w->trial.root, "g");
	const struct op op = op_unlink_of(w->trial.root, "g");

	(void)trial_do(&w->trial, &op);
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
		struct fake_request q = about(handlers[i], gone);

		assert_answer(w, &q, 404, NULL);
		q.headers[1] = (struct fake_pair){HEADER_SESSION, "1"};
		assert_answer(w, &q, 200, NULL);
		q = about(handlers[i], file);
		q.headers[1] = (struct fake_pair){HEADER_SESSION, "1"};
		ask_as(w, &q, USER);
		assert_int_equal(w->answer.status, 200);
		/* An answer about a document with a name is the same for every session. */
		assert_non_null(http_headers_get(&w->answer.headers, HEADER_TAGS));
	}
}

static void answers_that_are_too_long_or_need_too_many_tags_have_none(void **state)
{
	struct world *w = *state;
	const int64_t file = trial_file(&w->trial, w->trial.root, "f"),
		      folder = trial_folder(&w->trial, w->trial.root, "d");
	struct fake_request q = about(api_file_get, file);
	char name[16];

	set_size(w, file, TAGGING_BYTES_MAX);
	assert_answer(w, &q, 200, "1 a2");
	set_size(w, file, TAGGING_BYTES_MAX + 1);
	assert_answer(w, &q, 200, NULL);
	assert_int_equal(w->answer.body.size, TAGGING_BYTES_MAX + 1);
	q.method = "HEAD";
	assert_answer(w, &q, 200, "1 a2"); /* it does not contain the bytes */
	for (unsigned i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "%u", i);
		(void)trial_folder(&w->trial, folder, name);
	}
	q = about(api_item_children, folder);
	ask_as(w, &q, USER);
	assert_non_null(http_headers_get(&w->answer.headers, HEADER_TAGS)); /* a page has a hundred */
	q.query[0] = (struct fake_pair){"limit", "1000"};
	assert_answer(w, &q, 200, NULL);
	q = about(api_item_by_path, folder);
	q.query[0].name = "path";
	for (unsigned i = 0; i < MANY; i++)
		strcat(q.query[0].value, "/x");
	assert_answer(w, &q, 404, NULL);
}

static void a_v1_list_too_long_for_tags_equals_the_untagged_answer(void **state)
{
	struct world *w = *state;
	struct fake_request q = {
		.handler = api_v1_list, .method = "GET", .headers = {{HEADER_TAGS, HEADER_TAGS_WANTED}}};
	struct buf untagged;
	char name[16];

	for (unsigned i = 0; i < 2; i++) {
		(void)snprintf(name, sizeof(name), "%u", i);
		/* The content is NULs, which take six bytes each in JSON. */
		set_size(w, trial_file(&w->trial, w->trial.root, name), 200 * 1000);
	}
	assert_answer(w, &q, 200, NULL);
	assert_true(w->answer.body.size > 2 * 6 * 200 * 1000);
	buf_init(&untagged, 4u << 20);
	assert_int_equal(buf_append_span(&untagged, buf_span(&w->answer.body)), 0);
	q.headers[0] = (struct fake_pair){0};
	assert_answer(w, &q, 200, NULL);
	assert_true(span_eq(buf_span(&untagged), buf_span(&w->answer.body)));
	buf_fini(&untagged);
}

static void tags_of_extents_with_capabilities_expire_after_300_seconds(void **state)
{
	struct world *w = *state;
	const int64_t file = trial_file(&w->trial, w->trial.root, "f");
	struct op_extent extent = {.at = 100, .len = 50, .kind = OP_EXTENT_BLOCK, .sha256 = {1}};
	const struct op op = {.kind = OP_WRITE, .id = file, .extents = &extent, .extent_count = 1};
	struct fake_request q = about(api_item_extents, file);

	trial_write(&w->trial, file, 0, "inline");
	assert_answer(w, &q, 200, "1 c2");
	trial_block(&w->trial, 1, 100);
	(void)trial_do(&w->trial, &op);
	assert_answer(w, &q, 200, "1/300 c2");
	q.query[0] = (struct fake_pair){"len", "50"};
	assert_answer(w, &q, 200, "1 c2"); /* it contains no capability */
}

static void partial_answers_refusals_and_the_drives_row_have_no_tags(void **state)
{
	struct world *w = *state;
	const int64_t file = trial_file(&w->trial, w->trial.root, "f");
	struct fake_request q = about(api_file_get, file);

	trial_write(&w->trial, file, 0, "some text");
	q.headers[1] = (struct fake_pair){"If-None-Match", "*"};
	assert_answer(w, &q, 304, "1 a2");
	q.headers[1] = (struct fake_pair){"If-Match", "\"x\""};
	assert_answer(w, &q, 412, NULL);
	q.headers[1] = (struct fake_pair){"Range", "bytes=2-3"};
	assert_answer(w, &q, 206, NULL);
	q.headers[1] = (struct fake_pair){"Range", "bytes=20-"};
	assert_answer(w, &q, 416, NULL);
	q = about(api_file_get, w->trial.root);
	assert_answer(w, &q, 409, NULL);
	q = about(api_item_extents, w->trial.root);
	assert_answer(w, &q, 409, NULL);
	q = about(api_item_children, file);
	ask_as(w, &q, USER);
	assert_null(http_headers_get(&w->answer.headers, HEADER_TAGS));
	q = about(api_item_get, ITEM_ID(w->trial.drive, 99));
	/* A rename may leave a whiteout, which may have any number. */
	assert_answer(w, &q, 404, NULL);
	q = about(api_drive_get, w->trial.root);
	assert_answer(w, &q, 200, NULL);
}

static void requests_for_another_users_drive_get_404_without_tags(void **state)
{
	struct world *w = *state;
	struct fake_request q = about(api_item_lookup, w->trial.root);

	q.query[0] = (struct fake_pair){"name", "x"};
	ask_as(w, &q, USER + 1);
	assert_int_equal(w->answer.status, 404);
	assert_null(http_headers_get(&w->answer.headers, HEADER_TAGS));
	q = about(api_item_by_path, w->trial.root);
	q.query[0] = (struct fake_pair){"path", "/"};
	ask_as(w, &q, USER + 1);
	assert_int_equal(w->answer.status, 404);
	assert_null(http_headers_get(&w->answer.headers, HEADER_TAGS));
}

/* ---- which reads a standby may answer ---- */

static struct docs_stand asked_with[4]; /* with which the items were read, in order */
static size_t asked;

/* budget: the signature is the seam's */
static int spy_item_get(struct docs_store *s, const struct docs_scope *scope, int64_t id, docs_on_item on_item,
	void *cookie, struct docs_position *ret_at)
{
	(void)s;
	(void)id;
	(void)on_item;
	(void)cookie;
	(void)ret_at;
	assert_true(asked < 4);
	asked_with[asked++] = scope->stand;
	return -ERR_NOT_FOUND;
}

static void only_the_sessionless_read_of_a_tagged_request_may_use_a_standby(void **state)
{
	struct world *w = *state;
	struct fake_request q = about(api_item_get, trial_file(&w->trial, w->trial.root, "f"));
	const struct docs_store_ops *ops = w->trial.store->ops;
	struct docs_store_ops spying = *ops;

	spying.item_get = spy_item_get;
	w->trial.store->ops = &spying;
	asked = 0;
	q.headers[1] = (struct fake_pair){HEADER_STANDBY, "3.41/2"};
	q.headers[2] = (struct fake_pair){HEADER_SESSION, "1"};
	ask_as(w, &q, USER);
	/* An item that is not found is looked up once more, as the session sees it. No position tells what a
	 * session sees. */
	assert_int_equal(asked, 2);
	assert_int_equal(asked_with[0].at.incarnation, 3);
	assert_int_equal(asked_with[0].at.seq, 41);
	assert_int_equal(asked_with[0].timeline, 2);
	assert_int_equal(asked_with[1].timeline, 0);
	q.headers[0] = (struct fake_pair){HEADER_TAGS, "no"};
	ask_as(w, &q, USER);
	assert_int_equal(asked, 3);
	assert_int_equal(asked_with[2].timeline, 0);
	w->trial.store->ops = ops;
}

static void a_malformed_standby_header_or_one_on_a_post_gets_400(void **state)
{
	static const char *const wrong[] = {"", "1.2", "1.2/0", "0.1/1", "1.2/x", "1.2/3 4"};
	struct world *w = *state;
	struct fake_request q = about(api_item_get, trial_file(&w->trial, w->trial.root, "f"));

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		q.headers[1] = (struct fake_pair){HEADER_STANDBY, ""};
		(void)snprintf(q.headers[1].value, FAKE_VALUE_SIZE, "%s", wrong[i]);
		ask_as(w, &q, USER);
		assert_int_equal(w->answer.status, 400);
	}
	q.headers[1] = (struct fake_pair){HEADER_STANDBY, "3.41/2"};
	ask_as(w, &q, USER);
	assert_int_equal(w->answer.status, 200);
	q.method = "POST";
	ask_as(w, &q, USER);
	assert_int_equal(w->answer.status, 400);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(each_kind_of_answer_carries_the_tags_of_its_documents),
		CASE(a_listing_has_tags_for_subfolders_and_hard_linked_files),
		CASE(a_404_by_path_is_tagged_with_each_name_up_to_the_missing_one),
		CASE(an_answer_has_no_tags_unless_the_request_asks_for_tags),
		CASE(an_answer_that_depends_on_the_session_has_no_tags),
		CASE(answers_that_are_too_long_or_need_too_many_tags_have_none),
		CASE(a_v1_list_too_long_for_tags_equals_the_untagged_answer),
		CASE(tags_of_extents_with_capabilities_expire_after_300_seconds),
		CASE(partial_answers_refusals_and_the_drives_row_have_no_tags),
		CASE(only_the_sessionless_read_of_a_tagged_request_may_use_a_standby),
		CASE(a_malformed_standby_header_or_one_on_a_post_gets_400),
		CASE(requests_for_another_users_drive_get_404_without_tags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
