-- read: drive, owner, id, session, kind, from, to, exclusive, lease, doubt
WITH {{others}}
{{lock_look}}
