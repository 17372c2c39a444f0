#include "gateway/proxy/kept_key.h"

#include "common/base/line.h"

#include <string.h>

bool kept_key_make(struct kept_key *key, int64_t user, uint32_t drive, const char *accept, const char *target)
{
	struct line line;
	struct span made;

	line_begin(&line, key->text, sizeof(key->text));
	line_number(&line, user);
	line_text(&line, " ");
	line_number(&line, drive);
	line_text(&line, " ");
	line_text(&line, accept);
	line_text(&line, "\n");
	line_text(&line, target);
	const bool whole = line_end(&line, &made);

	key->size = made.size;
	return whole;
}

/* No other key begins like that: the keys of this gateway's own answers begin with a number. */
bool kept_key_of_other(struct kept_key *key, const char *boot, struct span theirs)
{
	struct line line;
	struct span made;

	line_begin(&line, key->text, sizeof(key->text));
	line_text(&line, "of ");
	line_text(&line, boot);
	line_text(&line, " ");
	line_span(&line, theirs);
	const bool whole = line_end(&line, &made);

	key->size = made.size;
	return whole;
}

/* Whether the target is a file by its path, behind "/files" or in ?path=. Of what follows the '?' nothing counts: a
 * folder may have the name "files", too. */
static bool is_of_files(const char *target, size_t path)
{
	static const char FILES[] = "/files";
	const char *at = memmem(target, path, FILES, sizeof(FILES) - 1);

	return at && (at[sizeof(FILES) - 1] == '/' || at + sizeof(FILES) - 1 == target + path);
}

enum cache_kind kept_key_kind(const char *target)
{
	static const struct {
		const char *end;
		enum cache_kind kind;
	} ENDS[] = {{"/children", CACHE_LISTING}, {"/content", CACHE_CONTENT}, {"/extents", CACHE_EXTENTS},
		{"/xattrs", CACHE_XATTRS}};
	const size_t path = strcspn(target, "?");

	/* First, as the name of a file may be one of the words above. */
	if (is_of_files(target, path))
		return CACHE_CONTENT;
	for (size_t i = 0; i < sizeof(ENDS) / sizeof(ENDS[0]); i++) {
		const size_t size = strlen(ENDS[i].end);

		if (path >= size && strncmp(target + path - size, ENDS[i].end, size) == 0)
			return ENDS[i].kind;
	}
	return CACHE_ITEM;
}

bool kept_key_is_text(const char *target)
{
	static const char DOCUMENTS[] = "/api/v1/docs/";
	const char *id = target + sizeof(DOCUMENTS) - 1;

	if (strncmp(target, DOCUMENTS, sizeof(DOCUMENTS) - 1) != 0)
		return false;
	const char *end = id + strspn(id, "0123456789");
	end += end > id && *end == '/';
	return end > id && (*end == '\0' || *end == '?');
}
