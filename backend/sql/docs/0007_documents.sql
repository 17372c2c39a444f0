-- Documents of a drive, the root among them, each further link counting as one: what its rows are. Changed with `used`, under the drive's lock.
ALTER TABLE drive ADD documents bigint NOT NULL DEFAULT 1;
UPDATE drive d SET documents = (SELECT count(*) FROM node n WHERE n.id >= d.id::bigint << 32 AND n.id < (d.id::bigint + 1) << 32)
	+ (SELECT count(*) FROM entry e WHERE e.linked AND e.parent >= d.id::bigint << 32 AND e.parent < (d.id::bigint + 1) << 32);
-- What a user may have of them in all drives; NULL: as many as his quota says. 0: no limit.
ALTER TABLE account ADD documents bigint;

-- The targets of symlinks and xattrs are charged like content.
UPDATE node n SET charged = n.charged + length(n.target) + COALESCE((SELECT sum(length(x.name) + length(x.value)) FROM xattr x WHERE x.node = n.id), 0)
	WHERE n.orphaned_at IS NULL AND (n.mode & 65536 <> 0 OR n.target <> '');
UPDATE drive d SET used = COALESCE((SELECT sum(n.charged) FROM node n WHERE n.id >= d.id::bigint << 32 AND n.id < (d.id::bigint + 1) << 32), 0);
