-- fsck_type_known n: The mode of the document has a type that documents can have.
{{n}}.mode & 61440 IN (4096, 8192, 16384, 24576, 32768, 40960, 49152)
