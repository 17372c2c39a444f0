-- others: The locks that conflict with the request, and their sessions.
other AS MATERIALIZED (SELECT l.session, r.a, r.z, r.x FROM {{in_the_way {{one_range}}}})
