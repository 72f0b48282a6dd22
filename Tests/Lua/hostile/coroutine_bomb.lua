-- A million coroutines meet the memory limit.
-- options: --limit-memory 64 --limit-seconds 20
-- expect: 1 memory
local all = {}
for i = 1, 1000000 do
  all[i] = coroutine.create(function() coroutine.yield() end)
  coroutine.resume(all[i])
end
