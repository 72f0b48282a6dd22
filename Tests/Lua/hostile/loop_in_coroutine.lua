-- A coroutine is under the same limit, and resume does not hide that it was stopped.
-- options: --limit-seconds 0.5
-- expect: 1 time
local made = coroutine.create(function() while true do end end)
coroutine.resume(made)
while true do
  coroutine.resume(coroutine.create(function() pcall(function() repeat until false end) end))
end
