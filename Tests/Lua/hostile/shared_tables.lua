-- A script cannot change the tables that modules share.
-- expect: 0 read-only
local chexgen = require "chexgen"
for name, module in pairs(chexgen) do
  if type(module) == "table" then
    assert(not pcall(function() module.anything = 1 end), name)
    for member in pairs(module) do
      assert(not pcall(function() module[member] = nil end), name .. "." .. member)
      assert(not pcall(rawset, module, member, nil), name .. "." .. member)
    end
  end
end
assert(not pcall(function() chexgen.dataset.pathologies[1] = "x" end))
assert(not pcall(table.remove, chexgen.dataset.pathologies))
assert(not pcall(table.sort, chexgen.dataset.pathologies))
assert(not pcall(table.move, { 1 }, 1, 1, 1, chexgen.dataset.pathologies))
assert(chexgen.dataset.pathologies[1] == require("chexgen.dataset").pathologies[1])
print("read-only")
