-- Where other gateways reach a gateway, with the requests that they send on to it. Empty: it takes none of them.
ALTER TABLE ring_gateway ADD COLUMN hop_url bytea NOT NULL DEFAULT '';
