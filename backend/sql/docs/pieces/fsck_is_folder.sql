-- fsck_is_folder n: The document is a folder, by the type in its mode.
{{n}}.mode & 61440 = 16384
