-- A small Llama with a byte-level tokenizer of letters alone, made in a folder.
local model = require "chexgen.model"
local tensor = require "chexgen.tensor"

local small = {}

--- The letter that stands for a byte.
local function letter(byte)
  if byte >= 0x21 and byte <= 0x7E or byte >= 0xA1 and byte <= 0xAC or byte >= 0xAE then return utf8.char(byte) end
  if byte <= 0x20 then return utf8.char(0x100 + byte) end
  if byte <= 0xA0 then return utf8.char(0x121 + byte - 0x7F) end
  return utf8.char(0x143)
end

--- The vocabulary of a byte-level tokenizer of letters alone, as JSON: a byte's id is the byte.
function small.bytes()
  local vocabulary = {}
  for byte = 0, 255 do
    local text = letter(byte):gsub('["\\]', "\\%0")
    vocabulary[#vocabulary + 1] = ('"%s": %d'):format(text, byte)
  end
  return "{" .. table.concat(vocabulary, ", ") .. "}"
end

--- Makes the folder: 258 ids, a byte's is the byte, 256 begins and 257 ends a text; `positions` is the longest text, 64.
function small.make(folder, positions)
  local function write(name, text)
    local file <close> = assert(io.open(folder .. "/" .. name, "w"))
    file:write(text)
  end
  write("config.json", ([[{"model_type": "llama", "vocab_size": 258, "hidden_size": 32, "intermediate_size": 64,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": %d,
    "eos_token_id": 257}]]):format(positions or 64))
  local function added(id, text)
    return ('{"id": %d, "content": "%s", "special": true, "normalized": false}'):format(id, text)
  end
  write("tokenizer.json", ([[{"model": {"type": "BPE", "vocab": %s, "merges": []}, "normalizer": {"type": "NFC"},
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false}, "decoder": {"type": "ByteLevel"},
    "added_tokens": [%s, %s]}]]):format(small.bytes(), added(256, "<s>"), added(257, "</s>")))
  write("tokenizer_config.json", [[{"tokenizer_class": "GPTNeoXTokenizerFast", "bos_token": "<s>", "eos_token": "</s>",
    "unk_token": "</s>", "add_bos_token": true}]])
  local generator, weights = tensor.generator(5), {}
  for _, parameter in ipairs(model.parameters("llama", { config = folder })) do
    local values = tensor.randn(parameter.shape, generator)
    weights[parameter.name] = #parameter.shape == 1 and values * 0.1 + 1 or values / math.sqrt(parameter.shape[2])
  end
  tensor.save(folder .. "/model.safetensors", weights)
end

--- A LoRA of the folder's model, in peft's layout, for the projections of queries.
function small.make_lora(folder)
  local generator, weights = tensor.generator(9), {}
  for layer = 0, 1 do
    local name = ("base_model.model.model.layers.%d.self_attn.q_proj.lora_"):format(layer)
    weights[name .. "A.weight"] = tensor.randn({ 4, 32 }, generator)
    weights[name .. "B.weight"] = tensor.randn({ 32, 4 }, generator)
  end
  tensor.save(folder .. "/adapter_model.safetensors", weights)
  local file <close> = assert(io.open(folder .. "/adapter_config.json", "w"))
  file:write [[{"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"]}]]
end

return small
