-- File locks of mounts. What a session as a whole holds of a document, of one kind, is one row: whoever changes it says all of it, so that a repeat changes nothing.
-- Who looks at the locks of a document, or changes them, has the advisory lock of that document first; the row of the drive is not touched.
-- A row without ranges stays for a while: its number tells a request that was overtaken by a later one.

CREATE TABLE file_lock (
	session    bigint NOT NULL REFERENCES session ON DELETE CASCADE,
	node       bigint NOT NULL,
	number     bigint NOT NULL, -- of the last request, which …
	changed_at timestamptz NOT NULL DEFAULT now(),
	kind       smallint NOT NULL, -- 0 POSIX, 1 flock
	granted    boolean NOT NULL, -- … was granted
	waited     boolean NOT NULL DEFAULT false, -- somebody waits for some of it
	froms      bigint[] NOT NULL, -- first bytes …
	tos        bigint[] NOT NULL, -- … last ones, included …
	exclusive  bigint[] NOT NULL, -- … and 1: nobody else, 0: no writers
	PRIMARY KEY (node, kind, session)
) WITH (fillfactor = 70);
CREATE INDEX file_lock_session ON file_lock (session);

-- When a session that has locks was heard of; and when somebody found it silent for longer than its lease.
ALTER TABLE session ADD locks_at timestamptz, ADD doubted_at timestamptz;
