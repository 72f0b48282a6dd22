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
  assert(#identity.weights == 64 and identity.preprocessing:find "28x28")
  local benchmark = evaluation.pass(paths, { encoders = { dino = encoder }, protocol = "chexgenbench" })
  assert(benchmark.identities.dino.features.preprocessing:find "299x299")
  local named = evaluation.pass(paths, { encoders = { dino = encoder }, outputs = { dino = { "pooler_output", "features" } } })
  assert(named.features.dino.pooler_output == named.features.dino.features)
  equal(evaluation.pass({}, { encoders = { dino = encoder } }).features.dino.features:shape(), { 0, 32 })
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
