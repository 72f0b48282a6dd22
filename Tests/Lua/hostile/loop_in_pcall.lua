-- A time limit cannot be caught.
-- options: --limit-seconds 0.5
-- expect: 1 time
while true do pcall(function() while true do end end) end
