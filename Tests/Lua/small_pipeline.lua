--- Writes a pipeline in diffusers' layout with thin networks and weights from a generator, for tests that need one. Its
--- images have 64 pixels a side. The folder must hold the folders unet, vae, text_encoder, tokenizer and scheduler.
local model = require "chexgen.model"
local tensor = require "chexgen.tensor"

local small = {}

--- The folders that must be there.
small.folders = { "unet", "vae", "text_encoder", "tokenizer", "scheduler" }

local INDEX = [[{ "_class_name": "StableDiffusionPipeline", "scheduler": ["diffusers", "%s"],
  "text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "CLIPTokenizer"],
  "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"],
  "safety_checker": [null, null], "feature_extractor": [null, null] }]]
local UNET = [[{ "_class_name": "UNet2DConditionModel", "sample_size": 8, "in_channels": 4, "out_channels": 4,
  "block_out_channels": [16, 32], "layers_per_block": 1, "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
  "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"], "cross_attention_dim": 32, "attention_head_dim": 2,
  "norm_num_groups": 8, "use_linear_projection": true }]]
local VAE = [[{ "_class_name": "AutoencoderKL", "in_channels": 3, "out_channels": 3, "latent_channels": 4,
  "block_out_channels": [8, 8, 16, 16], "layers_per_block": 1, "norm_num_groups": 4, "sample_size": 64,
  "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
  "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"],
  "scaling_factor": 0.18215 }]]
local TEXT = [[{ "model_type": "clip_text_model", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
  "num_attention_heads": 2, "vocab_size": %d, "max_position_embeddings": 77, "hidden_act": "quick_gelu" }]]

--- The schedulers of the family, as their files have them.
small.schedulers = {
  PNDMScheduler = [[{ "_class_name": "PNDMScheduler", "beta_start": 0.00085, "beta_end": 0.012,
    "beta_schedule": "scaled_linear", "skip_prk_steps": true, "set_alpha_to_one": false, "steps_offset": 1 }]],
  DDIMScheduler = [[{ "_class_name": "DDIMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "clip_sample": false,
    "beta_schedule": "scaled_linear", "set_alpha_to_one": false, "steps_offset": 1 }]],
}

local function write(path, text)
  local file <close> = assert(io.open(path, "w"))
  assert(file:write(text))
end

--- The letters that stand for the 256 bytes in CLIP's vocabulary: printable ones for themselves, the others from 256 on.
local function letters()
  local list, next_code = {}, 256
  for byte = 0, 255 do
    local own = byte >= 33 and byte <= 126 or byte >= 161 and byte ~= 173
    list[#list + 1] = utf8.char(own and byte or next_code)
    if not own then next_code = next_code + 1 end
  end
  return list
end

--- Writes vocab.json and merges.txt and returns the number of tokens.
local function tokenizer(folder)
  local tokens = letters()
  for i = 1, 256 do tokens[256 + i] = tokens[i] .. "</w>" end
  local merges = { "e f", "ef f", "i o", "io n</w>" }
  for _, merge in ipairs(merges) do tokens[#tokens + 1] = (merge:gsub(" ", "")) end
  tokens[#tokens + 1] = "<|startoftext|>"
  tokens[#tokens + 1] = "<|endoftext|>"
  local entries = {}
  for i, token in ipairs(tokens) do
    entries[i] = ('"%s": %d'):format(token:gsub('[\\"]', "\\%0"), i - 1)
  end
  write(folder .. "/vocab.json", "{" .. table.concat(entries, ", ") .. "}")
  write(folder .. "/merges.txt", "#version: 0.2\n" .. table.concat(merges, "\n") .. "\n")
  write(folder .. "/tokenizer_config.json", '{ "tokenizer_class": "CLIPTokenizer", "model_max_length": 77 }')
  return #tokens
end

--- Weights for a part's parameters: normalisations near 1, the rest small.
function small.weights(part, config, seed)
  local generator = tensor.generator(seed)
  local weights = {}
  for _, parameter in ipairs(model.parameters(part, { config = config })) do
    local value = tensor.randn(parameter.shape, generator) * 0.15
    -- Convolutions of 1 x 1 have four dimensions in diffusers' files.
    if #parameter.shape == 2 and parameter.name:find "conv" then
      value = value:reshape { parameter.shape[1], parameter.shape[2], 1, 1 }
    end
    local is_scale = #parameter.shape == 1 and parameter.name:find "weight$"
    -- transformers' files have a prefix before the names of the text model.
    local name = (part == "clip-text" and "text_model." or "") .. parameter.name
    weights[name] = is_scale and value + 1 or value
  end
  return weights
end

--- Makes a small BERT with its WordPiece tokenizer in a folder, as BioViL-T's is.
function small.make_bert(folder)
  local words = { "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "small", "left", "pleural", "effusion", "." }
  write(folder .. "/vocab.txt", table.concat(words, "\n") .. "\n")
  write(folder .. "/tokenizer_config.json", '{ "tokenizer_class": "BertTokenizer", "model_max_length": 512 }')
  write(folder .. "/config.json", ([[{ "model_type": "bert", "hidden_size": 32, "intermediate_size": 64,
    "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": %d, "max_position_embeddings": 128 }]]):format(#words))
  tensor.save(folder .. "/model.safetensors", small.weights("bert-text", folder, 4))
  return folder
end

--- Makes the files. `scheduler` is a name of `small.schedulers`.
function small.make(folder, scheduler)
  scheduler = scheduler or "PNDMScheduler"
  write(folder .. "/model_index.json", INDEX:format(scheduler))
  write(folder .. "/scheduler/scheduler_config.json", small.schedulers[scheduler])
  write(folder .. "/unet/config.json", UNET)
  write(folder .. "/vae/config.json", VAE)
  write(folder .. "/text_encoder/config.json", TEXT:format(tokenizer(folder .. "/tokenizer")))
  tensor.save(folder .. "/unet/diffusion_pytorch_model.safetensors", small.weights("unet", folder .. "/unet", 1))
  tensor.save(folder .. "/vae/diffusion_pytorch_model.safetensors", small.weights("vae", folder .. "/vae", 2))
  tensor.save(folder .. "/text_encoder/model.safetensors",
    small.weights("clip-text", folder .. "/text_encoder", 3))
  return folder
end

return small
