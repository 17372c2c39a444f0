-- The ring of gateways: who is a member, and in which epoch (common/ring/membership.h says what each column means). One row is locked by each call of
-- a gateway, so that calls come one after the other whichever service they go by. Both tables are updated each second, and have free space in their pages.
CREATE TABLE ring (
	single    boolean PRIMARY KEY DEFAULT true CHECK (single),
	epoch     bigint NOT NULL DEFAULT 0,
	calls     bigint NOT NULL DEFAULT 0,
	preparing boolean NOT NULL DEFAULT false
) WITH (fillfactor = 20);
INSERT INTO ring DEFAULT VALUES;

CREATE TABLE ring_gateway (
	weight     bigint NOT NULL,
	renewed_at bigint NOT NULL,
	unsaid     bigint NOT NULL,
	said       bigint NOT NULL,
	called_at  bigint NOT NULL,
	member     boolean NOT NULL,
	next       boolean NOT NULL,
	leaving    boolean NOT NULL,
	name       bytea NOT NULL,
	boot       bytea NOT NULL,
	url        bytea NOT NULL,
	PRIMARY KEY (name, boot)
) WITH (fillfactor = 20);
