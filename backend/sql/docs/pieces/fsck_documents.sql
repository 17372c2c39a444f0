-- fsck_documents: The next documents of the drive $1, behind the document $2; at most $4.
SELECT n.*
FROM node n
WHERE n.id > $2 AND {{of_drive n.id}} AND {{fsck_checked}}
ORDER BY n.id
LIMIT $4
