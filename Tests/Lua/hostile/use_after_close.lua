-- Operators, fields and views of closed objects.
-- expect: 0 clear errors
local tensor, dataset = require "chexgen.tensor", require "chexgen.dataset"
local t = tensor.ones { 3, 3 }
local view = t[2]
t:close()
assert(view:sum() == 3, "a view keeps its memory")
for _, way in ipairs {
  function() return t + 1 end, function() return 1 + t end, function() return -t end, function() return #t end,
  function() return t[1] end, function() t[1] = 1 end, function() return t:sum() end, function() return view + t end,
  function() return view:matmul(t) end, function() return tensor.cat { t } end,
} do
  local ok, reason = pcall(way)
  assert(not ok and reason:find "closed", reason)
end
assert(t == t and tostring(t):find "closed")
local ds = dataset.images { "a", "b" }
local row = ds[1]
local iterate, state, first = ds:rows()
ds:close()
assert(row.path == "a")
pcall(iterate, state, first)
assert(not pcall(function() return #ds end))
do
  local kept <close> = tensor.ones { 1 }
  view = kept
end
assert(not pcall(function() return view:item() end))
print("clear errors")
