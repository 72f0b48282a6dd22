-- Draws that do not fit are refused at once, with the bytes that they want.
-- options: --limit-memory 300 --limit-seconds 20
-- expect: 0 refused
local tensor, dataset = require "chexgen.tensor", require "chexgen.dataset"
local ways = {
  function() tensor.randperm(1 << 31) end,
  function() tensor.randperm(200000000) end,
  function() tensor.rand { 1 << 31 } end,
  function() tensor.randn({ 200000000 }, tensor.generator(1), "bf16") end,
  function() dataset.python_sample(1 << 31, 1 << 31) end,
  function() dataset.python_sample(1 << 31, 100000000) end,
  function() dataset.python_sample(100000000, 50000000) end,
}
for index, way in ipairs(ways) do
  local start = require "chexgen".time()
  local ok, reason = pcall(way)
  assert(not ok and reason:find "out of memory: a tensor of %d+ bytes could not be allocated", "way " .. index .. ": " .. tostring(reason))
  assert(require "chexgen".time() - start < 2, "way " .. index .. " took long")
end
print("refused")
