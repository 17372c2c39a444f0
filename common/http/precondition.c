#include "common/http/precondition.h"

#include "common/base/clock.h"
#include "common/base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/*
 * Conditions of a request: "only if it is still the version that I know" (If-Match, If-Unmodified-Since), "only if
 * it is another version than I know" (If-None-Match, If-Modified-Since), and "this range, if it is still that
 * version" (If-Range). RFC 9110, section 13, defines their meaning and their order: etags before dates, and a date
 * only where the etag field of the same kind was not sent.
 *
 * The handler passes the texts of the fields and the state of the document; nothing is read or stored here. A read
 * whose condition says that the client has the current version is answered with 304; every other condition that
 * does not hold gives 412. A list of etags is parsed by hand, as an etag may contain commas. A weak etag ("W/")
 * counts as equal only where the RFC allows it: never for If-Match and If-Range. A date that cannot be parsed is
 * ignored, as the RFC demands.
 */

static const char *skip_space(const char *at)
{
	return at + strspn(at, " \t");
}

/* The end of the entity tag that begins at `at`, or NULL when none begins there. */
static const char *etag_end(const char *at)
{
	if (strncmp(at, "W/", 2) == 0)
		at += 2;
	if (*at != '"')
		return NULL;
	at = strchr(at + 1, '"');
	return at ? at + 1 : NULL;
}

static bool etag_is(const char *at, const char *end, const char *etag, bool weak_too)
{
	size_t size;

	if (strncmp(at, "W/", 2) == 0) {
		if (!weak_too)
			return false;
		at += 2;
	}
	size = (size_t)(end - at);
	return strlen(etag) == size && memcmp(at, etag, size) == 0;
}

/* 1: the list names the document ("*" names every document that exists). 0: it does not. -ERR_BAD_REQUEST:
 * malformed. */
static int list_names(const char *list, const struct precondition_target *target, bool weak_too)
{
	const char *at = skip_space(list);
	bool found = false;

	if (*at == '*')
		return *skip_space(at + 1) ? -ERR_BAD_REQUEST : target->exists;
	while (*at) {
		const char *end = etag_end(at);

		if (!end)
			return -ERR_BAD_REQUEST;
		found = found || (target->exists && etag_is(at, end, target->etag, weak_too));
		at = skip_space(end);
		if (*at && *at != ',')
			return -ERR_BAD_REQUEST;
		while (*at == ',')
			at = skip_space(at + 1);
	}
	return found;
}

#define FAULT_STAR ": * must stand alone: it is given twice or beside etags"
#define FAULT_LIST ": wanted is * or etags in double quotes, with commas between them"

const char *precondition_fault(const struct precondition *p)
{
	const struct precondition_target none = {.etag = ""};
	const bool match = p->if_match && list_names(p->if_match, &none, false) < 0;

	if (!match && (!p->if_none_match || list_names(p->if_none_match, &none, true) == 0))
		return NULL;
	if (strchr(match ? p->if_match : p->if_none_match, '*'))
		return match ? "If-Match" FAULT_STAR : "If-None-Match" FAULT_STAR;
	return match ? "If-Match" FAULT_LIST : "If-None-Match" FAULT_LIST;
}

/* Whether the document changed after the date. *ret_known is false when the date is malformed or there is no
 * document. */
static bool changed_since(const char *date, const struct precondition_target *target, bool *ret_known)
{
	int64_t since;

	*ret_known = target->exists && precondition_parse_date(date, &since) == 0;
	return *ret_known && clock_timespec(target->mtime_ns).tv_sec > since;
}

int precondition_check(const struct precondition *p, const struct precondition_target *target, bool read)
{
	bool known = false;
	int r;

	if (p->if_match) {
		r = list_names(p->if_match, target, false);
		if (r <= 0)
			return r < 0 ? r : -ERR_PRECONDITION;
	} else if (p->if_unmodified_since && changed_since(p->if_unmodified_since, target, &known)) {
		return -ERR_PRECONDITION;
	}
	if (p->if_none_match) {
		r = list_names(p->if_none_match, target, true);
		if (r < 0)
			return r;
		return r == 0 ? 0 : read ? PRECONDITION_NOT_MODIFIED : -ERR_PRECONDITION;
	}
	if (read && p->if_modified_since && !changed_since(p->if_modified_since, target, &known) && known)
		return PRECONDITION_NOT_MODIFIED;
	return 0;
}

/* No etag equals an empty text, and no date is as late as the end of time. A date that is none is still ignored. */
int precondition_check_bare(const char *if_match)
{
	const struct precondition p = {.if_match = if_match};
	const struct precondition_target target = {.exists = true, .etag = ""};

	return precondition_check(&p, &target, false);
}

bool precondition_if_range(const char *if_range, const struct precondition_target *target)
{
	int64_t date;
	const char *end;

	if (!if_range)
		return true;
	if_range = skip_space(if_range);
	end = etag_end(if_range);
	if (end)
		return *skip_space(end) == '\0' && etag_is(if_range, end, target->etag, false);
	if (precondition_parse_date(if_range, &date) < 0)
		return false;
	/* A date identifies one state only if nothing more can change within its second. */
	return clock_timespec(target->mtime_ns).tv_sec == date && target->mtime_ns < target->now_ns - 2 * NS_PER_S;
}

int precondition_parse_date(const char *text, int64_t *ret_s)
{
	static const char *const forms[] = {
		"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm;
		const char *end;

		memset(&tm, 0, sizeof(tm));
		end = strptime(text, forms[i], &tm);
		if (end && *end == '\0') {
			*ret_s = (int64_t)timegm(&tm);
			return 0;
		}
	}
	return -EINVAL;
}

void precondition_format_date(int64_t ns, char *ret)
{
	static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t seconds = clock_timespec(ns).tv_sec;
	struct tm tm;

	memset(&tm, 0, sizeof(tm));
	if (!gmtime_r(&seconds, &tm) || tm.tm_year < -1900 || tm.tm_year > 9999 - 1900) {
		seconds = 0; /* the form cannot show such years */
		gmtime_r(&seconds, &tm);
	}
	snprintf(ret, PRECONDITION_DATE_SIZE, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * (size_t)tm.tm_wday,
		tm.tm_mday, months + 3 * (size_t)tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}
