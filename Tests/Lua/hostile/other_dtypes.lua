-- Every operation on every pair of dtypes ends in a result or an error.
-- expect: 0 alive
local tensor = require "chexgen.tensor"
local names = { "shape", "item", "totable", "clone", "abs", "exp", "log", "sqrt", "sigmoid", "tanh", "relu", "gelu", "silu", "softmax",
  "log_softmax", "cumsum", "sum", "mean", "prod", "std", "var", "norm", "max", "min", "argmax", "argmin", "sort", "eigh", "svd",
  "qr", "cholesky", "inv", "det", "trace", "all", "any", "squeeze", "contiguous", "transpose" }
local pairs_of = { "allclose", "masked_select", "eq", "ne", "lt", "le", "gt", "ge", "pow", "matmul", "solve" }
local function made(dtype, shape) return tensor.zeros(shape, dtype) end
for _, dtype in ipairs(tensor.dtypes) do
  for _, shape in ipairs { {}, { 0 }, { 1 }, { 3 }, { 3, 3 }, { 0, 3 }, { 2, 3, 3 }, { 1, 1, 1, 1, 1, 1, 1, 1 } } do
    local a = made(dtype, shape)
    tostring(a)
    for _, name in ipairs(names) do
      pcall(a[name], a)
      pcall(a[name], a, 1)
      pcall(a[name], a, -1)
    end
    pcall(a.index, a, 1, { 1 })
    pcall(a.topk, a, 1)
    pcall(a.clamp, a, 1, 0)
    pcall(function() return a[1], a[0], a[-1] end)
    pcall(function() a[1] = true end)
    pcall(function() a[1] = 1e300 end)
    pcall(function() a[1] = a end)
    for _, other in ipairs(tensor.dtypes) do
      a:to(other)
      local b = made(other, shape)
      for _, name in ipairs(pairs_of) do pcall(a[name], a, b) end
      pcall(function() return a + b, a - b, a * b, a / b end)
      pcall(function() return a ^ b end)
      pcall(tensor.cat, { a, b })
      pcall(tensor.stack, { a, b })
    end
  end
end
-- Integer arithmetic at its ends: PyTorch wraps or raises, it never stops the process.
for _, dtype in ipairs { "i64", "i32", "u8" } do
  local least = tensor.full({ 2 }, math.mininteger, "i64"):to(dtype)
  local minus = tensor.full({ 2 }, -1, "i64"):to(dtype)
  local zero = tensor.zeros({ 2 }, dtype)
  for _, way in ipairs {
    function() return least / minus end, function() return minus / zero end, function() return least * minus end,
    function() return -least end, function() return least:abs() end, function() return least - 1 end,
    function() return least + least end, function() return least:sum() end, function() return least:prod() end,
    function() return least:cumsum() end, function() return minus:pow(-1) end, function() return zero:pow(-1) end,
    function() return minus:pow(1 << 40) end, function() return least:mean() end, function() return least:matmul(least) end,
    function() return tensor.full({ 2 }, 1e30, "f64"):to(dtype) end, function() return tensor.full({ 2 }, 0 / 0, "f32"):to(dtype) end,
    function() return tensor.full({ 2 }, 1e30, dtype) end, function() return tensor.new({ 0 / 0 }, dtype) end,
    function() return tensor.arange(0, 1e10, 1e9, dtype) end,
  } do
    pcall(way)
  end
end
print("alive")
