-- Four hundred garbage tensors of 40 MB; who starts this looks at the peak of memory.
-- expect: 0 made
local tensor = require "chexgen.tensor"
for i = 1, 400 do
  local t = tensor.full({ 10, 1000, 1000 }, i)
  assert(t:size(1) == 10)
end
print("made")
