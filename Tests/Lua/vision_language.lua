-- Language models that see images, as scripts see them.
local dataset = require "chexgen.dataset"
local image = require "chexgen.image"
local model = require "chexgen.model"
local tensor = require "chexgen.tensor"
local harness = require "harness"
local small = require "small_vision"
local test, equal, raises = harness.test, harness.equal, harness.raises
local scratch = SCRATCH or arg[#arg]

local places = small.make(scratch)
places.dtype = "f32"
local rad = model.vision_language("llava-rad", places)
local QUESTION = "Describe the findings."

local paths = {}
for i = 1, 3 do
  paths[i] = ("%s/film-%d.png"):format(scratch, i)
  image.save(paths[i], image.from_tensor((tensor.rand({ 30, 41 }, tensor.generator(i)) * 255):to "u8"))
end

test("fields", function()
  equal({ rad.name, rad.dtype, rad.tokenizer.vocabulary_size }, { "llava-rad", "f32", 258 })
  assert(rad.preprocessing:find "28 bicubic", rad.preprocessing)
  equal({ rad.identity.encoder, rad.identity.dtype, #rad.identity.weights }, { "llava-rad", "f32", 64 })
  raises(function() model.vision_language("llava-rad", { base = places.base, vision = places.vision }) end, "projector")
  raises(function() model.vision_language("blip", places) end, "llava-rad")
  local entry = model.vision_languages()[1]
  equal({ entry.name, entry.wanted }, { "llava-rad", { { "vision" }, { "adapter", "projector" } } })
  assert(entry.about:find "LLaVA%-Rad", entry.about)
  local blind = { base = places.base, projector = places.projector }
  raises(function() model.vision_language("llava-rad", blind) end, "wants `vision`")
end)

test("an image of a list gets the answer that it gets alone", function()
  local settings = { images = paths, prompt = QUESTION, max_new_tokens = 8, temperature = 1, seed = 3 }
  local texts, ids, skipped = rad:generate(settings)
  equal({ #texts, #ids, ids[1]:dtype(), skipped }, { 3, 3, "i64", {} })
  settings.images, settings.seed = { paths[2] }, 4
  equal(rad:generate(settings)[1], texts[2])
  -- Loaded images, a Dataset, a question for each.
  local loaded = {}
  for i, path in ipairs(paths) do loaded[i] = image.load(path) end
  settings = { images = loaded, prompt = { QUESTION, QUESTION, "Is there edema?" }, max_new_tokens = 8, batch = 2 }
  local several = rad:generate(settings)
  settings.images = dataset.folder { path = scratch, pattern = "film-*.png" }
  local seen = {}
  settings.callback = function(index, text) seen[index] = text:match "^%s*(.-)%s*$" end
  equal(rad:generate(settings), several)
  equal(seen, several)
  settings.prompt = { QUESTION, QUESTION }
  raises(function() rad:generate(settings) end, "3 images", "2")
  raises(function() rad:generate { images = paths, prompt = " " } end, "question")
end)

test("bad films are listed", function()
  local file <close> = assert(io.open(scratch .. "/broken.png", "w"))
  file:write "no film"
  file:flush()
  local films = { paths[1], scratch .. "/broken.png", paths[3] }
  raises(function() rad:generate { images = films, prompt = QUESTION, max_new_tokens = 2 } end, "broken.png")
  local texts, _, skipped = rad:generate { images = films, prompt = { "A?", "B?", "C?" }, max_new_tokens = 2, on_bad_image = "skip" }
  equal({ #texts, #skipped, skipped[1].index }, { 2, 1, 2 })
  equal(texts[2], rad:generate({ images = { paths[3] }, prompt = "C?", max_new_tokens = 2 })[1])
end)

test("films are looked at before the first step", function()
  local learner = model.vision_language("llava-rad", places)
  local settings = { train = { images = { paths[1], scratch .. "/broken.png", scratch .. "/none.png" }, prompt = QUESTION,
      answer = { "a", "b", "c" } },
    validation = { images = { scratch .. "/deep.png", paths[2] }, prompt = QUESTION, answer = { "a", "b" } }, rank = 2, batch = 1, epochs = 2 }
  raises(function() learner:fit(settings) end, "3 of 5", "broken.png", "none.png", "deep.png", "16-bit samples")
  -- What is wrong with the options is told first.
  settings.rank = 0
  raises(function() learner:fit(settings) end, "rank")
  settings.rank, settings.on_bad_image = 2, "skip"
  local stopped = { prompt = " ", images = { paths[1] }, answer = { "a" } }
  raises(function() learner:fit { train = stopped } end, "train.prompt", "question")
  raises(function() learner:fit { train = { images = { "none.png" }, prompt = QUESTION, answer = { "a" } }, on_bad_image = "skip" } end,
    "none of its 1 images")
  -- A question that leaves no room for its answer is told before the first step.
  local shown = 0
  raises(function()
    learner:fit { train = { images = paths, prompt = { "A?", "B?", ("long "):rep(400) }, answer = { "a", "b", "c" } }, rank = 2, batch = 1,
      on_step = function() shown = shown + 1 end }
  end, "train, text 3", "nothing is left to learn")
  equal(shown, 0)
  -- A film that changes is another one for the checkpoint.
  local path, checkpoint = scratch .. "/changing.png", scratch .. "/training.safetensors"
  local function film(seed) image.save(path, image.from_tensor((tensor.rand({ 30, 41 }, tensor.generator(seed)) * 255):to "u8")) end
  film(8)
  local own = { train = { images = { paths[1], path }, prompt = QUESTION, answer = { "a", "b" } }, rank = 2, batch = 1, checkpoint = checkpoint,
    checkpoint_every = 1, on_step = function() error "enough" end }
  raises(function() learner:fit(own) end, "enough")
  own.on_step = nil
  film(9)
  raises(function() learner:fit(own) end, "other texts or films")
  film(8)
  equal(#learner:fit(own).steps, 2)
  -- Those that were left out have their places among all.
  local history = model.vision_language("llava-rad", places):fit(settings)
  equal({ #history.steps, #history.skipped, history.skipped[1].index, history.skipped[2].index, history.skipped[3].index }, { 2, 3, 2, 3, 4 })
  settings.protocol = "chexgenbench"
  equal(#model.vision_language("llava-rad", places):fit(settings).skipped, 2)
end)

test("fine-tuning, and the folder that is saved", function()
  local learner = model.vision_language("llava-rad", places)
  local writing = { images = paths, prompt = QUESTION, max_new_tokens = 8 }
  local before = learner:generate(writing)
  raises(function() learner:save(scratch .. "/tuned") end, "nothing to save")
  local settings = { train = { images = paths, prompt = QUESTION, answer = { "clear", "edema", "small" } }, rank = 4, alpha = 8, epochs = 40, batch = 3,
    learning_rate = 0.01, dropout = 0, seed = 3, validation = { images = { paths[1] }, prompt = { QUESTION }, answer = { "clear" } } }
  raises(function() learner:fit { train = { images = paths, prompt = QUESTION, answer = { "a" } } } end, "each of 3 images")
  raises(function() learner:fit { train = { images = { "none.png" }, prompt = QUESTION, answer = { "a" } } } end, "1 of 1", "none.png")
  raises(function() learner:fit { train = { images = paths, prompts = QUESTION } } end, "prompts")
  local history = learner:fit(settings)
  equal({ #history.steps, #history.epochs }, { 40, 40 })
  assert(history.steps[40].loss < 0.5 * history.steps[1].loss, history.steps[40].loss)
  assert(history.epochs[40].validation_loss < history.epochs[1].validation_loss)
  local after = learner:generate(writing)
  assert(after[1] ~= before[1] or after[2] ~= before[2])
  learner:save(scratch .. "/tuned")
  local again = model.vision_language("llava-rad", { base = places.base, vision = places.vision, adapter = scratch .. "/tuned", dtype = "f32" })
  equal(again:generate(writing), after)
  raises(function() again:fit(settings) end, "without `adapter`")
  raises(function() learner:fit(settings) end, "fine-tuned already")
  local projector = tensor.load(scratch .. "/tuned/non_lora_trainables.bin")
  equal(projector["base_model.model.model.mm_projector.0.weight"]:shape(), { 32, 64 })
end)

harness.report()
