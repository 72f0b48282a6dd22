-- A string cannot grow past the memory limit.
-- options: --limit-memory 64
-- expect: 1 memory
local s = "x"
while true do s = s .. s end
