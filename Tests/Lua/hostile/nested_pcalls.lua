-- Two thousand nested pcalls, each of which goes on after the limit.
-- options: --limit-seconds 0.5
-- expect: 1 time
local function nest(n)
  if n == 0 then while true do end end
  pcall(nest, n - 1)
  while true do end
end
nest(150)
