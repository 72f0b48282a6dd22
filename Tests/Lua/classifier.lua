-- Classifiers as scripts see them: a ResNet-18 on a few small images.
local model = require "chexgen.model"
local dataset = require "chexgen.dataset"
local image = require "chexgen.image"
local tensor = require "chexgen.tensor"
local harness = require "harness"
local test, equal, close, raises = harness.test, harness.equal, harness.close, harness.raises
local scratch = SCRATCH or arg[#arg]

test("what a classification asks of the machine follows from its network", function()
  local classification = require "chexgen.classification"
  local asked
  local start = { params = classification.params(), needs = function(_, disk, memory) asked = { disk, memory } end }
  for _, name in ipairs { "problem", "table", "folder" } do start[name] = function() end end
  -- PyTorch's counts of parameters, the head of fourteen classes, and the running statistics of the norms.
  for network, count in pairs { resnet18 = 11183694 + 9600, resnet50 = 23536718 + 53120 } do
    start.params.network = network
    classification.check(start)
    equal(asked, { 7 * 4 * count, 4 * 4 * count })
  end
  asked, start.params.network = nil, "resnet19"
  classification.check(start)
  equal(asked, nil)
  equal(#model.parameters("resnet18", { classes = 3 }), #model.parameters "resnet18")
  raises(function() model.parameters("resnet18", { classes = 0 }) end, "classes")
end)

local paths = {}
for i = 1, 4 do
  paths[i] = ("%s/film%d.png"):format(scratch, i)
  image.save(paths[i], image.from_tensor((tensor.rand({ 24, 20, 3 }, tensor.generator(i)) * 255):to "u8"))
end
local labels = tensor.new { { 1, 0 }, { 0, 1 }, { 1, 1 }, { 0, 0 } }

local function bytes(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

local function write(path, text)
  local file <close> = assert(io.open(path, "wb"))
  file:write(text)
end

local function fitted(options)
  local net = model.classifier("resnet18", { classes = 2, seed = 1 })
  local all = { train = { paths, labels }, epochs = 1, batch = 2, seed = 3 }
  for key, value in pairs(options or {}) do all[key] = value end
  return net, net:fit(all)
end

test("making", function()
  local net = model.classifier("resnet18", { classes = 2 })
  equal({ net.name, net.classes }, { "resnet18", 2 })
  assert(tostring(net):find("resnet18", 1, true))
  equal(model.classifier("densenet121").classes, 14)
  equal(model.classifiers[3], "resnet50")
  equal(net:forward(tensor.zeros { 2, 64, 64, 3 }):shape(), { 2, 2 })
  raises(function() net:forward(tensor.zeros { 64, 64, 3 }) end, "N, H, W, 3")
  raises(function() model.classifier("resnet52") end, "name", "resnet50")
  raises(function() model.classifier("resnet18", { clases = 2 }) end, "clases", "classes")
  raises(function() model.classifier("resnet18", { classes = 0 }) end, "classes", "0")
  raises(function() model.classifier("resnet18", { weights = scratch .. "/none.pth" }) end, "none.pth")
end)

test("what is saved is the same again", function()
  local seen = {}
  local net, history = fitted { validation = { paths = { paths[1] }, labels = labels:narrow(1, 1, 1) },
    on_epoch = function(e) seen[#seen + 1] = e.epoch end }
  equal(seen, { 1 })
  equal({ #history, history[1].epoch, history[1].learning_rate }, { 1, 1, 1e-4 })
  assert(history[1].train_loss > 0 and history[1].validation_loss > 0 and history[1].seconds > 0)
  local probabilities, _, _, hashes = net:predict(paths, { batch = 3 })
  equal({ #hashes, #hashes[1] }, { #paths, 64 })
  equal(probabilities:shape(), { 4, 2 })
  local file = scratch .. "/net.safetensors"
  net:save(file)
  local loaded = model.load_classifier(file)
  equal({ loaded.name, loaded.classes }, { "resnet18", 2 })
  assert(loaded:predict(dataset.images(paths)) == probabilities)
  -- A second training begins with a new optimizer, as that of a loaded network does.
  for _, each in ipairs { net, loaded } do each:fit { train = { paths, labels }, epochs = 1, batch = 2, seed = 4 } end
  assert(net:predict(paths) == loaded:predict(paths))
  -- Another number of classes takes all but the head.
  equal(model.classifier("resnet18", { classes = 3, weights = file }):forward(tensor.zeros { 1, 32, 32, 3 }):shape(), { 1, 3 })
  raises(function() model.load_classifier(paths[1]) end, "film1.png")
  raises(function() net:save "/etc/net.safetensors" end, "/etc/net.safetensors")
  raises(function() net:predict(paths, { batch = 0 }) end, "batch")
  raises(function() net:predict { 1 } end, "images")
  raises(function() net:predict { scratch .. "/none.png" } end, "none.png")
end)

test("training goes on where it was stopped", function()
  local whole = fitted { epochs = 2, best = scratch .. "/best.safetensors" }
  local state = scratch .. "/state.safetensors"
  local stop = pcall(fitted, { epochs = 2, checkpoint = state, on_epoch = function() error "stop" end })
  equal(stop, false)
  local resumed, history = fitted { epochs = 2, checkpoint = state }
  equal(#history, 2)
  whole:save(scratch .. "/whole.safetensors")
  resumed:save(scratch .. "/resumed.safetensors")
  assert(bytes(scratch .. "/whole.safetensors") == bytes(scratch .. "/resumed.safetensors"))
  equal(model.load_classifier(scratch .. "/best.safetensors").name, "resnet18")
  raises(function() fitted { epochs = 2, checkpoint = state, batch = 4 } end, "state.safetensors", "batch 2")
  raises(function() fitted { epochs = 2, checkpoint = state, train = { paths, 1 - labels } } end, "state.safetensors", "labels")
end)

test("labels of a table", function()
  local csv = scratch .. "/labels.csv"
  write(csv, [[path,chexpert_labels
film1.png,"{'Edema': 1.0, 'Pneumonia': -1.0}"
film2.png,"{'Edema': 0.0, 'Pneumonia': None}"
]])
  local ds = dataset.csv { path = csv, image_dir = scratch, image = "path", labels = "chexpert_labels" }
  local function fit(options)
    local net = model.classifier("resnet18", { classes = 14, seed = 1 })
    options.train, options.epochs, options.augment, options.shuffle = ds, 1, false, false
    return net:fit(options)[1].train_loss
  end
  raises(function() fit {} end, "uncertain", "missing = 0")
  raises(function() fit { uncertain = 2, missing = 0 } end, "uncertain", "ignore")
  raises(function() fit { uncertain = "drop", missing = 0 } end, "uncertain", "ignore")
  local zeros, ones, without = fit { uncertain = 0, missing = 0 }, fit { uncertain = 1, missing = 0 },
    fit { uncertain = "ignore", missing = "ignore" }
  assert(zeros ~= ones and zeros ~= without and without > 0)
end)

test("wrong data", function()
  local broken = scratch .. "/broken.png"
  write(broken, "\x89PNG\r\n\x1a\n")
  local some = { { paths[1], broken }, labels:narrow(1, 1, 2) }
  raises(function() fitted { train = some } end, "1 of 2", "broken.png")
  local _, history = fitted { train = some, on_bad_image = "skip" }
  equal({ #history.skipped, history.skipped[1].path }, { 1, broken })
  raises(function() fitted { train = { { broken }, labels:narrow(1, 1, 1) }, on_bad_image = "skip" } end, "without images")
  raises(function() fitted { train = { {}, tensor.zeros { 0, 2 } } } end, "without images")
  raises(function() fitted { train = { paths, labels:narrow(1, 1, 3) } } end, "[4, classes]", "[3, 2]")
  raises(function() fitted { train = { paths, tensor.zeros { 4, 3 } } } end, "2", "3")
  raises(function() fitted { train = { paths, labels * 2 } } end, "film1.png", "2")
  raises(function() fitted { train = { paths, "x" } } end, "train", "Tensor")
  raises(function() fitted { train = 3 } end, "train", "Dataset")
  raises(function() fitted { epochs = 0 } end, "epochs")
  raises(function() fitted { batch = 0 } end, "batch")
  raises(function() fitted { learning_rate = -1 } end, "learning_rate")
  raises(function() fitted { clip_norm = 0 } end, "clip_norm")
  raises(function() fitted { lr = 1 } end, "lr")
  raises(function() fitted { schedule = "linear" } end, "schedule")
  raises(function() fitted { schedule = { kind = "step", size = 0 } } end, "size")
  raises(function() fitted { schedule = { kind = "plateau", factor = 2 } } end, "factor")
  raises(function() fitted { optimizer = "adan" } end, "optimizer", "adam")
  raises(function() fitted { learning_rate = 1e30, batch = 1, shuffle = false } end, "epoch 1", "film2.png")
  raises(function() fitted { learning_rate = 1e38, batch = 4, validation = { paths, labels } } end, "validation", "epoch 1")
  local kept, left = model.check_images { paths[1], broken, paths[2] }
  equal({ kept:totable(), left[1].index, left[1].path }, { { 1, 3 }, 2, broken })
end)

test("optimizers and schedules", function()
  for _, optimizer in ipairs { "adamw", "sgd" } do
    local _, history = fitted { optimizer = optimizer, momentum = 0.9, clip_norm = 1,
      schedule = { kind = "step", size = 1, factor = 0.5 } }
    assert(history[1].train_loss > 0)
  end
  local _, history = fitted { epochs = 2, schedule = "cosine" }
  close(history[2].learning_rate, 0.5e-4, 1e-12)
end)

harness.report()
