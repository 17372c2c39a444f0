-- account_of d: The account of a drive's owner: one row, or none.
(
	SELECT a.quota, {{account_documents a}} AS documents
	FROM account a
	WHERE a.owner = ANY (ARRAY[0, {{d}}.owner])
	ORDER BY a.owner DESC
	LIMIT 1
)
