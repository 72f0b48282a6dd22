-- A table cannot grow past the memory limit, whoever catches the error.
-- options: --limit-memory 64 --limit-seconds 20
-- expect: 1 memory
local all = {}
while true do
  local ok, reason = pcall(function()
    for i = 1, 1 << 40 do all[#all + 1] = { i } end
  end)
  if not ok then all = all end
  if not ok then error(reason, 0) end
end
