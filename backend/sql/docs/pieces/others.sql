-- others: Who is in the way of what is asked for.
other AS MATERIALIZED (SELECT l.session, r.a, r.z, r.x FROM {{in_the_way {{one_range}}}})
