-- write: drive, owner, id, session, kind, froms, tos, exclusive, lease, doubt
{{lock_break {{all_ranges}}}}
