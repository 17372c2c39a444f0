-- is_folder n: Of a document: it is a folder (S_IFDIR of S_IFMT).
({{n}}.mode & 61440) = 16384
