-- SHA-256 of a document's content as it was at digest_seq: true of it while that is its content_seq. NULL: none is known.
ALTER TABLE node ADD digest bytea;
ALTER TABLE node ADD digest_seq bigint;
