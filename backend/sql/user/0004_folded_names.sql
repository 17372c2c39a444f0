-- Names that look alike are one: name_key is the compatibility fold of the name (NFKC, without case), no more its letters in lower case. The
-- services fold what is there, which SQL cannot. An account whose fold is another's already keeps its name and is found by it, to the byte.
ALTER TABLE account ADD COLUMN folded boolean NOT NULL DEFAULT false;
CREATE INDEX account_unfolded ON account (id) WHERE NOT folded;
COMMENT ON COLUMN account.name_key IS 'fold of the name (NFKC, casefold), or "=" and the name itself; unique';
