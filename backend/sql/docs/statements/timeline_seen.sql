-- read
SELECT t.number, pg_is_in_recovery()
FROM timeline t
JOIN pg_control_system() c ON c.system_identifier = t.system
