-- Recursion in Lua, in metamethods, in callbacks of native functions and of gsub.
-- expect: 0 refused
local dataset = require "chexgen.dataset"
local function plain() return 1 + plain() end
assert(not pcall(plain))
local t = setmetatable({}, {})
getmetatable(t).__index = function(_, key) return t[key .. "x"] end
assert(not pcall(function() return t.x end))
getmetatable(t).__tostring = function() return tostring(t) end
assert(not pcall(tostring, t))
local chain = {}
for _ = 1, 200000 do chain = setmetatable({}, { __index = chain }) end
assert(not pcall(function() return chain.x end))
local function replaced(s) return (s:gsub(".", replaced)) end
assert(not pcall(replaced, "x"))
local ds = dataset.images { "a" }
local function nested() return ds:filter(nested) end
assert(not pcall(nested))
local function resumed() return coroutine.wrap(resumed)() end
assert(not pcall(resumed))
assert(not load(("("):rep(300) .. "1" .. (")"):rep(300)))
assert(not load("return " .. ("{"):rep(250) .. ("}"):rep(250)))
local sorted = {}
for i = 1, 1000 do sorted[i] = i end
pcall(table.sort, sorted, function() return true end)
assert(not pcall(table.sort, sorted, function() error "x" end))
print("refused")
