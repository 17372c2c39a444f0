-- fsck_maybe_folder n: The document is a folder, or has lost its type and may have been one. Nothing is removed or
-- counted anew because of a folder that only its mode denies.
({{fsck_is_folder {{n}}}} OR NOT {{fsck_type_known {{n}}}})
