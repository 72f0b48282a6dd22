-- A script may spoil its own globals, and native functions still work.
-- expect: 0 works
local tensor, dataset = require "chexgen.tensor", require "chexgen.dataset"
local print, pcall, assert, require = print, pcall, assert, require
for _, name in require("chexgen").dataset and { "string", "table", "math", "pairs", "next", "type", "tostring", "error", "ipairs" } and
  next, { "string", "table", "math", "pairs", "type", "tostring", "error", "ipairs" } do
  _G[name] = nil
end
_ENV = { }
assert(tensor.ones({ 2 }):sum() == 2)
assert(not pcall(tensor.zeros, "x"))
assert(#dataset.images { "a" }:filter(function() return true end) == 1)
print("works")
