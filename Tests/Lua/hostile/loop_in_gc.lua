-- A finalizer that loops is stopped, too.
-- options: --limit-seconds 0.5
-- expect: 1
setmetatable({}, { __gc = function() while true do end end })
collectgarbage()
collectgarbage()
while true do end
