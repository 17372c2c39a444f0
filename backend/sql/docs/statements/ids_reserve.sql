-- write: drive, owner, count
UPDATE drive d SET next_number = next_number + $3
WHERE {{mine}} AND next_number + $3 <= 4294967296
RETURNING next_number - $3
