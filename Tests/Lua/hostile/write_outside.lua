-- Nothing outside the allowed folders is written, removed, renamed or made.
-- expect: 0 refused
local tensor, image, metric = require "chexgen.tensor", require "chexgen.image", require "chexgen.metric"
local target = "/tmp/chexgen-must-not-exist"
local t = tensor.ones { 2, 2 }
local ways = {
  function() assert(io.open(target, "w")) end,
  function() assert(io.open(target, "a")) end,
  function() assert(io.open("/etc/passwd", "r+")) end,
  function() assert(io.open("./chexgen-must-not-exist", "w")) end,
  function() io.output(target) end,
  function() assert(os.remove("/tmp/../tmp/nothing-here-at-all")) end,
  function() assert(os.rename("/etc/hostname", target)) end,
  function() tensor.save(target .. ".npy", t) end,
  function() tensor.save("/dev/shm/../../tmp/chexgen-must-not-exist.safetensors", { t = t }) end,
  function() image.save(target .. ".png", image.from_tensor(tensor.zeros({ 2, 2 }, "u8"))) end,
  function() metric.moments(2):save(target) end,
  function() io.lines(target, "w") end,
}
for index, way in ipairs(ways) do
  local ok = pcall(way)
  assert(not ok, "way " .. index .. " was open")
end
assert(not io.open(target))
print("refused")
