-- Every function that writes a file, at the paths of the arguments' first one: `letters` are paths of one letter, `links` are
-- symbolic links that lead out of the folder.
local dataset = require "chexgen.dataset"
local image = require "chexgen.image"
local metric = require "chexgen.metric"
local model = require "chexgen.model"
local plot = require "chexgen.plot"
local tensor = require "chexgen.tensor"

local moments, cells = metric.moments(4), dataset.table({ "a" }, { { 1 } })
local picture = image.from_tensor(tensor.zeros({ 4, 4, 3 }, "u8"))

local function opened(path)
  local file <close> = assert(io.open(path, "w"))
  file:write "\0"
end

if arg[1] == "letters" then
  moments:save "m"
  cells:write "d"
  dataset.write_csv("c", { "a" }, { { 1 } })
  opened "o"
  assert(#dataset.csv { path = "d", image = "a" } == 1 and dataset.csv({ path = "d", image = "a" })[1].image_path == "1")
  assert(#dataset.csv { path = "c" } == 1)
  metric.load_moments "m"
  -- None of these is what the function wants, or there.
  for name, call in pairs {
    image = function(path) image.load(path) end,
    tensor = function(path) tensor.load(path) end,
    saved = function(path) tensor.save(path, { a = tensor.ones { 1 } }) end,
    saved_image = function(path) image.save(path, picture) end,
    plot = function(path) plot.line { path = path, series = { { x = { 1 }, y = { 1 } } } } end,
    rad_dino = function(path) model.encoder("rad-dino", { weights = path }) end,
    inception = function(path) model.encoder("inception-v3", { weights = path }) end,
    classifier = function(path) model.classifier("resnet18", { weights = path }) end,
    load_classifier = function(path) model.load_classifier(path) end,
    pipeline = function(path) model.pipeline(path) end,
    radiomics = function(path) metric.radiomics(path) end,
    radiomics_table = function(path) metric.load_radiomics(path) end,
    moments = function(path) metric.load_moments(path) end,
    csv = function(path) dataset.csv { path = path } end,
  } do
    for _, path in ipairs { "x", "é", "o", ".", "/", "" } do
      local ok, reason = pcall(call, path)
      assert(not ok and reason, name .. " took " .. path)
    end
  end
else
  local writers = {
    { "l.npy", function(path) tensor.save(path, tensor.ones { 1 }) end },
    { "l.npz", function(path) tensor.save(path, { a = tensor.ones { 1 } }) end },
    { "l.safetensors", function(path) tensor.save(path, { a = tensor.ones { 1 } }) end },
    { "l.csv", function(path) cells:write(path) end },
    { "k.csv", function(path) dataset.write_csv(path, { "a" }, { { 1 } }) end },
    { "l.png", function(path) image.save(path, picture) end },
    { "l.jpg", function(path) image.save(path, picture) end },
    { "l", function(path) moments:save(path) end },
    { "l.svg", function(path) plot.line { path = path, series = { { x = { 1, 2 }, y = { 1, 2 } } } } end },
    { "k.safetensors", function(path) model.classifier("resnet18", { classes = 1 }):save(path) end },
    { "l.txt", opened },
  }
  for _, writer in ipairs(writers) do
    local ok, reason = pcall(writer[2], writer[1])
    assert(not ok and tostring(reason):find "symbolic link", ("%s: %s %s"):format(writer[1], ok, reason))
  end
end
