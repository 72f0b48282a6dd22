-- Metatables of strings, modules and objects cannot be reached or replaced.
-- expect: 0 locked
local tensor = require "chexgen.tensor"
local t = tensor.ones { 2 }
assert(type(getmetatable("")) ~= "table")
assert(type(getmetatable(t)) ~= "table")
assert(type(getmetatable(tensor)) ~= "table")
assert(not pcall(setmetatable, t, {}))
assert(not pcall(setmetatable, tensor, {}))
assert(not pcall(setmetatable, string, { __index = error }) or string.rep == ("").rep)
assert(not pcall(rawset, tensor, "zeros", print))
assert(not pcall(rawset, t, 1, 1))
assert(not pcall(rawget, t, "sum"))
assert(tensor.zeros { 1 }:item() == 0)
print("locked")
