-- LLM-CXR as scripts see it: a small GPT-NeoX and a small VQGAN with weights from a generator, in the folders language and vqgan.
local chexgen = require "chexgen"
local image = require "chexgen.image"
local model = require "chexgen.model"
local tensor = require "chexgen.tensor"
local harness = require "harness"
local small = require "small_llmcxr"
local test, equal, close, raises = harness.test, harness.equal, harness.close, harness.raises
local scratch = SCRATCH or arg[#arg]
local language, vqgan = scratch .. "/language", scratch .. "/vqgan"

small.make_language(language)
small.make_vqgan(vqgan)
local pipe = model.pipeline(language, { vqgan = vqgan, dtype = "f32", device = "cpu" })
local REPORTS = { "No acute cardiopulmonary process.", "Small left effusion." }

test("what it is made of", function()
  equal({ pipe.class, pipe.dtype, pipe.size, pipe.scheduler, pipe.steps, pipe.guidance_scale },
    { "LLMCXRPipeline", "f32", 32, "none" })
  equal(pipe.lacks, { "eta", "guidance_scale", "height", "latents", "negative_prompt", "scheduler", "steps", "tiled", "width" })
  equal({ pipe.vqgan.codebook_size, pipe.vqgan.size, pipe.vqgan.codes }, { 24, 32, 16 })
  equal({ pipe.language.vocabulary_size, pipe.language.positions }, { 284, 1024 })
  equal({ pipe.unet, pipe.vae, pipe.tokenizer }, {})
  equal(pipe.language.tokenizer:encode("### Response:\n"):totable(), { 259 })
  local plan = pipe:memory()
  equal({ plan.parts[1].name, plan.parts[2].name, plan.phases[1].name }, { "language", "vqgan", "writing" })
  for _, options in ipairs { { dtype = "f32" }, { dtype = "bf16" }, { dtype = "bf16", stream = true } } do
    options.vqgan = vqgan
    local known, opened = model.pipeline_memory(language, options), model.pipeline(language, options):memory()
    equal({ known.peak, known.parts, known.phases }, { opened.peak, opened.parts, opened.phases })
  end
  assert(tostring(pipe):find("32 x 32", 1, true), tostring(pipe))
  local parts = model.pipeline { class = "LLMCXRPipeline", language = language, vqgan = vqgan }
  equal(parts.identity:match "files=%x+", pipe.identity:match "files=%x+")
end)

test("images and their codes", function()
  local seen, steps = {}, {}
  local images, codes = pipe:generate { prompt = REPORTS, seed = 3, mask = true, on_image = function(i) seen[#seen + 1] = i end,
    on_step = function(step, i, all) steps[#steps + 1] = { step, i, all } end }
  equal({ #images, images[1].width, images[1].height, codes:dtype(), codes:shape() }, { 2, 32, 32, "i64", { 2, 16 } })
  equal(seen, { 1, 2 })
  -- Both were written together, before the first step.
  equal(steps, {})
  assert(codes:min():item() >= 0 and codes:max():item() < 24)
  -- What the VQGAN draws, rounded down.
  local drawn = ((pipe.vqgan:decode(codes):clamp(-1, 1) + 1) / 2 * 255):to "u8"
  for i = 1, 2 do equal(images[i]:tensor():totable(), drawn[i]:totable()) end
  -- Alone it is the same, and its step can be watched.
  local latents
  local one, own = pipe:generate { prompt = REPORTS[2], seed = 4, mask = true, callback = function(_, x) latents = x end }
  equal(own:totable(), { codes[2]:totable() })
  equal(latents:totable(), own:totable())
  equal(one[1]:tensor():totable(), images[2]:tensor():totable())
  equal(select(2, pipe:generate { prompt = REPORTS, seed = { 3, 4 }, mask = true }):totable(), codes:totable())
  local other = select(2, pipe:generate { prompt = REPORTS[1], seed = 3, mask = true, temperature = 3, top_p = 1, top_k = 20,
    instruction = "Draw." })
  assert(not other:eq(codes:narrow(1, 1, 1)):to("f32"):min():item() ~= 1)
  local settings = pipe:settings { prompt = REPORTS, seed = 3 }
  equal({ settings.seeds, settings.lost_tokens, settings.scheduler, settings.steps, settings.width },
    { { 3, 4 }, { 0, 0 }, "none", nil, 32 })
end)

test("codes that are written ahead", function()
  local told
  local prompts = { "a", "b", "c", "d", "e", "f", "g", "h", "i" }
  local ready = pipe:prepare { prompt = prompts, seed = 3, mask = true, on_progress = function(done, all) told = { done, all } end }
  equal({ ready, told }, { 8, { 128, 128 } })
  equal(select(2, pipe:generate { prompt = "c", seed = 5, mask = true }):shape(), { 1, 16 })
end)

test("codes of images", function()
  local codes = tensor.new({ { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 23 } }, "i64")
  local pictures = pipe.vqgan:decode(codes)
  equal({ pictures:shape(), pictures:dtype() }, { { 1, 32, 32, 3 }, "f32" })
  local path = scratch .. "/wide.png"
  local picture = image.from_tensor((tensor.rand({ 48, 64, 3 }, tensor.generator(1)) * 255):to "u8")
  image.save(path, picture)
  local found = pipe.vqgan:encode { picture, path }
  equal({ found:shape(), found:dtype() }, { { 2, 16 }, "i64" })
  equal(found[1]:totable(), found[2]:totable())
  local own = picture:resize { width = 43, height = 32, filter = "lanczos" }:crop { left = 6, top = 0, width = 32, height = 32 }
  local values = own:tensor():to "f32" / 255 * 2 - 1
  equal(pipe.vqgan:encode(values:reshape { 1, 32, 32, 3 }):totable(), { found[1]:totable() })
  raises(function() pipe.vqgan:decode(codes + 1) end, "the codes go from 0 to 23, got 24")
  raises(function() pipe.vqgan:decode(codes:reshape { 16 }) end, "[N, 16]")
  raises(function() pipe.vqgan:encode {} end, "at least one")
  raises(function() pipe.vqgan:encode { 3 } end, "images[1]")
  -- A film of 16 bits, which 8 bits would turn white, is none of the exact protocol's.
  local deep = scratch .. "/deep.png"
  raises(function() pipe.vqgan:encode { path, deep, "none.png" } end, "2 of 3", "16-bit samples", "none.png")
  raises(function() pipe.vqgan:encode { image.load(deep) } end, "images[1]", "16-bit samples")
  equal(pipe.vqgan:encode({ deep, image.load(deep) }, { protocol = "chexgenbench" }):shape(), { 2, 16 })
end)

test("what it does not have, and what is wrong", function()
  for name, value in pairs { steps = 20, guidance_scale = 7.5, width = 32, height = 32, scheduler = "ddim",
    latents = tensor.zeros { 1, 4, 4, 4 }, negative_prompt = "x", eta = 1, tiled = true, max_sequence_length = 77 } do
    raises(function() pipe:generate { prompt = "a", mask = true, [name] = value } end, name)
  end
  raises(function() pipe:generate { prompt = "a", attempts = 2, seed = 1 } end, "none of 2 texts had the 16 codes")
  raises(function() pipe:generate { prompt = "a", temperature = -1 } end, "temperature")
  raises(function() pipe:encode_prompt "a" end, "no denoiser")
  raises(function() model.pipeline(language) end, "give vqgan")
  raises(function() model.pipeline(language, { vqgan = 3 }) end, "options.vqgan")
  equal({ #model.pipeline_places(), model.pipeline_places()[1].name, model.pipeline_places()[1].file }, { 1, "vqgan", "config.json" })
  raises(function() model.pipeline({ class = "LLMCXRPipeline", language = language, vqgan = vqgan }, { vqgan = vqgan }) end, "too")
  raises(function() model.pipeline { unet = language } end, "scheduler")
  raises(function() model.pipeline(language, { vqgan = vqgan, vqgans = 1 }) end, "unknown option 'vqgans'")
end)

test("a LoRA changes the language model", function()
  local generator, weights = tensor.generator(9), {}
  for _, part in ipairs { "gpt_neox.layers.0.attention.dense", "gpt_neox.layers.1.mlp.dense_4h_to_h" } do
    local inputs = part:find "mlp" and 64 or 32
    weights[("base_model.model.%s.lora_A.weight"):format(part)] = tensor.randn({ 4, inputs }, generator)
    weights[("base_model.model.%s.lora_B.weight"):format(part)] = tensor.randn({ 32, 4 }, generator)
  end
  tensor.save(scratch .. "/lora.safetensors", weights)
  local function codes(scale)
    local adapted = model.pipeline(language, { vqgan = vqgan, lora = { path = scratch .. "/lora.safetensors", scale = scale } })
    return select(2, adapted:generate { prompt = REPORTS, seed = 3, mask = true }):totable()
  end
  local plain = select(2, pipe:generate { prompt = REPORTS, seed = 3, mask = true }):totable()
  equal(codes(0), plain)
  assert(not pcall(equal, codes(1), plain))
end)

test("the registered name", function()
  require "chexgen.models"
  local registered = model.pipeline("llm-cxr", { weights = language, vqgan = vqgan, stream = true })
  equal({ registered.name, registered.steps }, { "llm-cxr" })
  equal(select(2, registered:generate { prompt = REPORTS, seed = 3, mask = true }):totable(),
    select(2, pipe:generate { prompt = REPORTS, seed = 3, mask = true }):totable())
  raises(function() model.pipeline("llm-cxr", { weights = language }) end, "vqgan")
  for _, entry in ipairs(model.encoders()) do assert(entry.name ~= "llm-cxr") end
end)

harness.report()
