-- A small LLM-CXR: a GPT-NeoX with a byte-level tokenizer of letters alone, whose last 24 ids are codes, and a VQGAN of 16 codes an image
-- of 32 x 32 pixels. Both with weights from a generator.
local model = require "chexgen.model"
local tensor = require "chexgen.tensor"
local small_language = require "small_language"

local small = { codes = 24, first = 260, per_image = 16, size = 32 }

local function write(path, text)
  local file <close> = assert(io.open(path, "w"))
  file:write(text)
end

--- Weights for a network's parameters, those of its normalisations near 1.
local function weights(name, folder, seed)
  local generator, made = tensor.generator(seed), {}
  for _, parameter in ipairs(model.parameters(name, { config = folder })) do
    local values, inputs = tensor.randn(parameter.shape, generator), 1
    for i = 2, #parameter.shape do inputs = inputs * parameter.shape[i] end
    if #parameter.shape == 1 then
      values = values * 0.1 + (parameter.name:find "weight$" and 1 or 0)
    else
      values = values / math.sqrt(inputs)
    end
    made[parameter.name] = parameter.name == "embed_out.weight" and values * 4 or values
  end
  return made
end

--- Makes the folder of the language model, which must be there.
function small.make_language(folder)
  write(folder .. "/config.json", ([[{"model_type": "gpt_neox", "vocab_size": %d, "hidden_size": 32, "intermediate_size": 64,
    "num_hidden_layers": 2, "num_attention_heads": 2, "rotary_pct": 0.5, "max_position_embeddings": 1024, "eos_token_id": 256}]])
    :format(small.first + small.codes))
  local added = {}
  for i, text in ipairs { "<|endoftext|>", "### End", "### Instruction:", "### Response:\\n" } do
    added[i] = ('{"id": %d, "content": "%s", "special": true, "normalized": false}'):format(255 + i, text)
  end
  write(folder .. "/tokenizer.json", ([[{"model": {"type": "BPE", "vocab": %s, "merges": []}, "normalizer": {"type": "NFC"},
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false}, "decoder": {"type": "ByteLevel"},
    "added_tokens": [%s]}]]):format(small_language.bytes(), table.concat(added, ", ")))
  write(folder .. "/tokenizer_config.json", [[{"tokenizer_class": "GPTNeoXTokenizerFast", "bos_token": "<|endoftext|>",
    "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}]])
  tensor.save(folder .. "/model.safetensors", weights("gpt-neox", folder, 5))
end

--- Makes the folder of the VQGAN, which must be there.
function small.make_vqgan(folder)
  write(folder .. "/vqgan.yaml", ([[
model:
  base_learning_rate: 4.5e-06
  target: taming.models.vqgan.VQModel
  params:
    embed_dim: 8
    n_embed: %d
    ddconfig:
      double_z: false
      z_channels: 8
      resolution: %d
      in_channels: 3
      out_ch: 3
      ch: 32
      ch_mult: [1, 1, 1, 1]
      num_res_blocks: 1
      attn_resolutions: [4]
      dropout: 0.0
    lossconfig:
      target: taming.modules.losses.DummyLoss
]]):format(small.codes, small.size))
  -- The format is told by the content.
  tensor.save(folder .. "/weights.safetensors", weights("vqgan", folder, 6))
end

return small
