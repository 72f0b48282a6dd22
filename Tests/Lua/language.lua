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

harness.report()
