-- swept x: Of the extents of $1: the extent lies completely between $2 and $3.
{{x}}.node = $1 AND {{x}}.at >= $2 AND {{x}}.at < $3 AND {{x}}.at + {{x}}.len <= $3
