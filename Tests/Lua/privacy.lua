-- Models and distances that compare films with films and with texts.
local dataset = require "chexgen.dataset"
local image = require "chexgen.image"
local metric = require "chexgen.metric"
local model = require "chexgen.model"
local tensor = require "chexgen.tensor"
local phantom = require "chexgen.phantom"
local harness = require "harness"
local small = require "small_pairs"
local test, equal, close, raises = harness.test, harness.equal, harness.close, harness.raises
local scratch = SCRATCH or arg[#arg]

small.make(scratch)
local films = phantom.dataset { n = 4, size = 64, seed = 3, folder = scratch .. "/films" }
local reid = model.encoder("patient-reid", { weights = scratch .. "/reid.safetensors" })

test("films are compared with films", function()
  local features = reid:features(films)
  equal(features:shape(), { 4, 128 })
  local all = reid:similarity(features, features, { pairs = "all" })
  equal({ all:shape(), all:dtype() }, { { 4, 4 }, "f32" })
  close(reid:similarity(features, features:index(1, tensor.new({ 2, 3, 4, 1 }, "i64"))),
    { all[1][2]:item(), all[2][3]:item(), all[3][4]:item(), all[4][1]:item() }, 1e-6)
  -- The probability of a pair does not depend on its order.
  assert(all:allclose(all:transpose(1, 2)))
  assert(not reid:features(films, { protocol = "chexgenbench" }):allclose(features))
  raises(function() reid:similarity(features, features:narrow(1, 1, 2)) end, "4 rows beside 2")
  raises(function() reid:similarity(features:narrow(2, 1, 64), features) end, "[N, 128]")
  local first = model.encoders()[1]
  equal({ first.name, first.compares_sets }, { "inception-v3", true })
end)

test("films are compared with texts", function()
  local m = model.image_text("biovil-t", { weights = scratch .. "/biovil" })
  equal({ m.name, m.dim, m.dtype }, { "biovil-t", 128, "f32" })
  local texts = m:texts { "Small left pleural effusion.", "Clear lungs", "Small left pleural effusion" }
  equal(texts:shape(), { 3, 128 })
  -- The last mark is taken off, as the model's own library does.
  assert(texts[1]:allclose(texts[3]) and not texts[1]:allclose(texts[2]))
  close((texts * texts):sum(2), { 1, 1, 1 }, 1e-5)
  local images = m:images(films:head(3))
  close((images * images):sum(2), { 1, 1, 1 }, 1e-5)
  local cosines = m:similarity(images, texts)
  equal(cosines:shape(), { 3 })
  close(cosines, (images * texts):sum(2):totable(), 1e-5)
  close(m:similarity(films:head(2), { "Small left pleural effusion.", "Clear lungs" }), cosines:narrow(1, 1, 2):totable(), 1e-5)
  equal({ m:texts({}):shape(), m:texts("one"):shape() }, { { 0, 128 }, { 1, 128 } })
  raises(function() m:similarity(images, texts:narrow(1, 1, 2)) end, "[3, 128]", "[2, 128]")
  raises(function() m:texts { "fine", ("effusion "):rep(200) } end, "text 2", "512")
  raises(function() m:texts "a [SEP] b" end, "[SEP]")
  assert(#m.texts_sha256 == 64)
  raises(function() model.image_text("biovil-t", { weights = scratch .. "/films" }) end, "config.json")
  raises(function() model.image_text("biovil") end, "biovil-t")
  equal(model.image_texts, { "biovil-t" })
end)

test("texts that a run keeps are kept by what they say", function()
  local kept = {}
  local run = { once = function(_, key, make)
    kept[key] = kept[key] or make()
    return kept[key]
  end }
  local params = { alignment_encoder = "biovil-t", encoders = { ["biovil-t"] = { weights = scratch .. "/biovil" } } }
  local scorer = require "chexgen.alignment".scorer(run, params)
  -- A film that could not be read was mended before the run went on: its caption comes before those that are kept.
  local before, places = scorer:encode { "Clear lungs" }
  local after, now = scorer:encode { "Small left pleural effusion", "Clear lungs" }
  equal({ places["Clear lungs"], now["Clear lungs"], after:shape() }, { 1, 2, { 2, 128 } })
  assert(before[1]:allclose(after[2]) and not before[1]:allclose(after[1]))
  scorer:encode { "Clear lungs" }
  local count = 0
  for _ in pairs(kept) do count = count + 1 end
  equal(count, 2)
end)

test("pixels, latents, neighbours", function()
  local film = image.load(films[1].image_path)
  local levels = film:tensor():to("i64"):clamp(0, 254):to "u8"
  local brighter = (levels:to "i64" + 1):to "u8"
  equal(metric.pixel_distance(levels, brighter), 1.0)
  equal(metric.pixel_distance(levels, brighter, { wrapped = true }), 255.0)
  equal(metric.pixel_distance(film, film), 0.0)
  close(metric.pixel_distance({ image.from_tensor(levels), image.from_tensor(levels) },
    { image.from_tensor(brighter), image.from_tensor(levels) }), { 1, 0 }, 0)
  raises(function() metric.pixel_distance(film, film:resize { width = 32, height = 32 }) end, "one shape")
  raises(function() metric.pixel_distance({ film }, { film, film }) end, "1 images")
  local a = tensor.new { { 3, 4 }, { 0, 0 } }
  close(metric.latent_distance(a, tensor.zeros { 2, 2 }), { 5 / math.sqrt(2), 0 }, 1e-6)
  raises(function() metric.latent_distance(a, tensor.zeros { 2, 3 }) end, "[2, 3]")
  local distances, rows = metric.nearest(a, tensor.new { { 0, 1 }, { 3, 4 }, { 10, 10 } }, { k = 2 })
  close(distances, { { 0, math.sqrt(18) }, { 1, 5 } }, 1e-6)
  equal(rows:totable(), { { 2, 1 }, { 1, 2 } })
  local _, cosine = metric.nearest(tensor.new { { 2, 2 } }, tensor.new { { 0, 1 }, { 5, 5 } }, { distance = "cosine" })
  equal(cosine:totable(), { { 2 } })
  raises(function() metric.nearest(a, a, { k = 3 }) end, "2 rows")
  raises(function() metric.nearest(a, a, { distance = "l1" }) end, "distance")
end)

test("means of groups", function()
  local found = metric.mean({ 1, 2, 3, 10 }, { groups = { "a", "a", "b", "c" } })
  equal({ found.value, found.groups }, { 4.0, 3 })
  assert(found.low < 4 and found.high > 4 and found.error > 0)
  local one = metric.mean(tensor.new { 5 })
  equal({ one.value, one.groups, one.low == nil }, { 5.0, 1, true })
  raises(function() metric.mean {} end, "no values")
  raises(function() metric.mean({ 1, 2 }, { groups = { "a" } }) end, "2 values")
end)

test("shares of groups", function()
  local none = metric.share({ 0, 0, 0, 0 }, { groups = { "a", "a", "b", "c" } })
  equal({ none.value, none.low, none.groups, none.effective }, { 0.0, 0.0, 3, 3.0 })
  assert(math.abs(none.high - (1 - 0.025 ^ (1 / 3))) < 1e-9)
  local half = metric.share(tensor.new { 0, 1, 0, 1 })
  assert(half.value == 0.5 and half.low > 0 and half.high < 1)
  equal(metric.share { 1 }.low == nil, true)
  raises(function() metric.share { 0.5 } end, "0 or 1")
  raises(function() metric.share {} end, "no values")
end)

test("tables that runs share", function()
  raises(function() dataset.write_csv("/nowhere/table.csv", { "a" }, { { 1 } }, { shared = true }) end, "/nowhere/table.csv")
end)

harness.report()
