-- The bytes of blocks, where the store is told to keep them here: a block, and its pieces of a fixed size.
CREATE TABLE block_data (
	drive int NOT NULL,
	size int NOT NULL,
	generation bigint NOT NULL,
	-- After the generation was given, by the clock of the same server: what is old here is older than any upload.
	written_at timestamptz NOT NULL DEFAULT now(),
	sha256 bytea NOT NULL,
	-- In this order, so that all blocks are gone through by their hash.
	PRIMARY KEY (sha256, generation, drive)
);
CREATE TABLE block_piece (
	drive int NOT NULL,
	piece int NOT NULL,
	generation bigint NOT NULL,
	sha256 bytea NOT NULL,
	bytes bytea NOT NULL,
	PRIMARY KEY (sha256, generation, drive, piece)
);
-- Content rarely gets smaller, and a part of what is not compressed is read without the rest of it.
ALTER TABLE block_piece ALTER bytes SET STORAGE EXTERNAL;
