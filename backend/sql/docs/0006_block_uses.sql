-- let_go: an extent let go of the block, and no upload has found it since. Where its owner is short of room it goes at once, the oldest first.
-- shared: more than one upload brought it, so that what becomes of one of them says nothing.
ALTER TABLE block ADD let_go boolean NOT NULL DEFAULT false, ADD shared boolean NOT NULL DEFAULT false;
