-- Nesting without end, cycles and long lists as arguments.
-- options: --limit-memory 300 --limit-seconds 30
-- expect: 0 refused
local tensor, dataset, metric = require "chexgen.tensor", require "chexgen.dataset", require "chexgen.metric"
local deep = 1
for _ = 1, 100000 do deep = { deep } end
local cycle = {}
cycle[1] = cycle
local loop = setmetatable({}, { __index = function() error "index" end, __len = function() return 1 << 60 end,
  __pairs = function() error "pairs" end })
for _, value in ipairs { deep, cycle } do
  assert(not pcall(tensor.new, value))
  assert(not pcall(tensor.zeros, value))
  assert(not pcall(tensor.cat, value))
  assert(not pcall(dataset.images, value))
  assert(not pcall(metric.identity, value))
  assert(not pcall(metric.identity, { x = 1, y = value }) or value == deep)
end
pcall(tensor.new, loop)
pcall(tensor.zeros, loop)
pcall(metric.identity, { x = loop })
print("refused")
