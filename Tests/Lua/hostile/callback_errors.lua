-- Errors of every kind that come out of callbacks arrive as they are.
-- expect: 0 arrived
local dataset = require "chexgen.dataset"
local model = require "chexgen.model"
local ds = dataset.images { "a", "b" }
for _ = 1, 20000 do pcall(ds.filter, ds, function() error "x" end) end
local ok, reason = pcall(ds.filter, ds, function() error { code = 7 } end)
assert(not ok and type(reason) == "table" and reason.code == 7, "the error object is lost: " .. tostring(reason))
ok, reason = pcall(ds.filter, ds, function() error() end)
assert(not ok)
ok, reason = pcall(ds.filter, ds, function() error(setmetatable({}, { __tostring = function() error "again" end })) end)
assert(not ok)
model.register("broken", function() error "cannot make" end)
ok, reason = pcall(model.encoder, "broken")
assert(not ok and tostring(reason):find "cannot make")
print("arrived")
