-- account_of d: The row of the account that owns a drive, or else of owner 0, the default; or no row.
(
	SELECT a.quota, {{account_documents a}} AS documents
	FROM account a
	WHERE a.owner = ANY (ARRAY[0, {{d}}.owner])
	ORDER BY a.owner DESC
	LIMIT 1
)
