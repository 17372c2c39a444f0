-- What a user may hold in all drives together; owner 0: those who have no row of their own. quota 0: no limit.
CREATE TABLE account (
	owner bigint PRIMARY KEY,
	quota bigint NOT NULL
);

-- Bytes of the blocks that lie there for a drive, whether anything refers to them or not: the sum of its parts. In parts, so that uploads side by side do not wait for each other's row;
-- what one part counts may be taken off another.
CREATE TABLE drive_blocks (
	drive int NOT NULL,
	part  smallint NOT NULL,
	bytes bigint NOT NULL,
	PRIMARY KEY (drive, part)
) WITH (fillfactor = 20);
INSERT INTO drive_blocks (drive, part, bytes) SELECT drive, 0, sum(size) FROM block GROUP BY drive;

-- The doubtful blocks of one drive, for who needs room in it.
CREATE INDEX block_doubtful_drive ON block (drive, touched_at) WHERE doubtful;
