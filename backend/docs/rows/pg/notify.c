#include "backend/docs/rows/pg/docs_pg_internal.h"

#include "common/base/buf.h"

#include <inttypes.h>
#include <stdlib.h>

int docs_pg_notify(struct docs_store *store, const struct docs_moved *moved, size_t count)
{
	struct docs_pg *s = docs_pg_of(store);
	struct buf payload;
	int r = 0;

	if (count == 0)
		return 0;
	docs_pg_reset(s);
	buf_init(&payload, DOCS_PG_PAYLOAD_BYTES_MAX);
	for (size_t i = 0; r == 0 && i < count; i++) {
		const char *comma = payload.size ? "," : "";

		r = buf_printf(&payload, "%s%" PRIu32 ":%" PRId64 "%s", comma, moved[i].drive, moved[i].seq,
			moved[i].locks ? "!" : "");
		if (r != -E2BIG || payload.size == 0)
			continue;
		/* The payload is full: it is sent as it is, and this entry begins the next one. */
		r = pg_array_add_bytes(s->bytes[0], buf_span(&payload));
		buf_reset(&payload);
		i--;
	}
	if (r == 0)
		r = pg_array_add_bytes(s->bytes[0], buf_span(&payload));
	buf_fini(&payload);
	if (r < 0)
		return r;
	const struct pg_param params[] = {pg_array_param(s->bytes[0])};
	return pg_run(s->pg, &SQL_NOTIFY, params, 1, NULL);
}

int docs_pg_listen(struct pg *pg)
{
	int r = pg_connect(pg);

	return r < 0 ? r : pg_script(pg, SQL_LISTEN.sql);
}

int docs_pg_wait(struct pg *pg, unsigned timeout_ms, void (*on_moved)(const struct docs_moved *moved, void *cookie),
	void *cookie)
{
	char payload[DOCS_PG_PAYLOAD_BYTES_MAX + 1];
	int count = 0, teller = 0;

	int r = pg_notification(pg, timeout_ms, payload, sizeof(payload), &teller);
	if (r <= 0)
		return r;
	/* A payload of another form was sent by another program. */
	for (char *at = payload; *at;) {
		char *end = NULL;
		const unsigned long drive = strtoul(at, &end, 10);
		if (end == at || *end != ':')
			break;
		at = end + 1;
		const long long seq = strtoll(at, &end, 10);
		const bool locks = end > at && *end == '!';
		end += locks;
		if (end == at || (*end != ',' && *end != '\0'))
			break;
		on_moved(&(struct docs_moved){(uint32_t)drive, seq, teller, locks}, cookie);
		count++;
		at = *end ? end + 1 : end;
	}
	return count;
}
