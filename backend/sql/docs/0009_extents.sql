-- Extents of a document, whatever they hold: each is a row here and in the indexes, and a file of bytes that lie apart has one for each of them.
ALTER TABLE node ADD extents int NOT NULL DEFAULT 0;
UPDATE node n SET extents = x.extents FROM (SELECT node, count(*) AS extents FROM extent GROUP BY node) x WHERE n.id = x.node;
-- And of a drive, but for the first one of each document. Changed with `used`, under the drive's lock.
ALTER TABLE drive ADD extents bigint NOT NULL DEFAULT 0;
UPDATE drive d SET extents = COALESCE((SELECT sum(n.extents - 1) FROM node n WHERE n.id >= d.id::bigint << 32 AND n.id < (d.id::bigint + 1) << 32 AND n.extents > 1), 0);
