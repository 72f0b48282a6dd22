-- Native work inside pcall ends with the limit.
-- options: --limit-seconds 0.5
-- expect: 1 time
local tensor = require "chexgen.tensor"
local a = tensor.rand({ 300, 300 }, tensor.generator(1))
while true do pcall(function() a:matmul(a):svd() end) end
