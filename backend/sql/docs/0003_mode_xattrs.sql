-- Bit 16 of a mode, beyond those of st_mode: the document has xattrs. A mount then need not ask for those of all others, and creating and chmod not look for ACLs.
UPDATE node n SET mode = n.mode | 65536 FROM (SELECT DISTINCT node FROM xattr) x WHERE n.id = x.node;
