-- A callback of a native function is under the limit.
-- options: --limit-seconds 0.5
-- expect: 1 time
local dataset = require "chexgen.dataset"
local ds = dataset.images { "a.png", "b.png" }
while true do
  pcall(function() ds:filter(function() while true do end end) end)
end
