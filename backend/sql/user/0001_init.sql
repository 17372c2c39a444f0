-- Database users: accounts and what opens them. Times are nanoseconds since 1970. Secrets are kept as SHA-256 (they are random),
-- passwords as Argon2id.

CREATE TABLE account (
	id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name          text NOT NULL,
	name_key      text NOT NULL,               -- the name without case: unique
	email         text,
	password      text,                        -- NULL: cannot log in by password
	admin         boolean NOT NULL,
	created_ns    bigint NOT NULL,
	failures      int NOT NULL DEFAULT 0,      -- wrong passwords since the last right one
	not_before_ns bigint NOT NULL DEFAULT 0    -- no password is tried before
);
CREATE UNIQUE INDEX account_name_key ON account (name_key);

CREATE TABLE session (
	id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	account_id bigint NOT NULL REFERENCES account ON DELETE CASCADE,
	hash       bytea NOT NULL,
	created_ns bigint NOT NULL,
	renewed_ns bigint NOT NULL,
	expires_ns bigint NOT NULL
);
CREATE UNIQUE INDEX session_hash ON session (hash);
CREATE INDEX session_account ON session (account_id, id);
CREATE INDEX session_expires ON session (expires_ns);

CREATE TABLE device_key (
	id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	account_id   bigint NOT NULL REFERENCES account ON DELETE CASCADE,
	name         text NOT NULL,
	hash         bytea NOT NULL,
	created_ns   bigint NOT NULL,
	last_used_ns bigint                        -- NULL: never
);
CREATE UNIQUE INDEX device_key_hash ON device_key (hash);
CREATE INDEX device_key_account ON device_key (account_id, id);

-- Who was deleted, for the services that keep something of theirs. seq has no gaps and is in the order of commits: it comes from a row
-- that the deleting transaction holds, not from a sequence.
CREATE TABLE deletion_counter (
	one boolean PRIMARY KEY DEFAULT true CHECK (one),
	last bigint NOT NULL
);
INSERT INTO deletion_counter (last) VALUES (0);
CREATE TABLE deletion (
	seq     bigint PRIMARY KEY,
	user_id bigint NOT NULL,
	at_ns   bigint NOT NULL
);

-- The one-time token of the first administrator.
CREATE TABLE setup_token (
	one       boolean PRIMARY KEY DEFAULT true CHECK (one),
	hash       bytea NOT NULL,
	created_ns bigint NOT NULL
);

-- Answers of mutations, by the caller's key. No reference to account: an answer outlives the account that it is about.
CREATE TABLE idempotency (
	account_id bigint NOT NULL,
	key        bytea NOT NULL,
	request    bytea NOT NULL,                 -- SHA-256 of method, target and body
	status     int NOT NULL,
	answer     bytea NOT NULL,                 -- sealed: it may hold a token
	created_ns bigint NOT NULL,
	PRIMARY KEY (account_id, key)
);
CREATE INDEX idempotency_created ON idempotency (created_ns);
