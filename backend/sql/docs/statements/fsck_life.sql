-- write: drive
-- What anybody has kept of it is of another life.
UPDATE drive SET incarnation = incarnation + 1
WHERE id = $1
