--- Weight files of random networks, for running the program where no trained weights are at hand. Such a network is a fixed
--- random projection of an image: its distances say which of two sets lies nearer to a third under that projection, and
--- compare with each other only, never with published numbers.

local model = require "chexgen.model"
local tensor = require "chexgen.tensor"

local random_weights = {}

--- Sizes of the small vision transformer, under the keys of transformers' Dinov2Config.
local TRANSFORMER = {
  hidden_size = 64, layers = 4, heads = 4, image_size = 518, patch_size = 14,
}

local CONFIG = [[
{
  "architectures": ["Dinov2Model"],
  "model_type": "dinov2",
  "hidden_size": %d,
  "num_hidden_layers": %d,
  "num_attention_heads": %d,
  "mlp_ratio": 4,
  "hidden_act": "gelu",
  "layer_norm_eps": 1e-06,
  "image_size": %d,
  "patch_size": %d,
  "num_channels": 3,
  "qkv_bias": true,
  "use_swiglu_ffn": false
}
]]

--- The preprocessing of microsoft/rad-dino.
local PREPROCESSOR = [[
{
  "image_processor_type": "BitImageProcessor",
  "do_convert_rgb": true,
  "do_resize": true,
  "size": { "shortest_edge": 518 },
  "resample": 3,
  "do_center_crop": true,
  "crop_size": { "height": 518, "width": 518 },
  "do_rescale": true,
  "rescale_factor": 0.00392156862745098,
  "do_normalize": true,
  "image_mean": [0.5307, 0.5307, 0.5307],
  "image_std": [0.2583, 0.2583, 0.2583]
}
]]

local function write_text(path, text)
  local file <close> = assert(io.open(path, "w"))
  assert(file:write(text))
  assert(file:close())
end

--- How many inputs each output of a weight sums.
local function fan_in(shape)
  local count = 1
  for i = 2, #shape do count = count * shape[i] end
  return count
end

local function ends(name, ending) return name:sub(-#ending) == ending end

--- A tensor of InceptionV3: He's normal distribution for convolutions; batch norm that changes nothing.
local function inception_tensor(name, shape, generator)
  if ends(name, "conv.weight") then return tensor.randn(shape, generator) * math.sqrt(2 / fan_in(shape)) end
  if ends(name, "fc.weight") then return tensor.randn(shape, generator) * 0.02 end
  if ends(name, "bn.weight") or ends(name, "running_var") then return tensor.ones(shape) end
  return tensor.zeros(shape)
end

--- A tensor of DINOv2: projections that keep the size of what they are given, and layers at full scale, so that the class
--- token takes up what the patches hold.
local function transformer_tensor(name, shape, generator)
  if ends(name, "position_embeddings") then return tensor.randn(shape, generator) * 0.5 end
  if ends(name, "cls_token") or ends(name, "mask_token") then return tensor.randn(shape, generator) end
  if ends(name, "projection.weight") or #shape == 2 then
    local sharpened = ends(name, "query.weight") or ends(name, "key.weight")
    return tensor.randn(shape, generator) * ((sharpened and 1.5 or 1) / math.sqrt(fan_in(shape)))
  end
  if ends(name, "weight") or ends(name, "lambda1") then return tensor.ones(shape) end
  return tensor.zeros(shape)
end

local function write_weights(path, parameters, make, seed)
  local generator, weights = tensor.generator(seed), {}
  for _, parameter in ipairs(parameters) do
    weights[parameter.name] = make(parameter.name, parameter.shape, generator)
  end
  tensor.save(path, weights)
end

--- Writes random weights of both encoders into a folder that is there already, the same for the same seed. `place(name)`
--- gives the path of a file by its name and makes folders as it needs. Returns the two places for `model.encoder`:
--- `inception` (a file) and `rad_dino` (a folder).
function random_weights.write(place, seed)
  if type(place) == "string" then
    local folder = place
    place = function(name) return folder .. "/" .. name end
  end
  local inception = place("inception-v3.safetensors")
  write_weights(inception, model.parameters("inception-v3"), inception_tensor, seed)

  local sizes = TRANSFORMER
  local config = place("rad-dino/config.json")
  local folder = config:match("^(.*)/")
  write_text(config, CONFIG:format(sizes.hidden_size, sizes.layers, sizes.heads, sizes.image_size, sizes.patch_size))
  write_text(place("rad-dino/preprocessor_config.json"), PREPROCESSOR)
  local parameters = model.parameters("rad-dino", { config = folder })
  write_weights(place("rad-dino/model.safetensors"), parameters, transformer_tensor, seed + 1)
  return { inception = inception, rad_dino = folder }
end

return random_weights
