-- Wrong passwords are counted for a name and a network, no more for the account: whoever failed for another's name kept him out. Names that nobody has are counted,
-- too: a row says nothing about whether there is such a user. Rows are bounded by number and by time (account_guess).
CREATE TABLE login_failure (
	name          bytea NOT NULL,              -- HMAC of the folded name, under a key of the store
	network       text NOT NULL,               -- "192.0.2.0/24", "" for all of them, "self" for old passwords
	failures      int NOT NULL,                -- in a row
	not_before_ns bigint NOT NULL,             -- no password is let through before
	last_ns       bigint NOT NULL,
	PRIMARY KEY (name, network)
);
CREATE INDEX login_failure_last ON login_failure (last_ns);

-- Where an account has logged in from: there a right password is let through whoever fails for it.
CREATE TABLE known_network (
	account_id bigint NOT NULL REFERENCES account ON DELETE CASCADE,
	network    text NOT NULL,
	seen_ns    bigint NOT NULL,
	PRIMARY KEY (account_id, network)
);
CREATE INDEX known_network_account ON known_network (account_id, seen_ns);
CREATE INDEX known_network_seen ON known_network (seen_ns);

ALTER TABLE account DROP COLUMN failures, DROP COLUMN not_before_ns;
