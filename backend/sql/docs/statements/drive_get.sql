-- read: drive, owner
SELECT {{drive d}}, {{drive_bare d}}
FROM drive d
WHERE {{mine}}
