-- write: drive
-- Data that anybody has cached of the drive becomes invalid, as it is of another incarnation.
UPDATE drive SET incarnation = incarnation + 1
WHERE id = $1
