-- A small LLaVA-Rad of the small Llama, with weights from a generator: films of 28 pixels, 2 × 2 patches.
local chexgen = require "chexgen"
local small = require "small_language"
local tensor = require "chexgen.tensor"

local vision = {}

local WIDTH, LAYERS = 64, 2

local function write(path, text)
  local file <close> = assert(io.open(path, "w"))
  file:write(text)
end

--- Makes the folders `base` and `vision` and the file `mm_projector.bin` below a folder, and gives their places as
--- `model.vision_language` takes them.
function vision.make(folder)
  for _, name in ipairs { "base", "vision" } do chexgen.make_folder(folder .. "/" .. name) end
  small.make(folder .. "/base", 512)
  write(folder .. "/vision/tower.json",
    [[{"embed_dim": 16, "vision_cfg": {"timm_model_name": "vit_small_patch14_dinov2", "image_size": 28}, "text_cfg": {}}]])
  local generator, weights = tensor.generator(7), {}
  local function add(name, ...)
    local shape = { ... }
    local values = tensor.randn(shape, generator)
    weights["visual.trunk." .. name] = #shape == 1 and values * 0.1 + (name:find "weight" and 1 or 0) or values * 0.15
  end
  add("cls_token", 1, 1, WIDTH)
  add("pos_embed", 1, 5, WIDTH)
  add("patch_embed.proj.weight", WIDTH, 3, 14, 14)
  for _, name in ipairs { "patch_embed.proj.bias", "norm.weight", "norm.bias" } do add(name, WIDTH) end
  for layer = 0, LAYERS - 1 do
    local block = ("blocks.%d."):format(layer)
    for _, name in ipairs { "norm1.weight", "norm1.bias", "attn.proj.bias", "ls1.gamma", "norm2.weight", "norm2.bias", "mlp.fc2.bias",
      "ls2.gamma" } do add(block .. name, WIDTH) end
    add(block .. "attn.qkv.weight", 3 * WIDTH, WIDTH)
    add(block .. "attn.qkv.bias", 3 * WIDTH)
    add(block .. "attn.proj.weight", WIDTH, WIDTH)
    add(block .. "mlp.fc1.weight", 2 * WIDTH, WIDTH)
    add(block .. "mlp.fc1.bias", 2 * WIDTH)
    add(block .. "mlp.fc2.weight", WIDTH, 2 * WIDTH)
  end
  tensor.save(folder .. "/vision/tower.safetensors", weights)
  local projector = {}
  for place, inputs in pairs { [0] = WIDTH, [2] = 32 } do
    projector[("model.mm_projector.%d.weight"):format(place)] = tensor.randn({ 32, inputs }, generator) * 0.3
    projector[("model.mm_projector.%d.bias"):format(place)] = tensor.randn({ 32 }, generator)
  end
  tensor.save(folder .. "/mm_projector.safetensors", projector)
  return { base = folder .. "/base", vision = folder .. "/vision", projector = folder .. "/mm_projector.safetensors" }
end

return vision
