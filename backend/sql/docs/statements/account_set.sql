-- write: owner, quota, documents or NULL
INSERT INTO account (owner, quota, documents)
VALUES ($1, $2, $3)
ON CONFLICT (owner) DO UPDATE SET quota = excluded.quota, documents = excluded.documents
