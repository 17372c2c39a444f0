-- write: drive, owner, id, session, kind, from, to, exclusive, lease, doubt
{{lock_break {{one_range}}}}
