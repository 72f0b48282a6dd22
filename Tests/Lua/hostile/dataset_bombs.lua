-- Row numbers, shares and shards that make no sense are errors.
-- expect: 0 refused
local tensor, dataset = require "chexgen.tensor", require "chexgen.dataset"
local ds = dataset.images { "a.png", "b.png", "c.png", "d.png" }
local big = math.maxinteger
local ways = {
  function() ds:sample { n = big } end,
  function() ds:sample { n = -1 } end,
  function() ds:sample { n = 2, seed = -1 } end,
  function() ds:sample { n = 2, seed = big } end,
  function() ds:split { test = 0 / 0 } end,
  function() ds:split { test = 1 / 0 } end,
  function() ds:split { test = -1 } end,
  function() ds:split { test = 1e300 } end,
  function() ds:split { test = 4 } end,
  function() ds:split { test = 0.5, by = "nobody" } end,
  function() ds:shard(0, 2) end,
  function() ds:shard(3, 2) end,
  function() ds:shard(1, 0) end,
  function() ds:shard(1, -1) end,
  function() ds:shard(big, big - 1) end,
  function() ds:head(-1) end,
  function() ds:select { 0 } end,
  function() ds:select { 5 } end,
  function() ds:select { big } end,
  function() ds:select { math.mininteger } end,
  function() ds:select(tensor.full({ 1 }, 1e30)) end,
  function() ds:select(tensor.full({ 1 }, 0 / 0)) end,
  function() ds:select { 1.5 } end,
  function() ds:select { "1" } end,
  function() ds:column "nothing" end,
  function() ds:unique "nothing" end,
  function() ds:dropna "nothing" end,
  function() ds:where_in("nothing", {}) end,
  function() ds:where_in("path", { {} }) end,
  function() ds:with_label("Edema", 1) end,
  function() ds:labels_tensor {} end,
  function() ds:positions(dataset.images { "z.png" }) end,
  function() ds:concat(ds, ds, ds) end,
  function() ds:filter(function() error "mine" end) end,
  function() ds:filter(function(row) return row.nothing.at.all end) end,
  function() ds:filter(function() coroutine.yield() end) end,
  function() dataset.images { 1, 2 } end,
  function() dataset.images { "a", x = "b" } end,
}
for index, way in ipairs(ways) do
  local ok, reason = pcall(way)
  assert(not ok, "way " .. index .. " did not fail")
  assert(type(reason) == "string" and #reason < 500)
end
assert(#ds:shard(1, big) == 1 and #ds:shard(big, big) == 0)
assert(#ds:head(big) == 4)
print("refused")
