-- Where the bytes of blocks lie (dir, pg, s3), and where they are on their way to: one row, from the first start of a
-- service on. Each change moves step on; the row of a new block comes only under the step that its bytes were put by.
CREATE TABLE block_place (
	one bool PRIMARY KEY DEFAULT true CHECK (one),
	step bigint NOT NULL DEFAULT 1,
	moved bigint NOT NULL DEFAULT 0,
	-- The last block of those with a row that was copied.
	at_drive int NOT NULL DEFAULT 0,
	at_sha256 bytea NOT NULL DEFAULT '',
	kind text NOT NULL,
	target text
);
