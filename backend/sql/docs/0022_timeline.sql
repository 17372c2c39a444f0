-- The timeline of the primary that said so last, and of which cluster: by this row what a standby has says which primary
-- it has followed. A dump that is restored into another cluster brings a row along that says nothing there.
CREATE TABLE timeline (
	one boolean PRIMARY KEY DEFAULT true CHECK (one),
	system bigint NOT NULL,
	number bigint NOT NULL
);
