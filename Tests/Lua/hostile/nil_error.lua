-- An error without a value.
-- expect: 1
error(nil)
