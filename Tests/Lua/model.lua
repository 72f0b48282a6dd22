-- chexgen.model as scripts see it: a RAD-DINO of two thin layers with weights from a generator.
local model = require "chexgen.model"
local dataset = require "chexgen.dataset"
local image = require "chexgen.image"
local tensor = require "chexgen.tensor"
local harness = require "harness"
local test, equal, close, raises = harness.test, harness.equal, harness.close, harness.raises
local scratch = SCRATCH or arg[#arg]
local folder = require("small_encoder").make(scratch)

local function picture(seed)
  return image.from_tensor((tensor.rand({ 40, 30, 3 }, tensor.generator(seed)) * 255):to "u8")
end
local paths = {}
for i = 1, 5 do
  paths[i] = ("%s/model%d.png"):format(scratch, i)
  image.save(paths[i], picture(i))
end

local encoder = model.encoder("rad-dino", { weights = folder, dtype = "f32" })

test("the device", function()
  equal(model.encoder("rad-dino", { weights = folder, device = "cpu" }):identity(), encoder:identity())
  raises(function() model.encoder("rad-dino", { weights = folder, device = "cuda" }) end, "device", "cuda", "cpu")
  raises(function() model.encoder("rad-dino", { weights = folder, device = 1 }) end, "options.device")
  raises(function() model.encoder("rad-dino", { weights = folder, place = "cpu" }) end, "device, dtype, weights")
end)

test("fields", function()
  equal({ encoder.name, encoder.dim, encoder.dtype }, { "rad-dino", 32, "f32" })
  assert(#encoder.outputs >= 1)
  local identity = encoder:identity { protocol = "exact" }
  assert(identity:find "^encoder=rad%-dino; weights=%x+; preprocessing=.*; output=pooler_output; dtype=f32; device=cpu$")
  assert(identity ~= encoder:identity { protocol = "chexgenbench" })
  equal(encoder:identity { output = "features" }, encoder:identity())
  raises(function() encoder:identity { protocol = "theirs" } end, "protocol")
  raises(function() encoder:identity { output = "logits" } end, "logits")
  assert(tostring(encoder):find "rad%-dino")
end)

test("the list of encoders", function()
  local list = model.encoders()
  equal({ #list, list[1].name, list[2].name }, { 4, "inception-v3", "rad-dino" })
  equal({ list[3].name, list[3].compares_sets, list[4].name, list[1].compares_sets }, { "patient-reid", false, "biovil-t", true })
  equal({ list[1].ending, list[2].ending, list[2].weights }, { "", " (RadDino)", "microsoft/rad-dino" })
  equal(list[1].roles, { logits = { chexgenbench = "2048", exact = "logits_unbiased", ending = "" } })
  equal(list[2].roles.neighbours.exact, encoder.outputs[1])
  equal(list[1].outputs, { "2048", "logits_unbiased", "logits" })
  for _, entry in ipairs(list) do assert(#entry.about > 0 and not entry.registered) end
end)

test("features", function()
  local ds = dataset.images(paths)
  local features = encoder:features(ds)
  equal({ features:shape(), features:dtype() }, { { 5, 32 }, "f32" })
  close(encoder:features(paths, { batch = 2 }), features:totable(), 1e-4)
  close(encoder:features({ picture(1), picture(2) }), features:narrow(1, 1, 2):totable(), 1e-4)
  assert(encoder:features(ds, { batch = 16 }) == features, "the same from run to run")
  equal(encoder:features(ds, { protocol = "chexgenbench" }):shape(), { 5, 32 })
  raises(function() encoder:features(3) end, "images")
  raises(function() encoder:features({ 1, 2 }) end, "images")
  raises(function() encoder:features(paths, { batch = 0 }) end, "batch")
  raises(function() encoder:features(paths, { bach = 1 }) end, "bach", "batch")
  raises(function() encoder:features(paths, { protocol = "x" }) end, "protocol", "exact")
  raises(function() encoder:features(paths, { output = "logits" }) end, "logits")
  raises(function() encoder:features { scratch .. "/none.png" } end, "none.png")
end)

test("forward", function()
  equal(encoder:forward(tensor.zeros { 2, 28, 28, 3 }):shape(), { 2, 32 })
  raises(function() encoder:forward(tensor.zeros { 28, 28, 3 }) end)
  raises(function() encoder:forward(tensor.zeros { 1, 5, 5, 3 }) end)
  raises(function() encoder:forward(3) end, "x", "Tensor")
end)

test("parameters", function()
  local list = model.parameters("inception-v3")
  assert(#list > 280 and type(list[1].name) == "string" and #list[1].shape >= 0)
  raises(function() model.parameters "resnet" end, "name", "resnet")
  raises(function() model.parameters("inception-v3", { confg = "" }) end, "confg", "config")
end)

test("loading is strict", function()
  local weights = tensor.load(folder .. "/model.safetensors")
  local some
  for name in pairs(weights) do some = some or name end
  local kept = weights[some]
  local bad = folder
  weights[some] = nil
  tensor.save(bad .. "/model.safetensors", weights)
  raises(function() model.encoder("rad-dino", { weights = bad }) end, some)
  weights[some] = tensor.zeros { 7, 7, 7 }
  tensor.save(bad .. "/model.safetensors", weights)
  raises(function() model.encoder("rad-dino", { weights = bad }) end, some, "[7, 7, 7]")
  weights[some], weights.extra = kept, tensor.zeros { 1 }
  tensor.save(bad .. "/model.safetensors", weights)
  raises(function() model.encoder("rad-dino", { weights = bad }) end, "extra")
  raises(function() model.encoder("rad-dino", { weights = scratch .. "/nothing" }) end, "nothing")
  raises(function() model.encoder("inception-v3", { weights = scratch .. "/nothing.pth" }) end, "nothing.pth")
  raises(function() model.encoder("rad-dyno") end, "rad-dyno", "rad-dino")
  raises(function() model.encoder("rad-dino", { weights = folder, dtype = "f8" }) end, "dtype")
  raises(function() model.encoder("rad-dino", { wieghts = folder }) end, "wieghts")
  raises(function() model.encoder("rad-dino", { weights = 3 }) end, "weights")
end)

test("models of one's own", function()
  model.register("mean-pixel", function(options)
    return { name = "mean-pixel", scale = options.scale, features = function(self, images) return tensor.full({ #images, 1 }, self.scale) end }
  end)
  equal(model.encoder("mean-pixel", { scale = 3 }):features({ 1, 2 }):totable(), { { 3.0 }, { 3.0 } })
  local Mine = { features = function(self) return self.n end }
  Mine.__index = Mine
  local kept
  model.register("mine", function()
    kept = setmetatable({ n = 7 }, Mine)
    return kept
  end)
  local mine = model.encoder "mine"
  equal({ rawequal(mine, kept), mine:features(), mine.name }, { true, 7, "mine" })
  raises(function() model.register("rad-dino", print) end, "name", "rad-dino")
  raises(function() model.register("x") end, "entry", "function")
  equal({ model.registered()[1].name, model.registered()[1].steps }, { "mean-pixel" })
  model.register("classes", { load = print, about = "mine", ending = " (Mine)", roles = { logits = "logits" } })
  model.register("draws", { load = print, steps = 3 })
  local mean, classes = model.encoders()[6], model.encoders()[5]
  equal({ #model.encoders(), mean.name, mean.ending, mean.registered }, { 7, "mean-pixel", " (mean-pixel)", true })
  equal({ classes.name, classes.about, classes.ending }, { "classes", "mine", " (Mine)" })
  equal(classes.roles, { logits = { chexgenbench = "logits", exact = "logits", ending = " (Mine)" } })
  raises(function() model.register("x", { load = print, roles = { neighbors = "features" } }) end, "neighbors", "neighbours")
end)

harness.report()
