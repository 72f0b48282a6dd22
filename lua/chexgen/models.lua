--- The text-to-image models that the program knows (`model.generators`): one entry a model, with what is opened and the steps and
--- guidance scale that CheXGenBench runs it with. `require "chexgen.models"` makes the names known to `model.pipeline`; a model of one's own
--- is added in the same form, with `model.register` (see docs/adding-a-model.md).
---
--- Every entry takes `weights` (a folder in diffusers' layout or a Hub name, as of a fine-tuned copy), `dtype`, `lora`,
--- `stream` and `device`, as `model.pipeline` does; `llm-cxr` takes `vqgan`, too.

local model = require "chexgen.model"

--- What every model takes of `model.pipeline`'s options, handed on, and the places of parts in `beside`. Raises for options that
--- are neither these nor in `others`.
local function handed_on(name, options, others, beside)
  local known, handed = { "weights", table.unpack(others) }, beside or {}
  for _, key in ipairs { "dtype", "lora", "stream", "device" } do known[#known + 1], handed[key] = key, options[key] end
  for key in pairs(options) do
    local is_known = false
    for _, other in ipairs(known) do is_known = is_known or key == other end
    if not is_known then
      error(("%s: unknown option '%s'; known: %s"):format(name, key, table.concat(known, ", ")), 0)
    end
  end
  return handed
end

--- A folder or Hub name as a place, also where a registered model is called so: `weights: sana` is the folder.
local function place_of(weights)
  for _, entry in ipairs(model.registered()) do
    if entry.name == weights then return "./" .. weights end
  end
  return weights
end

--- A folder in diffusers' layout, the Hub's where the options name no other.
local function diffusers(name, place)
  return function(options) return place_of(options.weights or place), handed_on(name, options, {}) end
end

--- The entries of the program, by their names.
local known = {}
for _, entry in ipairs(model.generators()) do known[entry.name] = entry end

--- RadEdit is a denoiser alone: its autoencoder is SDXL's, its text encoder BioViL-T's, which reads 128 tokens without a mask.
--- `weights`, `vae` and `text_encoder` name the three sources.
local function radedit(options)
  local handed = handed_on("radedit", options, { "vae", "text_encoder" })
  local weights, vae, text_encoder = table.unpack(known.radedit.places)
  local text = options.text_encoder or text_encoder[1]
  return {
    unet = (options.weights or weights[1]) .. "/unet",
    vae = options.vae or vae[1],
    text_encoder = text,
    tokenizer = text,
    text_length = 128,
    scheduler = {
      _class_name = "DDIMScheduler", num_train_timesteps = 1000, beta_schedule = "linear", beta_start = 0.0001,
      beta_end = 0.02, clip_sample = false, prediction_type = "epsilon", timestep_spacing = "trailing",
      set_alpha_to_one = true, steps_offset = 1,
    },
  }, handed
end

--- LLM-CXR is a GPT-NeoX and a VQGAN, which its authors publish as two archives: `weights` and `vqgan` are their folders. The published
--- code and weights are of Dolly's 3b, whose sizes its config.json has; CheXGenBench's table says 12B.
local function llm_cxr(options)
  local handed = handed_on("llm-cxr", options, { "vqgan" }, { vqgan = options.vqgan })
  if not options.weights or not options.vqgan then
    error("llm-cxr: it is on no Hub: give weights, the folder of its GPT-NeoX, and vqgan, the folder with the .yaml and the .ckpt of its "
      .. "VQGAN", 0)
  end
  return place_of(options.weights), handed
end

--- What is opened of those whose folder is not in diffusers' layout.
local sources = { radedit = radedit, ["llm-cxr"] = llm_cxr }

--- name, entry, and the folders or Hub names that it is loaded from, the model's own weights first, each with a file in it; or the options
--- that must be given (`wanted`).
local models = {}
for i, entry in ipairs(model.generators()) do
  local source = sources[entry.name] or diffusers(entry.name, entry.places[1][1])
  models[i] = { entry.name, { about = entry.about, source = source, steps = entry.steps, guidance_scale = entry.guidance_scale },
    places = entry.places, settings = entry.settings, wanted = entry.wanted }
end

for _, entry in ipairs(models) do model.register(entry[1], entry[2]) end

return models
