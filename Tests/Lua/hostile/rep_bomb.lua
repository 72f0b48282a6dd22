-- string.rep of 4 GB is refused, in pcall as well.
-- options: --limit-memory 64
-- expect: 0 refused
assert(not pcall(string.rep, "x", 1 << 32))
assert(not pcall(string.rep, "x", 1 << 62))
assert(not pcall(string.rep, "", math.maxinteger, "xy"))
assert(not pcall(string.format, "%99999d", 1))
assert(not pcall(string.pack, "!16i17", 1))
assert(not pcall(table.concat, setmetatable({}, { __len = function() return 1 << 40 end })))
assert(not pcall(table.unpack, {}, 1, 1e7))
assert(not pcall(table.unpack, {}, math.mininteger, math.maxinteger))
print("refused")
