-- The check of all rows and bytes (backend/docs/rows/fsck.h): one runs at a time, and the last one is kept. Who works on it has the row, as long as he is
-- heard of; how far it has come stands there, so that another goes on. It is updated many times a second, and has free space in its page.
CREATE TABLE fsck (
	single      boolean PRIMARY KEY DEFAULT true CHECK (single),
	repair      boolean NOT NULL DEFAULT false,
	state       smallint NOT NULL DEFAULT 0,
	phase       smallint NOT NULL DEFAULT 0,
	page        int NOT NULL DEFAULT 1, -- rows that are looked at in one step
	drive       int NOT NULL DEFAULT 0,
	run         bigint NOT NULL DEFAULT 0,
	at_number   bigint NOT NULL DEFAULT 0, -- with at_bytes: behind which row of its phase it goes on
	drives      bigint NOT NULL DEFAULT 0, -- looked at so far, as the next ones
	rows        bigint NOT NULL DEFAULT 0,
	blocks      bigint NOT NULL DEFAULT 0,
	bytes       bigint NOT NULL DEFAULT 0,
	bytes_total bigint NOT NULL DEFAULT 0,
	found       bigint NOT NULL DEFAULT 0,
	mended      bigint NOT NULL DEFAULT 0,
	started_at  timestamptz,
	ended_at    timestamptz,
	seen_at     timestamptz NOT NULL DEFAULT '-infinity',
	holder      bytea NOT NULL DEFAULT '',
	at_bytes    bytea NOT NULL DEFAULT ''
) WITH (fillfactor = 20);
INSERT INTO fsck DEFAULT VALUES;

CREATE TABLE fsck_finding (
	drive      int NOT NULL,
	kind       smallint NOT NULL,
	mended     boolean NOT NULL,
	run        bigint NOT NULL,
	number     bigint NOT NULL,
	id         bigint NOT NULL, -- 0: no document's
	is_        bigint NOT NULL,
	should     bigint NOT NULL,
	drive_name bytea NOT NULL,
	path       bytea NOT NULL, -- empty: none is known
	PRIMARY KEY (run, number)
);
