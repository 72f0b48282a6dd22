--- The text-to-image models that the program knows: one entry a model, with how it is loaded and the steps and guidance scale
--- that CheXGenBench runs it with. `require "chexgen.models"` makes the names known to `model.pipeline`; a model of one's own
--- is added in the same form, with `model.register` (see docs/adding-a-model.md).
---
--- Every entry takes `weights` (a folder in diffusers' layout or a Hub name, as of a fine-tuned copy) and `dtype`.

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

--- A loader for a folder in diffusers' layout, from the Hub where the options name no other.
local function diffusers(name, place)
  return function(options)
    check(name, options, { "weights", "dtype" })
    return model.pipeline(options.weights or place, { dtype = options.dtype })
  end
end

--- RadEdit is a denoiser alone: its autoencoder is SDXL's, its text encoder BioViL-T's, which reads 128 tokens without a mask.
--- `weights`, `vae` and `text_encoder` name the three sources.
local function radedit(options)
  check("radedit", options, { "weights", "vae", "text_encoder", "dtype" })
  local text = options.text_encoder or "microsoft/BiomedVLP-BioViL-T"
  return model.pipeline({
    unet = (options.weights or "microsoft/radedit") .. "/unet",
    vae = options.vae or "stabilityai/sdxl-vae",
    text_encoder = text,
    tokenizer = text,
    text_length = 128,
    scheduler = {
      _class_name = "DDIMScheduler", num_train_timesteps = 1000, beta_schedule = "linear", beta_start = 0.0001,
      beta_end = 0.02, clip_sample = false, prediction_type = "epsilon", timestep_spacing = "trailing",
      set_alpha_to_one = true, steps_offset = 1,
    },
  }, { dtype = options.dtype })
end

--- name, entry.
local models = {
  { "SD-V1-4", { about = "Stable Diffusion 1.4", load = diffusers("SD-V1-4", "CompVis/stable-diffusion-v1-4"),
    steps = 50, guidance_scale = 7.5 } },
  { "SD-V1-5", { about = "Stable Diffusion 1.5",
    load = diffusers("SD-V1-5", "stable-diffusion-v1-5/stable-diffusion-v1-5"), steps = 50, guidance_scale = 7.5 } },
  { "SD-V2", { about = "Stable Diffusion 2", load = diffusers("SD-V2", "stabilityai/stable-diffusion-2"),
    steps = 50, guidance_scale = 7.5 } },
  { "SD-V2-1", { about = "Stable Diffusion 2.1", load = diffusers("SD-V2-1", "stabilityai/stable-diffusion-2-1"),
    steps = 50, guidance_scale = 7.5 } },
  { "pixart_sigma", { about = "PixArt-Sigma, as CheXGenBench fine-tuned it",
    load = diffusers("pixart_sigma", "raman07/CheXGenBench-Models-Pixart-Sigma"), steps = 20, guidance_scale = 4.5 } },
  { "radedit", { about = "RadEdit", load = radedit, steps = 100, guidance_scale = 7.5 } },
}

for _, entry in ipairs(models) do model.register(entry[1], entry[2]) end

return models
