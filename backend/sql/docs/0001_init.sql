-- The docs service's database. Everything belongs to a drive: by its column, or by the upper 32 bits of a document's id. Who changes anything of a
-- drive holds the lock of its row first; so there are no foreign keys between documents (they would cost an index look-up and a lock each).
--
-- A row that is updated often (drive, session, node) has free space in its page and no index on what changes: its updates are heap-only.
-- Sizes and times of documents are what the kernel shows (ns since 1970); bookkeeping has the database's own clock.

-- Statements are prepared once per connection and live as long: a plan made while the tables were small must still be right when they are large.
-- With arrays as parameters a plan per call would cost more than its execution. Each statement's plan is checked by a test with the defaults.
DO $$
BEGIN
	EXECUTE format('ALTER DATABASE %I SET plan_cache_mode = force_generic_plan', current_database());
	EXECUTE format('ALTER DATABASE %I SET jit = off', current_database());
	EXECUTE format('ALTER DATABASE %I SET enable_seqscan = off', current_database());
	EXECUTE format('ALTER DATABASE %I SET enable_hashjoin = off', current_database());
	EXECUTE format('ALTER DATABASE %I SET enable_mergejoin = off', current_database());
EXCEPTION WHEN insufficient_privilege THEN
	RAISE NOTICE 'not the owner of the database: planner settings are left as they are';
END $$;

-- Drives take the upper 31 bits of an id.
CREATE TABLE drive (
	id            int GENERATED ALWAYS AS IDENTITY (MINVALUE 1 MAXVALUE 2147483647) PRIMARY KEY,
	owner         bigint NOT NULL,
	name          bytea NOT NULL,
	home          boolean NOT NULL, -- the owner's first one
	-- Two stores that were set up at different times have different incarnations, so a position of one means nothing to the other.
	incarnation   bigint NOT NULL DEFAULT extract(epoch FROM now())::bigint,
	seq           bigint NOT NULL DEFAULT 0,
	epoch         bigint NOT NULL DEFAULT 0,
	lease_epoch   bigint NOT NULL DEFAULT 0,
	lease_session bigint NOT NULL DEFAULT 0,
	next_number   bigint NOT NULL DEFAULT 2, -- 1 is the root
	quota         bigint NOT NULL DEFAULT 0, -- bytes; 0: none
	used          bigint NOT NULL DEFAULT 0,
	created_at    timestamptz NOT NULL DEFAULT now(),
	trashed_at    timestamptz
) WITH (fillfactor = 20);
CREATE INDEX drive_owner ON drive (owner, id);
CREATE UNIQUE INDEX drive_home ON drive (owner) WHERE home AND trashed_at IS NULL;
CREATE INDEX drive_trash ON drive (trashed_at) WHERE trashed_at IS NOT NULL;

CREATE TABLE node (
	id          bigint PRIMARY KEY,
	parent      bigint NOT NULL, -- with name: one of its links, the first as long as it stands
	size        bigint NOT NULL,
	allocated   bigint NOT NULL,
	charged     bigint NOT NULL,
	uid         bigint NOT NULL,
	gid         bigint NOT NULL,
	atime       bigint NOT NULL,
	mtime       bigint NOT NULL,
	ctime       bigint NOT NULL,
	btime       bigint NOT NULL,
	seq         bigint NOT NULL,
	content_seq bigint NOT NULL,
	children    bigint NOT NULL, -- entries in a folder
	rdev        bigint NOT NULL, -- major << 32 | minor
	mode        int NOT NULL, -- with type bits
	nlink       int NOT NULL,
	orphaned_at timestamptz, -- the last name went
	name        bytea NOT NULL,
	target      bytea NOT NULL
) WITH (fillfactor = 85);
CREATE INDEX node_orphan ON node (orphaned_at) WHERE orphaned_at IS NOT NULL;

CREATE TABLE entry (
	parent bigint NOT NULL,
	child  bigint NOT NULL,
	linked boolean NOT NULL, -- a further link of its child, found by the index; what is not linked is what its node says
	name   bytea NOT NULL,
	PRIMARY KEY (parent, name)
);
CREATE INDEX entry_linked ON entry (child) WHERE linked;

CREATE TABLE extent (
	node       bigint NOT NULL,
	at         bigint NOT NULL,
	len        bigint NOT NULL,
	generation bigint NOT NULL,
	kind       smallint NOT NULL, -- 0 inline, 1 block
	from_      int NOT NULL,
	block_size int NOT NULL,
	sha256     bytea, -- of a block
	data       bytea, -- inline
	PRIMARY KEY (node, at)
) WITH (toast_tuple_target = 8160); -- small files in the row itself: three pieces of TOAST for 4 KiB cost more than the whole create
ALTER TABLE extent ALTER data SET STORAGE EXTERNAL, ALTER sha256 SET STORAGE PLAIN;
CREATE INDEX extent_block ON extent (sha256, (node >> 32)) WHERE kind = 1;

CREATE TABLE xattr (
	node  bigint NOT NULL,
	name  bytea NOT NULL,
	value bytea NOT NULL,
	PRIMARY KEY (node, name)
);

CREATE TABLE journal (
	drive      int NOT NULL,
	op         smallint NOT NULL,
	what       smallint NOT NULL,
	seq        bigint NOT NULL,
	id         bigint NOT NULL,
	parent     bigint NOT NULL,
	old_parent bigint NOT NULL,
	replaced   bigint NOT NULL,
	from_      bigint NOT NULL,
	len        bigint NOT NULL,
	made_at    timestamptz NOT NULL DEFAULT now(),
	name       bytea NOT NULL,
	old_name   bytea NOT NULL,
	key        bytea NOT NULL,
	PRIMARY KEY (drive, seq)
);

-- Of a mount: the last batch of it that was applied, and what was answered.
CREATE TABLE session (
	id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	user_id     bigint NOT NULL,
	drive       int NOT NULL,
	status      int NOT NULL DEFAULT 0,
	number      bigint NOT NULL DEFAULT 0,
	repeats     bigint NOT NULL DEFAULT 0,
	seen_at     timestamptz NOT NULL DEFAULT now(), -- moved in steps, so that batches stay heap-only
	name        bytea NOT NULL,
	fingerprint bytea NOT NULL DEFAULT '',
	headers     bytea NOT NULL DEFAULT '',
	body        bytea NOT NULL DEFAULT ''
) WITH (fillfactor = 20);
ALTER TABLE session ALTER body SET STORAGE EXTERNAL;
CREATE INDEX session_seen ON session (seen_at);
CREATE INDEX session_drive ON session (drive);

-- Documents without a name that a mount has open.
CREATE TABLE hold (
	session bigint NOT NULL REFERENCES session ON DELETE CASCADE,
	node    bigint NOT NULL,
	PRIMARY KEY (session, node)
);
CREATE INDEX hold_node ON hold (node);

CREATE TABLE idempotency (
	user_id     bigint NOT NULL,
	drive       int NOT NULL,
	status      int NOT NULL,
	repeats     bigint NOT NULL DEFAULT 0,
	created_at  timestamptz NOT NULL DEFAULT now(),
	key         bytea NOT NULL,
	fingerprint bytea NOT NULL,
	headers     bytea NOT NULL,
	body        bytea NOT NULL,
	PRIMARY KEY (user_id, key)
);
ALTER TABLE idempotency ALTER body SET STORAGE EXTERNAL;
CREATE INDEX idempotency_created ON idempotency (created_at);
CREATE INDEX idempotency_drive ON idempotency (drive);

-- A block is doubtful while nobody has looked whether something refers to it: new, or let go by an extent. Only those are looked at by the collector.
CREATE TABLE block (
	drive      int NOT NULL,
	size       int NOT NULL,
	generation bigint NOT NULL,
	uploader   bigint NOT NULL,
	touched_at timestamptz NOT NULL DEFAULT now(),
	doubtful   boolean NOT NULL DEFAULT true,
	sha256     bytea NOT NULL,
	PRIMARY KEY (drive, sha256)
) WITH (fillfactor = 90);
CREATE INDEX block_doubtful ON block (touched_at) WHERE doubtful;
CREATE SEQUENCE block_generation CACHE 16;

-- How far a list of another service was followed.
CREATE TABLE progress (
	name  text PRIMARY KEY,
	since bigint NOT NULL
);
