-- write: names, boots, urls, hop_urls, weights, renewed_at, unsaid, said, called_at, flags
INSERT INTO ring_gateway AS g (name, boot, url, hop_url, weight, renewed_at, unsaid, said, called_at, member, next,
	leaving)
SELECT name, boot, url, hop_url, weight, renewed_at, unsaid, said, called_at, flags & 1 <> 0, flags & 2 <> 0,
	flags & 4 <> 0
FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
	$9::bigint[], $10::bigint[]) AS r (name, boot, url, hop_url, weight, renewed_at, unsaid, said, called_at, flags)
ON CONFLICT (name, boot) DO UPDATE SET url = excluded.url, hop_url = excluded.hop_url, weight = excluded.weight,
	renewed_at = excluded.renewed_at, unsaid = excluded.unsaid, said = excluded.said, called_at = excluded.called_at,
	member = excluded.member, next = excluded.next, leaving = excluded.leaving
WHERE (g.url, g.hop_url, g.weight, g.renewed_at, g.unsaid, g.said, g.called_at, g.member, g.next, g.leaving)
	IS DISTINCT FROM (excluded.url, excluded.hop_url, excluded.weight, excluded.renewed_at, excluded.unsaid,
	excluded.said, excluded.called_at, excluded.member, excluded.next, excluded.leaving)
