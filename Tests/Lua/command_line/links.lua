-- Every way in which a script writes a file, at names in the folder arg[1] that are links to a file outside of it, and in a
-- folder there that is a link, too.
local tensor, image, dataset = require "chexgen.tensor", require "chexgen.image", require "chexgen.dataset"
local metric, plot = require "chexgen.metric", require "chexgen.plot"
local folder = arg[1]
local t = tensor.ones { 2, 2 }
local picture = image.from_tensor(tensor.zeros({ 8, 8 }, "u8"))
local moments = metric.moments(2):update(tensor.new { { 1, 2 }, { 3, 4 }, { 5, 7 } })
local table_of_one = dataset.table({ "a" }, { { "1" } })

local ways = {
  ["x.npy"] = function(path) tensor.save(path, t) end,
  ["x.npz"] = function(path) tensor.save(path, { t = t }) end,
  ["x.safetensors"] = function(path) tensor.save(path, { t = t }) end,
  ["x.png"] = function(path) image.save(path, picture) end,
  ["x.jpg"] = function(path) image.save(path, picture) end,
  ["x.moments"] = function(path) moments:save(path) end,
  ["x.csv"] = function(path) table_of_one:write(path) end,
  ["line.svg"] = function(path) plot.line { path = path, series = { { y = { 1, 2 } } } } end,
  ["bar.svg"] = function(path) plot.bar { path = path, categories = { "a" }, series = { { values = { 1 } } } } end,
  ["w.txt"] = function(path) assert(io.open(path, "w")) end,
  ["a.txt"] = function(path) assert(io.open(path, "a")) end,
  ["r.txt"] = function(path) assert(io.open(path, "r+")) end,
}
for name, way in pairs(ways) do
  for _, place in ipairs { folder .. "/" .. name, folder .. "/outside/" .. name } do
    local ok, reason = pcall(way, place)
    assert(not ok, place .. " was written")
    assert(reason:find "may not write", reason)
  end
  local fresh = folder .. "/fresh-" .. name
  if name ~= "r.txt" then
    way(fresh)
    assert(io.open(fresh), fresh)
  end
end
-- A link is a name that can be given up.
assert(os.remove(folder .. "/w.txt"))
print("refused")
