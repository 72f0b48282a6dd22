-- Bytecode is refused by every way to load code.
-- expect: 0 refused
local chunk = "\27Lua\84\0\25\147\r\n\26\n\4\8\8xV"
assert(not load(chunk))
assert(not load(chunk, "x", "b"))
assert(not load(chunk, "x", "bt"))
local given = false
assert(not load(function()
  if given then return nil end
  given = true
  return chunk
end))
assert(string.dump == nil)
assert(loadfile == nil and dofile == nil)
assert(not pcall(load("return ('').dump"), print) or ("").dump == nil)
print("refused")
