-- account: The columns of user_account, in the order that user_pg.c reads them.
a.id, a.name, a.name_key, a.email, a.password, a.admin, a.created_ns, a.folded
