-- The same under a limit of 200 MB: garbage is collected before an error is raised; what is kept is an error.
-- options: --limit-memory 200
-- expect: 1 memory
local tensor = require "chexgen.tensor"
for i = 1, 100 do
  local t = tensor.full({ 10, 1000, 1000 }, i)
end
print("garbage is no error")
local kept = {}
for i = 1, 100 do kept[i] = tensor.full({ 10, 1000, 1000 }, i) end
