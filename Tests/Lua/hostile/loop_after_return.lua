-- A finalizer that loops when the state closes does not hang the program.
-- options: --limit-seconds 0.5
-- expect: any
KEPT = setmetatable({}, { __gc = function() while true do end end })
print("done")
