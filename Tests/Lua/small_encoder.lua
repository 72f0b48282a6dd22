--- Writes a RAD-DINO folder of two thin layers, with weights from a generator, for tests that need an encoder.
local model = require "chexgen.model"
local tensor = require "chexgen.tensor"

local CONFIG = [[{ "model_type": "dinov2", "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
  "image_size": 28, "patch_size": 14 }]]
local PROCESSOR = [[{ "image_processor_type": "BitImageProcessor", "do_resize": true, "size": { "shortest_edge": 28 },
  "crop_size": { "height": 28, "width": 28 }, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25] }]]

local function write(path, text)
  local file <close> = assert(io.open(path, "w"))
  file:write(text)
end

local small = {}

--- Makes the three files in a folder that exists.
function small.make(folder)
  write(folder .. "/config.json", CONFIG)
  write(folder .. "/preprocessor_config.json", PROCESSOR)
  local generator = tensor.generator(5)
  local weights = {}
  for _, parameter in ipairs(model.parameters("rad-dino", { config = folder })) do
    weights[parameter.name] = tensor.randn(parameter.shape, generator) * 0.2
  end
  tensor.save(folder .. "/model.safetensors", weights)
  return folder
end

return small
