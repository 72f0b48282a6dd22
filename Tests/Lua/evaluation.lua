-- chexgen.evaluation as scripts see it.
local dataset = require "chexgen.dataset"
local evaluation = require "chexgen.evaluation"
local image = require "chexgen.image"
local metric = require "chexgen.metric"
local model = require "chexgen.model"
local tensor = require "chexgen.tensor"
local harness = require "harness"
local test, equal, raises = harness.test, harness.equal, harness.raises
local scratch = SCRATCH or arg[#arg]
local encoder = model.encoder("rad-dino", { weights = require("small_encoder").make(scratch) })

local paths = {}
for i = 1, 5 do
  paths[i] = ("%s/film%d.png"):format(scratch, i)
  image.save(paths[i], image.from_tensor((tensor.rand({ 40, 30, 1 }, tensor.generator(i)) * 255):to "u8"))
end
local flat = scratch .. "/flat.png"
image.save(flat, image.from_tensor(tensor.zeros({ 30, 30, 1 }, "u8")))

test("one pass for everything", function()
  local found = evaluation.pass(paths, { encoders = { dino = encoder }, radiomics = true })
  assert(found.features.dino.features == encoder:features(paths))
  assert(found.radiomics:tensor() == metric.radiomics_table(paths):tensor())
  equal({ found.kept:totable(), #found.skipped, found.clipped:numel(), found.flat:numel() }, { { 1, 2, 3, 4, 5 }, 0, 0, 0 })
  local identity = found.identities.dino.features
  equal({ identity.encoder, identity.output, identity.dtype, identity.device }, { "rad-dino", "pooler_output", "f32", "cpu" })
  assert(#found.sha256 == 5 and #found.sha256[1] == 64 and found.sha256[1] ~= found.sha256[2])
  assert(#identity.weights == 64 and identity.preprocessing:find "28x28")
  local benchmark = evaluation.pass(paths, { encoders = { dino = encoder }, protocol = "chexgenbench" })
  assert(benchmark.identities.dino.features.preprocessing:find "299x299")
  local named = evaluation.pass(paths, { encoders = { dino = encoder }, outputs = { dino = { "pooler_output", "features" } } })
  assert(named.features.dino.pooler_output == named.features.dino.features)
  equal(evaluation.pass({}, { encoders = { dino = encoder } }).features.dino.features:shape(), { 0, 32 })
end)

test("a table of radiomics takes no more than is asked for it", function()
  local fidelity = require "chexgen.fidelity"
  local asked
  local start = { params = { frd = true }, needs = function(_, bytes) asked = bytes end }
  fidelity.needs(start, 1000)
  local path = scratch .. "/kept.csv"
  metric.radiomics_table(paths):save(path)
  -- The first line has the names.
  local longest, number = 0, 0
  for line in io.lines(path) do
    number = number + 1
    if number > 1 then longest = math.max(longest, #line + 1) end
  end
  assert(longest > 1000 and longest * 1000 <= asked, ("%d bytes a line"):format(longest))
  asked, start.params.frd = nil, false
  fidelity.needs(start, 1000)
  equal(asked, nil)
end)

test("several sets", function()
  dataset.table({ "n", "path" }, { { "1", paths[1] }, { "2", "" }, { "3", paths[2] }, { "4", flat } }):write(scratch .. "/films.csv")
  local table = dataset.csv { path = scratch .. "/films.csv", image = "path" }
  local sets = { real = paths, synthetic = table }
  raises(function() evaluation.pass(sets, { encoders = { dino = encoder } }) end, "1 of 9", "row 2", "on_bad_image")
  local found = evaluation.pass(sets, { encoders = { dino = encoder }, radiomics = true, on_bad_image = "skip" })
  equal({ found.real.kept:numel(), found.synthetic.kept:totable() }, { 5, { 1, 3, 4 } })
  equal({ found.synthetic.skipped[1].index, found.synthetic.skipped[1].path }, { 2, "" })
  assert(found.synthetic.features.dino.features:narrow(1, 1, 2) == found.real.features.dino.features:narrow(1, 1, 2))
  equal({ found.synthetic.flat:totable(), #found.synthetic.radiomics, #found.real.radiomics }, { { 3 }, 3, 5 })
end)

--- Mean and spread of each channel: an encoder whose methods lie in a metatable.
local Levels = {}
Levels.__index = Levels
function Levels:features(images, options)
  self.calls = self.calls + 1
  self.seen = options
  local rows = {}
  for i, film in ipairs(images) do
    local x = film:tensor():to "f32"
    rows[i] = options and options.output == "extremes" and { x:min():item(), x:max():item() } or { x:mean():item(), x:std():item(), 1 }
  end
  return tensor.new(rows)
end

test("an encoder of the script's own", function()
  model.register("levels", {
    load = function(options) return setmetatable({ dim = 3, calls = 0, scale = options.scale }, Levels) end,
    about = "levels", ending = " (Levels)", roles = { neighbours = "features" },
  })
  local levels = model.encoder("levels", { scale = 2 })
  equal({ levels.name, levels.dim, levels.scale, getmetatable(levels) == Levels }, { "levels", 3, 2, true })
  local found = evaluation.pass(paths, { encoders = { mine = levels, dino = encoder }, outputs = { mine = { "features", "extremes" } },
    batch = 2, protocol = "chexgenbench" })
  -- The very object was called: a pass has three batches of two outputs.
  equal({ levels.calls, levels.seen.protocol, levels.seen.batch, levels.seen.output }, { 6, "chexgenbench", 1, "extremes" })
  local film = image.load(paths[2], { mode = "rgb" }):tensor():to "f32"
  harness.close(found.features.mine.features[2], { film:mean():item(), film:std():item(), 1 }, 1e-4)
  equal(found.features.mine.extremes[2]:totable(), { film:min():item(), film:max():item() })
  -- The file that its method stands in, and what that requires.
  assert(found.identities.mine.features.weights:find "^script %x+$")
  equal(evaluation.pass({}, { encoders = { mine = levels } }).features.mine.features:shape(), { 0, 3 })
  -- Methods without a metatable do as well; what they give is checked, and what they raise is named.
  local function plain(features) return { features = features } end
  local found = evaluation.pass(paths, { encoders = { x = plain(function(_, images) return tensor.zeros { #images, 4 } end) } })
  equal(found.features.x.features:shape(), { 5, 4 })
  raises(function() evaluation.pass(paths, { encoders = { x = plain(function() return 3 end) } }) end, "x", "[5, D]", "integer")
  raises(function() evaluation.pass(paths, { encoders = { x = plain(function() return tensor.zeros { 1, 4 } end) } }) end, "[1, 4]")
  raises(function() evaluation.pass(paths, { encoders = { x = plain(function() error "no film" end) } }) end, "no film")
  raises(function() evaluation.pass(paths, { encoders = { x = {} } }) end, "x", "'features'")
end)

test("wrong use", function()
  raises(function() evaluation.pass(3) end, "images", "Dataset")
  raises(function() evaluation.pass({ 1 }) end, "images", "list of string")
  raises(function() evaluation.pass({ real = { 1 } }) end, "images.real", "paths")
  raises(function() evaluation.pass(paths, { encoders = { dino = 3 } }) end, "encoders.dino")
  raises(function() evaluation.pass(paths, { outputs = { dino = {} } }) end, "outputs", "dino")
  raises(function() evaluation.pass(paths, { encoders = { dino = encoder }, outputs = { dino = { "logits" } } }) end, "logits")
  raises(function() evaluation.pass(paths, { batch = 0 }) end, "batch")
  raises(function() evaluation.pass(paths, { radiomics = { setting = { binwidth = 5 } } }) end, "binwidth")
  raises(function() evaluation.pass { scratch .. "/none.png" } end, "none.png")
end)

harness.report()
