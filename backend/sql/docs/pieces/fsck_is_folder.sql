-- fsck_is_folder n: By the type in its mode.
{{n}}.mode & 61440 = 16384
