-- loaded n: The columns of a document that a transaction loads: its own, its ACLs, and the sessions that hold it.
{{node {{n}}}}, {{acl {{n}}, system.posix_acl_access}}, {{acl {{n}}, system.posix_acl_default}},
	{{holders {{n}}}}, {{n}}.extents
