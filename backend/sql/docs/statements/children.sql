-- read: drive, owner, folder, after, limit: mode of the folder, name of the entry, then the document
SELECT d.incarnation, d.seq, f.mode, e.name, {{node n}}
{{children_from}}
WHERE {{mine}}
