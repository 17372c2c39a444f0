-- fsck_children n: The number of entries of a folder.
(SELECT count(*) FROM entry e WHERE e.parent = {{n}}.id)
