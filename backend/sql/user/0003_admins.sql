-- Whether somebody is the last administrator is asked whenever one is deleted or becomes none.
CREATE INDEX account_admin ON account (id) WHERE admin;
