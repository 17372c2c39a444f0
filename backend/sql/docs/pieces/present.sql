-- present s: Of a session: it was in contact so lately that other sessions must reckon with its mount.
{{s}}.seen_at > now() - interval '{{SESSION_PRESENT_SECONDS}} s'
