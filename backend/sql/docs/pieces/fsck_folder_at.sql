-- fsck_folder_at id: There is a folder with this id in the drive $1.
(SELECT true FROM node p WHERE p.id = {{id}} AND p.id >> 32 = $1 AND {{fsck_is_folder p}} LIMIT 1) IS NOT NULL
