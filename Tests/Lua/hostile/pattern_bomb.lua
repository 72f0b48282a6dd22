-- Backtracking patterns stop.
-- options: --limit-seconds 1
-- expect: 1
local text = ("a"):rep(40000)
for _ = 1, 1000000 do
  local ok, reason = pcall(string.find, text, (".-"):rep(20) .. "b")
  if not ok then error(reason, 0) end
end
