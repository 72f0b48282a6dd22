-- Shapes whose sizes overflow or do not fit are errors.
-- options: --limit-memory 400
-- expect: 0 refused
local tensor = require "chexgen.tensor"
local image = require "chexgen.image"
local one = tensor.ones { 1, 1 }
local big = math.maxinteger
local ways = {
  function() tensor.zeros { big, big } end,
  function() tensor.zeros { 1 << 32, 1 << 32 } end,
  function() tensor.zeros { 1 << 31, 1 << 31, 4 } end,
  function() tensor.zeros { 4194305, 4194305, 211106198978564 } end,
  function() tensor.zeros { math.mininteger } end,
  function() tensor.zeros { 0, -1 } end,
  function() tensor.zeros { 1e300 } end,
  function() tensor.zeros { 0 / 0 } end,
  function() tensor.zeros { 1 / 0 } end,
  function() tensor.full({ 1 << 40 }, 1) end,
  function() tensor.eye(1 << 32) end,
  function() tensor.eye(-1) end,
  function() tensor.eye(big, big) end,
  function() tensor.arange(0, 1e18) end,
  function() tensor.arange(0, 1 / 0) end,
  function() tensor.arange(0, 1, 0) end,
  function() tensor.arange(0, 1, 1e-300) end,
  function() tensor.linspace(0, 1, big) end,
  function() tensor.linspace(0, 1, -1) end,
  function() tensor.rand { 1 << 50 } end,
  function() tensor.randn { 1 << 50 } end,
  function() tensor.randperm(1 << 50) end,
  function() tensor.randperm(-1) end,
  function() one:expand(1 << 31, 1 << 31):clone() end,
  function() one:expand(1 << 40, 1 << 40) end,
  function() one:expand(1 << 20, 1 << 20):sort(1) end,
  function() one:expand(1 << 20, 1 << 20):totable() end,
  function() one:expand(1 << 20, 1 << 20):to("f64") end,
  function() (one:expand(1 << 20, 1 << 20) + 1):sum() end,
  function() one:reshape(big, -1) end,
  function() one:reshape(-1, -1) end,
  function() one:reshape(big, big, big) end,
  function() one:narrow(1, 1, big) end,
  function() one:narrow(1, big, big) end,
  function() one:narrow(1, math.mininteger, 1) end,
  function() one:select(1, math.mininteger) end,
  function() one:select(math.mininteger, 1) end,
  function() one:index(1, { big }) end,
  function() one:index(1, tensor.full({ 1 }, 1e30)) end,
  function() one:index(1, tensor.full({ 1 }, 0 / 0)) end,
  function() one:topk(big) end,
  function() one:topk(-1) end,
  function() one:sum(math.mininteger) end,
  function() one:unsqueeze(big) end,
  function() return one[math.mininteger] end,
  function() one[big] = 1 end,
  function() one:expand(1 << 20, 1):matmul(one:expand(1, 1 << 20)) end,
  function() image.from_tensor(one:expand(1 << 20, 1 << 20):to("u8")) end,
  function() image.from_tensor(tensor.zeros({ 2, 2 }, "u8")):resize { width = big, height = big } end,
  function() image.from_tensor(tensor.zeros({ 2, 2 }, "u8")):resize { width = 1 << 30, height = 1 << 30 } end,
  function() image.from_tensor(tensor.zeros({ 2, 2 }, "u8")):resize { width = -1, height = 0 } end,
  function() image.from_tensor(tensor.zeros({ 2, 2 }, "u8")):crop { left = big, width = big, height = 1 } end,
  function() image.from_tensor(tensor.zeros({ 2, 2 }, "u8")):center_crop { width = 1 << 40, height = 1 } end,
  function() image.from_tensor(tensor.zeros({ 0, 2 }, "u8")) end,
  function() image.grid({ image.from_tensor(tensor.zeros({ 2, 2 }, "u8")) }, { columns = 1, padding = big }) end,
  function() image.grid({ image.from_tensor(tensor.zeros({ 2, 2 }, "u8")) }, { columns = 0 }) end,
}
for index, way in ipairs(ways) do
  local ok, reason = pcall(way)
  assert(not ok, "way " .. index .. " did not fail")
  assert(type(reason) == "string" and #reason < 500)
end
print("refused")
