-- Text-to-image pipelines as scripts see them: thin networks with weights from a generator, 64 x 64 pixels.
local image = require "chexgen.image"
local model = require "chexgen.model"
local tensor = require "chexgen.tensor"
local harness = require "harness"
local small = require "small_pipeline"
local test, equal, close, raises = harness.test, harness.equal, harness.close, harness.raises
local scratch = SCRATCH or arg[#arg]

small.make(scratch)
local pipe = model.pipeline(scratch, { dtype = "f32" })
local PROMPT = "Small left pleural effusion."

local function same(a, b) return a:tensor() == b:tensor() end

test("fields", function()
  equal({ pipe.name, pipe.dtype, pipe.scheduler, pipe.size, pipe.steps, pipe.guidance_scale },
    { scratch, "f32", "pndm", 64, 50, 7.5 })
  assert(tostring(pipe):find "64 x 64" and pipe.identity:find "files=")
  equal({ pipe.unet.latent_channels, pipe.unet.sample_size, pipe.unet.context_width }, { 4, 8, 32 })
  equal({ pipe.vae.scaling_factor, pipe.vae.shift_factor, pipe.vae.scale }, { 0.18215, 0.0, 8 })
  equal({ pipe.tokenizer.length, pipe.tokenizer.vocabulary_size }, { 77, 518 })
end)

test("the parts, one by one, are the pipeline", function()
  local ids = pipe.tokenizer:encode { PROMPT, "" }
  equal({ ids:shape(), ids:dtype(), pipe.tokenizer:lost { PROMPT, "" } }, { { 2, 77 }, "i64", { 0, 0 } })
  equal(pipe.tokenizer:lost(("effusion "):rep(100)), { 325 })
  local mask = pipe.tokenizer:mask { PROMPT, "" }
  equal({ mask:dtype(), mask[2]:totable()[2], mask[2]:totable()[3] }, { "i64", 1, 0 })
  equal(pipe.tokenizer:encode("effusion ion"):narrow(2, 1, 6):totable(), { { 516, 513, 117, 115, 515, 515 } })
  local states = pipe.text_encoder:forward(ids)
  -- The contract composes them: nothing gives more values than it says.
  equal(select("#", pipe.tokenizer:encode(PROMPT)), 1)
  equal(pipe.text_encoder:forward(pipe.tokenizer:encode(PROMPT)):shape(), { 1, 77, 32 })
  -- A causal model's tokens do not see the padding behind them, so that a mask changes only the padding's states.
  local masked = pipe.text_encoder:forward(ids, { mask = mask })
  close(masked:narrow(2, 1, 2), states:narrow(2, 1, 2):totable(), 1e-5)
  assert(not masked:allclose(states))
  raises(function() pipe.text_encoder:forward(ids, { mask = mask[1] }) end, "mask")
  equal({ states:shape(), states:dtype() }, { { 2, 77, 32 }, "f32" })
  close(pipe.text_encoder:forward(ids[1]), states:narrow(1, 1, 1):totable(), 1e-5)
  local latents = tensor.randn({ 2, 8, 8, 4 }, tensor.generator(1))
  local answer = pipe.unet:forward(latents, 981, states)
  equal(answer:shape(), { 2, 8, 8, 4 })
  close(pipe.unet:forward(latents:narrow(1, 2, 1), 981, states:narrow(1, 2, 1)), answer:narrow(1, 2, 1):totable(), 1e-4)
  -- One step of DDIM from noise, made by hand of the parts.
  local kept
  local images = pipe:generate { prompt = PROMPT, steps = 1, seed = 5, guidance_scale = 1, scheduler = "ddim",
    callback = function(_, after) kept = after end }
  local decoded = pipe.vae:decode(kept / pipe.vae.scaling_factor)
  equal(decoded:shape(), { 1, 64, 64, 3 })
  local levels = ((decoded / 2 + 0.5):clamp(0, 1) * 255):reshape { 64, 64, 3 }
  close(((images[1]:tensor():to "f32") - levels):abs():max():item(), 0, 0.501)
  equal(pipe.vae:encode(decoded):shape(), { 1, 8, 8, 4 })
  equal(pipe.vae:decode(kept, { tiled = true }):shape(), { 1, 64, 64, 3 })
  raises(function() pipe.tokenizer:encode(("effusion "):rep(100), { overflow = "error" }) end, "tokens", "75")
  raises(function() pipe.tokenizer:encode(3) end, "text")
  raises(function() pipe.text_encoder:forward(states) end, "ids", "i64")
  raises(function() pipe.unet:forward(latents, 981, states:narrow(1, 1, 1)) end, "context")
  raises(function() pipe.vae:decode(tensor.zeros { 1, 8, 8, 3 }) end, "latents")
  raises(function() pipe.vae:encode(tensor.zeros { 1, 63, 64, 3 }) end, "multiples of 8")
end)

test("an image is the same alone, in any list and in any order", function()
  local wanted = { prompt = { PROMPT, "", "Clear lungs" }, steps = 3, seed = 10 }
  local images, details = pipe:generate(wanted), pipe:settings(wanted)
  equal(select("#", pipe:generate { prompt = PROMPT, steps = 1 }), 1)
  equal({ #images, images[1].width, images[1].height, images[1].mode }, { 3, 64, 64, "rgb" })
  equal(details, { seeds = { 10, 11, 12 }, lost_tokens = { 0, 0, 0 }, steps = 3, guidance_scale = 7.5,
    scheduler = "pndm", width = 64, height = 64 })
  assert(not same(images[1], images[3]))
  assert(same(pipe:generate { prompt = "Clear lungs", steps = 3, seed = 12 }[1], images[3]))
  local turned = pipe:generate { prompt = { "Clear lungs", PROMPT }, steps = 3, seed = { 12, 10 } }
  assert(same(turned[1], images[3]) and same(turned[2], images[1]))
  local size = pipe:generate { prompt = PROMPT, steps = 1, width = 48, height = 80, guidance_scale = 1 }[1]
  equal({ size.width, size.height }, { 48, 80 })
end)

test("texts are encoded ahead, and kept", function()
  local wanted = { prompt = { PROMPT, "Clear lungs" }, steps = 2, seed = 3, keep = scratch .. "/kept" }
  equal(pipe:prepare(wanted), 2)
  -- Another process finds the files; what it makes of them is the same.
  local other <close> = model.pipeline(scratch, { dtype = "f32" })
  local told = {}
  wanted.on_progress = function(done, all) told[#told + 1] = { done, all } end
  equal({ other:prepare(wanted), other.encoded_texts, told }, { 2, 0, {} })
  wanted.negative_prompt = "film"
  equal({ other:prepare(wanted), other.encoded_texts, told }, { 2, 1, { { 2, 3 } } })
  wanted.keep, wanted.on_progress, wanted.negative_prompt = nil, nil, nil
  local images = other:generate(wanted)
  assert(same(images[2], pipe:generate { prompt = "Clear lungs", steps = 2, seed = 4 }[1]))
  equal(pipe:prepare { prompt = PROMPT }, 1)
  raises(function() pipe:prepare { prompt = {} } end, "prompt")
  raises(function() pipe:prepare { prompt = PROMPT, keep = "/proc/nowhere" } end, "/proc/nowhere")
  -- Four texts of 9.9 kB each.
  local again <close> = model.pipeline(scratch, { dtype = "f32" })
  pipe:forget_texts(scratch .. "/kept", 100000)
  again:prepare { prompt = PROMPT, keep = scratch .. "/kept" }
  equal(again.encoded_texts, 0)
  pipe:forget_texts(scratch .. "/kept")
  again:prepare { prompt = "Clear lungs", keep = scratch .. "/kept" }
  equal(again.encoded_texts, 2)
  raises(function() pipe:forget_texts(scratch, -1) end, "above", "0 or more")
  raises(function() pipe:forget_texts "/proc" end, "/proc", "may not write")
end)

test("options change the image", function()
  local function make(options)
    options.prompt, options.seed, options.steps = PROMPT, 4, options.steps or 3
    return pipe:generate(options)[1]
  end
  local plain = make {}
  assert(same(make { negative_prompt = "" }, plain) and not same(make { negative_prompt = "film" }, plain))
  assert(not same(make { guidance_scale = 2 }, plain) and not same(make { steps = 4 }, plain))
  local ddim = make { scheduler = "ddim" }
  assert(not same(ddim, plain) and same(make { scheduler = "DDIMScheduler" }, ddim))
  assert(not same(make { scheduler = "ddim", eta = 1 }, ddim))
  for _, name in ipairs { "ddpm", "euler", "euler_ancestral", "dpm_solver_multistep" } do make { scheduler = name } end
  -- PyTorch's noise of the seed is the beginning, which may also be given.
  local noise = tensor.randn({ 1, 4, 8, 8 }, tensor.generator(4)):permute(1, 3, 4, 2)
  assert(same(make { latents = noise }, plain))
  assert(not same(make { latents = noise * 0.5 }, plain))
  assert(same(make { tiled = true }, plain), "an image of one tile")
  equal(pipe:settings({ prompt = ("effusion "):rep(100), steps = 1 }).lost_tokens, { 325 })
end)

test("callbacks", function()
  local seen = {}
  pipe:generate { prompt = { "a", "b" }, steps = 2, seed = 1, on_image = function(i, made) seen[#seen + 1] = { i, made.width } end,
    callback = function(step, latents, number, steps)
      seen[#seen + 1] = { number, step, steps }
      equal(latents:shape(), { 1, 8, 8, 4 })
      latents:select(1, 1)[1] = 1e9   -- A copy: nothing comes of it.
    end }
  -- PNDM's second call goes back to the first timestep.
  equal(seen, { { 1, 1, 3 }, { 1, 2, 3 }, { 1, 3, 3 }, { 1, 64 }, { 2, 1, 3 }, { 2, 2, 3 }, { 2, 3, 3 }, { 2, 64 } })
  local steps = {}
  pipe:generate { prompt = { "a" }, steps = 2, seed = 1, on_step = function(...) steps[#steps + 1] = { ... } end }
  equal(steps, { { 1, 1, 3 }, { 2, 1, 3 }, { 3, 1, 3 } })
  local kept = {}
  raises(function()
    pipe:generate { prompt = { "a", "b" }, steps = 1, on_image = function(i) kept[#kept + 1] = i end,
      callback = function(_, _, number) if number == 2 then error "enough" end end }
  end, "pipeline.lua", "enough")
  equal(kept, { 1 })
end)

test("what the denoiser reads of texts", function()
  local context, details = pipe:encode_prompt { PROMPT, "" }
  equal({ context:shape(), context:dtype(), next(details) }, { { 2, 77, 32 }, "f32" })
  close(context, pipe.text_encoder:forward(pipe.tokenizer:encode { PROMPT, "" }):totable(), 1e-6)
  assert(pipe:encode_prompt(PROMPT) == context:narrow(1, 1, 1))
  raises(function() pipe:encode_prompt(("effusion "):rep(100), { overflow = "error" }) end, "tokens")
  raises(function() pipe:encode_prompt {} end, "text", "empty")
  -- Options of other families are known, and refused by name.
  for name, value in pairs { max_sequence_length = 30, instruction = true, system_prompt = "x", cfg_trunc_ratio = 0.5,
    cfg_normalization = "whole" } do
    raises(function() pipe:generate { prompt = PROMPT, steps = 1, [name] = value } end, "StableDiffusionPipeline", name)
    raises(function() pipe:encode_prompt(PROMPT, { [name] = value }) end, "StableDiffusionPipeline", name)
  end
  raises(function() pipe:generate { prompt = PROMPT, cfg_normalization = "wole" } end, "cfg_normalization", "\"row\" or \"whole\"", "wole")
  local latents = tensor.zeros { 1, 8, 8, 4 }
  raises(function() pipe.unet:forward(latents, 1, context:narrow(1, 1, 1), { pooled = latents }) end, "pooled")
  raises(function() pipe.unet:forward(latents, 1, context:narrow(1, 1, 1), { mask = latents }) end, "mask")
  equal({ pipe.class, pipe.notes }, { "StableDiffusionPipeline", {} })
  equal({ pipe.transformer, pipe.text_encoder_2, pipe.text_encoder_3, pipe.tokenizer_2, pipe.tokenizer_3 }, {})
end)

test("options of families are listed, and experiments take them as parameters", function()
  local by_name = {}
  for _, option in ipairs(model.pipeline_options()) do by_name[option.name] = option end
  equal({ by_name.cfg_trunc_ratio.type, by_name.cfg_trunc_ratio.classes }, { "number", { "Lumina2Pipeline", "Lumina2Text2ImgPipeline" } })
  equal({ by_name.mask.type, by_name.instruction.type }, { "boolean", "boolean or string" })
  local taken = {}
  for _, name in ipairs(require "chexgen.generation".untyped) do taken[name] = true end
  local texts = require "chexgen.help".texts
  for name, option in pairs(by_name) do
    assert(taken[name] and texts[name] ~= "" and option.about ~= "", name)
  end
  assert(texts.cfg_trunc_ratio:find("of Lumina2Pipeline", 1, true), texts.cfg_trunc_ratio)
end)

test("wrong options are named", function()
  local function bad(options, ...)
    options.prompt = options.prompt or PROMPT
    raises(function() pipe:generate(options) end, ...)
  end
  bad({ steps = 0 }, "steps", "got 0")
  bad({ steps = 1001 }, "1 to 1000 steps", "1001")
  bad({ steps = 1, width = 60 }, "width", "multiple of 8", "60")
  bad({ steps = 1, height = 0 }, "height", "multiple of 8")
  bad({ steps = 1, scheduler = "ddmi" }, "scheduler", "ddmi", "ddim")
  bad({ steps = 1, guidance_scale = 0 / 0 }, "guidance_scale")
  bad({ steps = 1, eta = 2 }, "eta", "0 to 1")
  bad({ steps = 1, seed = { 1, 2 } }, "seed", "1 seeds", "got 2")
  bad({ steps = 1, negative_prompt = { "a", "b" } }, "negative_prompt", "got 2")
  bad({ steps = 1, latents = tensor.zeros { 1, 8, 8, 3 } }, "latents", "[1, 8, 8, 4]")
  bad({ steps = 1, latents = tensor.full({ 1, 8, 8, 4 }, 0 / 0) }, "after step 1", "latents")
  bad({ steps = 1, overflow = "cut" }, "overflow", "truncate")
  bad({ steps = 1, prompt = ("effusion "):rep(100), overflow = "error" }, "tokens", "overflow")
  bad({ prompt = {} }, "prompt", "empty")
  bad({ prompt = 3 }, "prompt")
  bad({ stesp = 1 }, "stesp", "steps")
  raises(function() pipe:generate {} end, "prompt")
  -- The images before one that fails are there.
  local noise, kept = tensor.randn({ 2, 8, 8, 4 }, tensor.generator(1)), 0
  noise[2] = tensor.full({ 8, 8, 4 }, 0 / 0)
  bad({ prompt = { "a", "b" }, steps = 1, latents = noise, on_image = function() kept = kept + 1 end }, "latents")
  equal(kept, 1)
end)

test("a state of other options is not taken up", function()
  local state = scratch .. "/state.safetensors"
  tensor.save(state, { identity = tensor.zeros({ 64 }, "u8"), latents = tensor.zeros { 1, 8, 8, 4 } })
  local plain = pipe:generate { prompt = PROMPT, steps = 2, seed = 1 }[1]
  assert(same(pipe:generate { prompt = PROMPT, steps = 2, seed = 1, state = state }[1], plain))
  equal(io.open(state), nil)
  raises(function() pipe:generate { prompt = PROMPT, state = "/nowhere/state" } end, "/nowhere")
end)

test("dtypes", function()
  local half = model.pipeline(scratch, { dtype = "bf16" })
  equal(half.dtype, "bf16")
  local a = pipe:generate { prompt = PROMPT, steps = 2, seed = 1 }[1]:tensor():to "f32"
  local b = half:generate { prompt = PROMPT, steps = 2, seed = 1 }[1]:tensor():to "f32"
  local distance = (a - b):abs():mean():item()
  assert(distance > 0 and distance < 12, distance)
  raises(function() model.pipeline(scratch, { dtype = "f64" }) end, "dtype", "bf16")
  raises(function() model.pipeline(scratch, { dytpe = "f32" }) end, "dytpe")
end)

test("a pipeline from parts", function()
  local scheduler = { _class_name = "DDIMScheduler", beta_schedule = "linear", beta_start = 0.0001, beta_end = 0.02,
    clip_sample = false, timestep_spacing = "trailing", set_alpha_to_one = true }
  local source = { unet = scratch .. "/unet", vae = scratch .. "/vae", text_encoder = scratch .. "/text_encoder",
    tokenizer = scratch .. "/tokenizer", scheduler = scheduler, text_length = 40 }
  local own = model.pipeline(source)
  equal({ own.scheduler, own.tokenizer.length }, { "ddim", 40 })
  local first
  own:generate { prompt = PROMPT, steps = 10, callback = function(step) first = first or step end }
  equal(first, 1)
  source.text_length = 99
  raises(function() model.pipeline(source) end, "99", "77")
  source.text_length, scheduler._class_name = nil, "NoScheduler"
  raises(function() model.pipeline(source) end, "NoScheduler")
  scheduler._class_name, scheduler.beta_shedule = "DDIMScheduler", "linear"
  raises(function() model.pipeline(source) end, "beta_shedule")
  source.scheduler, source.vae = { _class_name = "DDIMScheduler" }, "some/vae"
  raises(function() model.pipeline(source) end, "some/vae", "config.json", "huggingface-cli download")
  source.unet = nil
  raises(function() model.pipeline(source) end, "unet")
end)

test("LoRA", function()
  local function write(name, tensors)
    local path = ("%s/%s.safetensors"):format(scratch, name)
    tensor.save(path, tensors)
    return path
  end
  local generator = tensor.generator(9)
  local layer, text = "unet.mid_block.attentions.0.proj_in", "text_encoder.text_model.encoder.layers.1.mlp.fc1"
  local one = write("one", {
    [layer .. ".lora_A.weight"] = tensor.randn({ 2, 32 }, generator), [layer .. ".lora_B.weight"] = tensor.randn({ 32, 2 }, generator),
    [text .. ".lora_A.weight"] = tensor.randn({ 3, 32 }, generator), [text .. ".lora_B.weight"] = tensor.randn({ 64, 3 }, generator),
  })
  local two = write("two", {
    ["mid_block.attentions.0.proj_in.lora_A.weight"] = tensor.randn({ 1, 32 }, generator),
    ["mid_block.attentions.0.proj_in.lora_B.weight"] = tensor.randn({ 32, 1 }, generator),
  })
  local options = { prompt = PROMPT, steps = 2, seed = 3 }
  local plain = pipe:generate(options)[1]
  local function picture(lora)
    local own = model.pipeline(scratch, { lora = lora })
    return own:generate(options)[1], own
  end
  local full, own = picture(one)
  assert(not same(full, plain) and own.identity ~= pipe.identity)
  assert(own.identity:find "lora=%x+@1%.0$" and table.concat(own.notes):find "text_encoder %(1%), unet %(1%)")
  assert(same(picture { path = one, scale = 0 }, plain))
  assert(same(picture { one }, full) and not same(picture { path = one, scale = 0.5 }, full))
  local both, second = picture { one, { path = two, scale = 0.5, part = "unet" } }
  assert(not same(both, full) and second.identity:find "@1%.0%+%x+@0%.5$")
  -- A registered model hands it on.
  require "chexgen.models"
  equal(model.pipeline("SD-V1-5", { weights = scratch, lora = one }).identity:match "lora=.*", own.identity:match "lora=.*")
  for value, words in pairs {
    [scratch .. "/none.safetensors"] = { "none.safetensors was not found" }, [3] = { "options.lora", "wanted a path" },
    [{ scale = 1 }] = { "options.lora", "path" }, [{ { path = one, scale = "x" } }] = { "options.lora[1]", "scale" },
    [{ path = one, alpha = 1 }] = { "alpha", "known: part, path, scale" }, [{ path = one, part = "tail" }] = { "tail", "unet" },
    [{ path = two, part = "text_encoder" }] = { "matched 0 of 1 layers", "text_encoder" },
    [{ path = one, scale = 0 / 0 }] = { "scale" },
  } do
    raises(function() model.pipeline(scratch, { lora = value }) end, table.unpack(words))
  end
end)

test("memory", function()
  local plan = pipe:memory()
  local names, weights = {}, 0
  for i, part in ipairs(plan.parts) do names[i], weights = part.name, weights + part.weights end
  equal(names, { "text_encoder", "unet", "vae" })
  equal({ plan.peak, plan.phases[3].name, plan.phases[3].bytes }, { weights, "decoding", weights })
  assert(plan.free > 0 and plan.text:find "weights in f32: text_encoder %d+ MB, unet")
  local streamed = model.pipeline(scratch, { stream = true })
  assert(streamed:memory().peak < plan.peak and streamed:memory().text:find "streamed")
  local options = { prompt = PROMPT, steps = 3, seed = 11 }
  assert(same(streamed:generate(options)[1], pipe:generate(options)[1]))
  equal(streamed.identity, pipe.identity)
  -- The same is known before there is a pipeline.
  local function sizes(found) return { found.peak, found.parts, found.phases, found.refusal } end
  equal(sizes(model.pipeline_memory(scratch, { dtype = "f32" })), sizes(plan))
  equal(sizes(model.pipeline_memory(scratch, { dtype = "f32", stream = true })), sizes(streamed:memory()))
  equal(model.pipeline_memory(scratch, { dtype = "bf16" }).peak, plan.peak // 2)
  raises(function() model.pipeline_memory(scratch, { streams = true }) end, "did you mean 'stream'")
  raises(function() model.pipeline_memory(scratch .. "/none") end, "none/model_index.json")
  raises(function() model.pipeline_memory(scratch, { dtype = "f16" }) end, "dtype")
  raises(function() model.pipeline(scratch, { stream = 1 }) end, "options.stream", "true or false")
end)

test("the registry", function()
  local models = require "chexgen.models"
  local constants = {}
  for _, entry in ipairs(models) do constants[entry[1]] = { entry[2].steps, entry[2].guidance_scale } end
  equal({ constants["SD-V1-4"], constants["SD-V1-5"], constants["SD-V2"], constants["SD-V2-1"], constants.radedit,
      constants.pixart_sigma, constants.sana, constants["SD-V3-5"], constants.flux, constants.lumina }, { { 50, 7.5 }, { 50, 7.5 }, { 50, 7.5 },
      { 50, 7.5 }, { 100, 7.5 }, { 20, 4.5 }, { 20, 4.5 }, { 40, 4.5 }, { 50, 3.5 },
      { 50, 4.0 } })
  equal({ #model.registered(), constants["llm-cxr"] }, { 11, { 1 } })
  -- What the program knows is what the module registers, in this order.
  for i, known in ipairs(model.generators()) do
    equal({ models[i][1], models[i][2].about, models[i].places, models[i].wanted, models[i].settings },
      { known.name, known.about, known.places, known.wanted, known.settings })
  end
  for _, entry in ipairs(models) do
    if entry[1] == "lumina" then equal(entry.settings, { cfg_trunc_ratio = 0.25 }) end
  end
  local known = model.pipeline("SD-V1-5", { weights = scratch })
  equal({ known.name, known.steps, known.guidance_scale }, { "SD-V1-5", 50, 7.5 })
  raises(function() model.pipeline("SD-V1-5", { weight = scratch }) end, "weight", "weights")
  raises(function() model.pipeline("SD-V2-1", { weights = scratch .. "/none" }) end, "none/model_index.json")
  raises(function() model.pipeline "SD-V1-6" end, "SD-V1-6", "SD-V1-")
  raises(function() model.pipeline("radedit", { weights = "some/radedit" }) end, "unet/config.json of some/radedit")

  -- RadEdit comes from three places: a denoiser alone, another model's autoencoder, and a BERT.
  small.make_bert(scratch)
  local edit = model.pipeline("radedit", { weights = scratch, vae = scratch .. "/vae", text_encoder = scratch })
  equal({ edit.name, edit.steps, edit.scheduler, edit.tokenizer.length }, { "radedit", 100, "ddim", 128 })
  local ids = edit.tokenizer:encode "Small left effusion."
  equal(ids:narrow(2, 1, 8):totable(), { { 2, 5, 6, 8, 9, 3, 0, 0 } })
  equal({ ids:shape(), edit.text_encoder:forward(ids):shape() }, { { 1, 128 }, { 1, 128, 32 } })
  equal(edit:generate({ prompt = PROMPT, steps = 2 })[1].width, 64)
  -- What it holds is known before it is opened.
  local function sizes(found) return { found.peak, found.parts, found.phases } end
  local places = { weights = scratch, vae = scratch .. "/vae", text_encoder = scratch }
  equal(sizes(model.pipeline_memory("radedit", places)), sizes(edit:memory()))
  places.dtype = "bf16"
  equal(model.pipeline_memory("radedit", places).peak, edit:memory().peak // 2)
  raises(function() model.pipeline_memory("radedit", { vea = scratch }) end, "vea", "vae")

  model.register("mine", { about = "A test.", steps = 4, guidance_scale = 2,
    load = function(options) return model.pipeline(options.weights, { dtype = options.dtype }) end })
  local mine = model.pipeline("mine", { weights = scratch })
  equal({ mine.name, mine.steps, mine.guidance_scale }, { "mine", 4, 2.0 })
  equal(model.pipeline_memory("mine", { weights = scratch }), nil)
  -- One that says what is opened is the same, and its plan is known.
  model.register("said", { steps = 4, source = function(options) return options.weights, { stream = options.stream } end })
  local said = model.pipeline("said", { weights = scratch })
  equal({ said.name, said.steps, said.identity:match " .*" }, { "said", 4, mine.identity:match " .*" })
  equal(sizes(model.pipeline_memory("said", { weights = scratch })), sizes(mine:memory()))
  assert(model.pipeline_memory("said", { weights = scratch, stream = true }).peak < mine:memory().peak)
  raises(function() model.pipeline "said" end, "source")
  for _, encoder in ipairs(model.encoders()) do assert(encoder.name ~= "said") end
  local details = mine:settings { prompt = PROMPT }
  equal({ details.steps, details.guidance_scale }, { 4, 2.0 })
  -- An object of Lua's own does as well.
  model.register("gray", { steps = 1, load = function()
    return { generate = function(self, options)
      return { image.from_tensor(tensor.full({ 8, 8, 3 }, options.level, "u8")) }
    end }
  end })
  local gray = model.pipeline "gray"
  equal({ gray.name, gray.steps }, { "gray", 1 })
  equal(gray:generate { level = 7 }[1]:tensor():totable()[1][1], { 7, 7, 7 })
  raises(function() model.register("bad", { load = print, stesp = 3 }) end, "stesp", "steps")
  raises(function() model.register("bad", { load = print, steps = 0 }) end, "steps")
  raises(function() model.register("bad", {}) end, "source", "load")
  raises(function() model.register("bad", { load = print, source = print }) end, "either")
end)

test("damaged folders are named", function()
  local function with(path, text, ...)
    local file <close> = assert(io.open(path, "rb"))
    local before = file:read "a"
    local function put(content)
      local out <close> = assert(io.open(path, "wb"))
      out:write(content)
    end
    put(text(before))
    raises(function() model.pipeline(scratch) end, ...)
    put(before)
  end
  local unet = scratch .. "/unet/diffusion_pytorch_model.safetensors"
  with(unet, function(text) return text:sub(1, #text // 2) end, "unet/diffusion_pytorch_model.safetensors")
  with(unet, function() return "" end, "unet/diffusion_pytorch_model.safetensors")
  with(scratch .. "/unet/config.json", function(text) return (text:gsub('"attention_head_dim": 2', '"attention_head_dim": 3')) end,
    "unet/config.json", "heads")
  with(scratch .. "/unet/config.json", function(text) return (text:gsub('"sample_size"', '"simple_size"')) end, "simple_size")
  with(scratch .. "/scheduler/scheduler_config.json", function(text) return (text:gsub("PNDM", "Magic")) end,
    "scheduler_config.json", "MagicScheduler")
  with(scratch .. "/model_index.json", function(text) return (text:gsub("StableDiffusionPipeline", "HunyuanDiTPipeline")) end,
    "model_index.json", "HunyuanDiTPipeline")
  with(scratch .. "/tokenizer/vocab.json", function(text) return text:sub(1, 100) end, "tokenizer/vocab.json")
  local weights = tensor.load(scratch .. "/vae/diffusion_pytorch_model.safetensors")
  local name = next(weights)
  local kept = weights[name]
  weights[name] = nil
  tensor.save(scratch .. "/vae/diffusion_pytorch_model.safetensors", weights)
  raises(function() model.pipeline(scratch) end, "vae", "missing", name)
  weights[name] = tensor.zeros { 3, 1, 2 }
  tensor.save(scratch .. "/vae/diffusion_pytorch_model.safetensors", weights)
  raises(function() model.pipeline(scratch) end, "vae", name, "[3, 1, 2]")
  weights[name] = kept
  tensor.save(scratch .. "/vae/diffusion_pytorch_model.safetensors", weights)
  model.pipeline(scratch)
  raises(function() model.pipeline(scratch .. "/nothing") end, "nothing/model_index.json")
  raises(function() model.pipeline(3) end, "source")
  model.pipeline(scratch, { device = "cpu" }):close()
  raises(function() model.pipeline(scratch, { device = "cuda" }) end, "device", "cuda", "cpu")
end)

test("folders of other schedulers, and of newer versions", function()
  local path, text = scratch .. "/scheduler/scheduler_config.json", small.schedulers.PNDMScheduler
  local pipe = model.pipeline(scratch)
  local function with(content, body)
    local out <close> = assert(io.open(path, "w"))
    assert(out:write(content))
    out:close()
    body(model.pipeline(scratch))
  end
  local options = { prompt = PROMPT, steps = 2, seed = 3 }
  local function made(pipeline, scheduler)
    options.scheduler = scheduler
    return pipeline:generate(options)[1]
  end
  local ddim = made(pipe, "ddim")
  -- The program lacks it: a named scheduler takes its options, as diffusers' `from_config` does.
  with(text:gsub("PNDMScheduler", "LMSDiscreteScheduler"), function(other)
    equal(other.scheduler, "LMSDiscreteScheduler")
    assert(same(made(other, "ddim"), ddim))
    raises(function() made(other) end, "LMSDiscreteScheduler", "not implemented", "ddim")
    raises(function() other:settings { prompt = PROMPT } end, "LMSDiscreteScheduler")
  end)
  with(text:gsub("PNDMScheduler", "DDPMScheduler"), function(other)
    equal(other.scheduler, "ddpm")
    assert(same(made(other, "ddim"), ddim))
    made(other)
  end)
  with(text:gsub("{", '{ "from_a_newer_version": false, "another": null,', 1), function(newer)
    equal(#newer.notes, 1)
    assert(newer.notes[1]:find("from_a_newer_version", 1, true))
    assert(same(made(newer), made(pipe)))
  end)
  raises(function() with(text:gsub("{", '{ "from_a_newer_version": 1,', 1), print) end, "from_a_newer_version")
  with(text, function() end)
end)

test("parameters of the parts", function()
  for _, part in ipairs { "unet", "vae" } do
    local list = model.parameters(part, { config = scratch .. "/" .. part })
    assert(#list > 50 and #list[1].shape >= 1)
  end
  assert(#model.parameters("clip-text", { config = scratch .. "/text_encoder" }) > 20)
  raises(function() model.parameters "unet" end, "config.json")
  raises(function() model.parameters("vae", { config = scratch }) end, "config.json")
end)

test("closed pipelines", function()
  local short = model.pipeline(scratch)
  short:close()
  raises(function() short:generate { prompt = "a" } end, "closed")
end)

harness.report()
