-- fsck_children n: Entries of a folder.
(SELECT count(*) FROM entry e WHERE e.parent = {{n}}.id)
