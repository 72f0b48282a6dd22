--- The text-to-image models that the program knows: one entry a model, with how it is loaded and the steps and guidance scale
--- that CheXGenBench runs it with. `require "chexgen.models"` makes the names known to `model.pipeline`; a model of one's own
--- is added in the same form, with `model.register` (see docs/adding-a-model.md).
---
--- Every entry takes `weights` (a folder in diffusers' layout or a Hub name, as of a fine-tuned copy), `dtype`, `lora`,
--- `stream` and `device`, as `model.pipeline` does; `llm-cxr` takes `vqgan`, too.

local model = require "chexgen.model"

--- Raises for options that a loader does not know.
local function check(name, options, known)
  for key in pairs(options) do
    local is_known = false
    for _, other in ipairs(known) do is_known = is_known or key == other end
    if not is_known then
      error(("%s: unknown option '%s'; known: %s"):format(name, key, table.concat(known, ", ")), 0)
    end
  end
end

--- A folder or Hub name as a place, also where a registered model is called so: `weights: sana` is the folder.
local function place_of(weights)
  for _, entry in ipairs(model.registered()) do
    if entry.name == weights then return "./" .. weights end
  end
  return weights
end

--- A loader for a folder in diffusers' layout, from the Hub where the options name no other.
local function diffusers(name, place)
  return function(options)
    check(name, options, { "weights", "dtype", "lora", "stream", "device" })
    return model.pipeline(place_of(options.weights or place),
      { dtype = options.dtype, lora = options.lora, stream = options.stream, device = options.device })
  end
end

--- Where RadEdit's parts come from.
local RADEDIT = { weights = "microsoft/radedit", vae = "stabilityai/sdxl-vae", text_encoder = "microsoft/BiomedVLP-BioViL-T" }

--- RadEdit is a denoiser alone: its autoencoder is SDXL's, its text encoder BioViL-T's, which reads 128 tokens without a mask.
--- `weights`, `vae` and `text_encoder` name the three sources.
local function radedit(options)
  check("radedit", options, { "weights", "vae", "text_encoder", "dtype", "lora", "stream", "device" })
  local text = options.text_encoder or RADEDIT.text_encoder
  return model.pipeline({
    unet = (options.weights or RADEDIT.weights) .. "/unet",
    vae = options.vae or RADEDIT.vae,
    text_encoder = text,
    tokenizer = text,
    text_length = 128,
    scheduler = {
      _class_name = "DDIMScheduler", num_train_timesteps = 1000, beta_schedule = "linear", beta_start = 0.0001,
      beta_end = 0.02, clip_sample = false, prediction_type = "epsilon", timestep_spacing = "trailing",
      set_alpha_to_one = true, steps_offset = 1,
    },
  }, { dtype = options.dtype, lora = options.lora, stream = options.stream, device = options.device })
end

--- LLM-CXR is a GPT-NeoX and a VQGAN, which its authors publish as two archives: `weights` and `vqgan` are their folders. The published
--- code and weights are of Dolly's 3b, whose sizes its config.json has; CheXGenBench's table says 12B.
local function llm_cxr(options)
  check("llm-cxr", options, { "weights", "vqgan", "dtype", "lora", "stream", "device" })
  if not options.weights or not options.vqgan then
    error("llm-cxr: it is on no Hub: give weights, the folder of its GPT-NeoX, and vqgan, the folder with the .yaml and the .ckpt of its "
      .. "VQGAN", 0)
  end
  return model.pipeline(place_of(options.weights),
    { vqgan = options.vqgan, dtype = options.dtype, lora = options.lora, stream = options.stream, device = options.device })
end

--- The entry of a folder in diffusers' layout: name, where it lies, what it is, the reference's steps and guidance scale, and the
--- other settings with which `generate` follows it.
local function folder(name, place, about, steps, guidance_scale, settings)
  return { name, { about = about, load = diffusers(name, place), steps = steps, guidance_scale = guidance_scale },
    places = { { place, "model_index.json" } }, settings = settings }
end

--- name, entry, and the folders or Hub names that it is loaded from, the model's own weights first, each with a file in it; or the options
--- that must be given (`wanted`).
local models = {
  folder("SD-V1-4", "CompVis/stable-diffusion-v1-4", "Stable Diffusion 1.4", 50, 7.5),
  folder("SD-V1-5", "stable-diffusion-v1-5/stable-diffusion-v1-5", "Stable Diffusion 1.5", 50, 7.5),
  folder("SD-V2", "stabilityai/stable-diffusion-2", "Stable Diffusion 2", 50, 7.5),
  folder("SD-V2-1", "stabilityai/stable-diffusion-2-1", "Stable Diffusion 2.1", 50, 7.5),
  folder("pixart_sigma", "raman07/CheXGenBench-Models-Pixart-Sigma", "PixArt-Sigma, as CheXGenBench fine-tuned it", 20, 4.5),
  folder("sana", "raman07/CheXGenBench-Models-Sana-e20", "Sana 0.6B, as CheXGenBench fine-tuned it", 20, 4.5),
  folder("SD-V3-5", "stabilityai/stable-diffusion-3.5-medium", "Stable Diffusion 3.5 Medium", 40, 4.5, { max_sequence_length = 512 }),
  folder("flux", "black-forest-labs/FLUX.1-dev", "FLUX.1 dev", 50, 3.5),
  folder("lumina", "Alpha-VLLM/Lumina-Image-2.0", "Lumina-Image 2.0", 50, 4.0, { cfg_trunc_ratio = 0.25 }),
  { "radedit", { about = "RadEdit", load = radedit, steps = 100, guidance_scale = 7.5 },
    places = { { RADEDIT.weights, "unet/config.json" }, { RADEDIT.vae, "config.json" }, { RADEDIT.text_encoder, "config.json" } } },
  -- It has no steps; the number says that it is a generator.
  { "llm-cxr", { about = "LLM-CXR: a GPT-NeoX that writes the codes of a VQGAN", load = llm_cxr, steps = 1 },
    wanted = { "weights", "vqgan" } },
}

for _, entry in ipairs(models) do model.register(entry[1], entry[2]) end

return models
