-- alive s: Of a session: that the mount was heard of.
{{s}}.seen_at > now() - interval '{{SESSION_TIMEOUT_SECONDS}} s'
