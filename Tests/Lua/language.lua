-- Language models as scripts see them: a small Llama with weights from a generator.
local model = require "chexgen.model"
local tensor = require "chexgen.tensor"
local harness = require "harness"
local small = require "small_language"
local test, equal, close, raises = harness.test, harness.equal, harness.close, harness.raises
local scratch = SCRATCH or arg[#arg]

small.make(scratch)
local lm = model.language(scratch, { dtype = "f32", device = "cpu" })
local PROMPT = "The heart is"

test("fields and the tokenizer", function()
  equal({ lm.vocabulary_size, lm.positions, lm.dtype, lm.tokenizer.vocabulary_size }, { 258, 64, "f32", 258 })
  local ids = lm.tokenizer:encode "Hé</s>"
  equal({ ids:dtype(), ids:totable() }, { "i64", { 256, 72, 0xC3, 0xA9, 257 } })
  equal(lm.tokenizer:encode("a b", { special = false }):totable(), { 97, 32, 98 })
  equal({ lm.tokenizer:decode(ids), lm.tokenizer:decode { 72, 105 } }, { "Hé", "Hi" })
  raises(function() lm.tokenizer:decode(tensor.new { 1.5 }) end, "i64")
end)

test("scores", function()
  local ids = lm.tokenizer:encode(PROMPT):reshape { 1, 13 }
  local logits = lm:forward(ids)
  equal({ logits:shape(), logits:dtype() }, { { 1, 13, 258 }, "f32" })
  -- A score depends on what stands before it alone.
  close(lm:forward(ids:narrow(2, 1, 5)), logits:narrow(2, 1, 5):totable(), 1e-5)
  raises(function() lm:forward(tensor.full({ 1, 2 }, 258, "i64")) end, "258")
end)

test("greedy and sampled texts", function()
  local texts, ids = lm:generate { prompt = PROMPT, max_new_tokens = 6 }
  equal({ #texts, #ids, ids[1]:dtype() }, { 1, 1, "i64" })
  equal(lm.tokenizer:decode(ids[1]), texts[1])
  -- The greedy text by hand.
  local own = lm.tokenizer:encode(PROMPT):totable()
  for _, id in ipairs(ids[1]:totable()) do
    local logits = lm:forward(tensor.new({ own }, "i64"))
    equal(logits[1][#own]:argmax() - 1, id)
    own[#own + 1] = id
  end
  equal(select(2, lm:generate { prompt = lm.tokenizer:encode(PROMPT), max_new_tokens = 6 })[1]:totable(), ids[1]:totable())
  equal(select(2, lm:generate { prompt = lm.tokenizer:encode(PROMPT):totable(), max_new_tokens = 6 })[1]:totable(),
    ids[1]:totable())
  local settings = { prompt = { PROMPT, "Lungs", "" }, max_new_tokens = 20, temperature = 0.9, top_p = 0.95, top_k = 50, seed = 3 }
  local seen = {}
  settings.callback = function(index, text) seen[index] = text end
  local several = lm:generate(settings)
  equal(seen, several)
  settings.callback, settings.batch = nil, 1
  equal(lm:generate(settings), several)
  settings.prompt, settings.seed = "Lungs", 4
  equal(lm:generate(settings)[1], several[2])
end)

test("stops and allowed ids", function()
  local text = lm:generate({ prompt = PROMPT, max_new_tokens = 20, temperature = 1, allowed = { 97, 122 }, seed = 1 })[1]
  assert(text:find "^%l+$", text)
  local stop = text:sub(4, 5)
  local stopped = lm:generate { prompt = PROMPT, max_new_tokens = 20, temperature = 1, allowed = { 97, 122 }, seed = 1, stop = { stop } }
  equal(stopped[1], text:sub(1, (text:find(stop, 1, true)) - 1))
  raises(function() lm:generate { prompt = PROMPT, allowed = { 5, 258 } } end, "allowed")
  raises(function() lm:generate { prompt = PROMPT, allowed = { 5, 4 } } end, "allowed")
  raises(function() lm:generate { prompt = PROMPT, temperature = 0 } end, "temperature")
  raises(function() lm:generate { prompt = PROMPT, max_new_tokens = 0 } end, "max_new_tokens")
  raises(function() lm:generate { prompt = { "a", ("x"):rep(64) } } end, "prompt 2")
  raises(function() lm:generate { prompt = { 65, "b" } } end, "prompt[2]")
end)

test("a LoRA adds its products", function()
  small.make_lora(scratch)
  local ids = lm.tokenizer:encode(PROMPT):reshape { 1, 13 }
  local adapted = model.language(scratch, { lora = { path = scratch .. "/adapter_model.safetensors", scale = 1 } })
  assert(not adapted:forward(ids):allclose(lm:forward(ids)))
  local off = model.language(scratch, { lora = { path = scratch .. "/adapter_model.safetensors", scale = 0 } })
  close(off:forward(ids), lm:forward(ids):totable(), 0)
  raises(function() model.language(scratch, { device = "gpu" }) end, "device")
  raises(function() model.language(scratch, { loras = 1 }) end, "unknown option 'loras'")
end)

test("fine-tuning with a LoRA", function()
  local base = scratch .. "/base"
  require("chexgen").make_folder(base)
  small.make(base)
  local learner, texts = model.language(base, { dtype = "f32" }), {}
  for index, word in ipairs { "large", "small", "normal", "broad" } do
    texts[index] = { prompt = ("%s %d: "):format(PROMPT, index), answer = word }
  end
  local ids = lm.tokenizer:encode(PROMPT):reshape { 1, 13 }
  local before = learner:forward(ids)
  raises(function() learner:save(base .. "/adapter") end, "nothing to save")
  local settings = { train = texts, validation = { { prompt = { 256, 65 }, answer = tensor.new({ 66, 257 }, "i64") } }, rank = 4, alpha = 8,
    dropout = 0.1, epochs = 6, batch = 2, accumulation = 2, learning_rate = 0.01, warmup = 0.1, weight_decay = 0, clip = 1, seed = 3,
    max_length = 40, activation_checkpoints = true, checkpoint = base .. "/training.safetensors", checkpoint_every = 2 }
  for option, word in pairs { rank = "rank", fraction = "fraction", epochs = "epochs", max_length = "max_length" } do
    local wrong = {}
    for key, value in pairs(settings) do wrong[key] = value end
    wrong[option] = 0
    raises(function() learner:fit(wrong) end, word)
  end
  raises(function() learner:fit { train = {} } end, "no texts")
  raises(function() learner:fit { train = { { prompt = "a" } } } end, "train[1].answer")
  raises(function() learner:fit { train = { prompt = { "a", "b" }, answer = { "c" } } } end, "2 and 1")
  -- A training that is stopped leaves the model as it was, and goes on from its checkpoint.
  settings.on_step = function(step) if step.step == 3 then error "enough" end end
  raises(function() learner:fit(settings) end, "enough")
  equal(learner:forward(ids):totable(), before:totable())
  local seen, epochs = {}, {}
  settings.on_step = function(step) seen[#seen + 1] = step.step end
  settings.on_epoch = function(epoch) epochs[#epochs + 1] = epoch.epoch end
  local history = learner:fit(settings)
  equal({ #history.steps, #history.epochs, history.steps[1].steps }, { 6, 6, 6 })
  equal(seen[#seen], 6)
  assert(#seen < 6 and epochs[#epochs] == 6)
  assert(history.steps[6].loss < history.steps[1].loss, "the loss does not fall")
  assert(history.epochs[6].validation_loss > 0 and history.steps[1].gradient_norm > 0 and history.steps[1].seconds >= 0)
  local whole = model.language(base, { dtype = "f32" })
  settings.checkpoint, settings.on_step, settings.on_epoch = nil, nil, nil
  local again = whole:fit(settings)
  for step = 1, 6 do equal(again.steps[step].loss, history.steps[step].loss) end
  equal(whole:forward(ids):totable(), learner:forward(ids):totable())
  assert(not learner:forward(ids):allclose(before))
  learner:save(base .. "/adapter")
  local adapted = model.language(base, { dtype = "f32", lora = base .. "/adapter" })
  equal(adapted:forward(ids):totable(), learner:forward(ids):totable())
  raises(function() learner:fit(settings) end, "fine-tuned already")
  raises(function() adapted:fit(settings) end, "start")
  -- One prompt for all, a share of the set, and a start from a folder.
  local further = model.language(base, { dtype = "f32" }):fit { train = { prompt = PROMPT, answer = { " a", " b", " c", " d" } }, fraction = 0.5,
    rank = 4, alpha = 8, batch = 1, start = base .. "/adapter", shuffle = false }
  equal(#further.steps, 2)
end)

harness.report()
