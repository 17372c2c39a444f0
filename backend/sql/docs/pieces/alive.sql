-- alive s: Of a session: the mount has been in contact recently enough for the session to live.
{{s}}.seen_at > now() - interval '{{SESSION_TIMEOUT_SECONDS}} s'
