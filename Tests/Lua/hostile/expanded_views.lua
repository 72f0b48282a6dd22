-- Views that show more elements than any memory holds are errors of the call, whatever is asked of them.
-- options: --limit-memory 400
-- expect: 0 refused
local tensor = require "chexgen.tensor"
local big = math.maxinteger
local one = tensor.ones { 1 }
assert(not pcall(one.expand, one, big))
assert(not pcall(one.expand, one, (1 << 47) + 1))
local ok, reason = pcall(function() return one:expand(big):any() end)
assert(not ok and reason:find "too large")

-- 2^46 elements are a view, but the sums of its blocks alone would take 16 GB.
local views = {
  one:expand(1 << 46), tensor.ones({ 1, 1 }):expand(1 << 23, 1 << 23), tensor.ones({ 1 }, "i64"):expand(1 << 46),
  tensor.ones({ 1, 1, 1 }, "u8"):expand(1 << 30, 1, 1 << 16), tensor.ones({ 1 }, "bool"):expand(1 << 46),
}
local names = { "sum", "mean", "prod", "std", "var", "norm" }
local whole = { "clone", "abs", "exp", "softmax", "log_softmax", "cumsum", "sort", "totable", "eigh", "svd", "qr", "cholesky",
  "inv", "det", "item" }
for _, view in ipairs(views) do
  tostring(view)
  assert(view:numel() == 1 << 46)
  for _, name in ipairs(names) do assert(not pcall(view[name], view), name) end
  -- What does not depend on how often an element comes looks at it once.
  for _, name in ipairs { "min", "max", "all", "any" } do
    local found = view[name](view)
    assert(found == 1 or found == true, name)
  end
  for _, name in ipairs(whole) do assert(not pcall(view[name], view), name) end
  for index, way in ipairs {
    function() return view:contiguous():clone() end, function() return view + 1 end, function() return view:matmul(view) end,
    function() return view:to "f64":sum() end, function() return view:topk(2) end, function() return view:allclose(view) end,
    function() return view:masked_select(view:eq(1)) end, function() return view:reshape(-1):clone() end,
    function() return view:index(1, { 1 }):clone():sum() + view:clone():sum() end, function() return view:solve(view) end,
    function() return tensor.cat { view, view } end, function() return tensor.stack { view, view } end,
    function() return view:unsqueeze(1):expand(4, -1, -1, -1) end,
    function() tensor.save("/dev/null/x.npy", view) end,
  } do
    assert(not pcall(way), "way " .. index)
  end
end
-- Work arrays count: rows of this length are sorted in ten times their memory.
local row = tensor.zeros({ 20000000 }, "u8")
for _, name in ipairs { "sort", "cumsum", "softmax", "totable" } do
  local ok, reason = pcall(row[name], row)
  assert(not ok and reason:find "out of memory", name)
end
assert(not pcall(row.topk, row, 3))
-- Lists without elements are lists.
for _, sizes in ipairs { { (1 << 31) - 1, 0 }, { 1 << 40, 0 }, { 1 << 20, 1 << 20, 0 }, { 10000000, 0 } } do
  local empty = tensor.zeros(sizes)
  assert(not pcall(empty.totable, empty))
end
assert(#tensor.zeros({ 3, 0 }):totable() == 3 and #tensor.zeros({ 0, 1 << 40 }):totable() == 0)
print("refused")
