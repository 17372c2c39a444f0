-- loaded n: What a transaction loads of a document: its columns, its ACLs, and who holds it.
{{node {{n}}}}, {{acl {{n}}, system.posix_acl_access}}, {{acl {{n}}, system.posix_acl_default}},
	{{holders {{n}}}}, {{n}}.extents
