-- A CheXbert of one layer, one head and a vocabulary of letters, in the published file's names.
local tensor = require "chexgen.tensor"

local small = {}

--- The tensors for so many words.
function small.weights(words)
  local generator, found = tensor.generator(5), {}
  local function add(name, ...) found["module." .. name] = tensor.randn({ ... }, generator) * 0.3 end
  local function norm(name) add(name .. ".weight", 64) add(name .. ".bias", 64) end
  local function linear(name, outputs, inputs) add(name .. ".weight", outputs, inputs) add(name .. ".bias", outputs) end
  add("bert.embeddings.word_embeddings.weight", words, 64)
  add("bert.embeddings.position_embeddings.weight", 512, 64)
  add("bert.embeddings.token_type_embeddings.weight", 2, 64)
  norm "bert.embeddings.LayerNorm"
  local layer = "bert.encoder.layer.0."
  for _, name in ipairs { "query", "key", "value" } do linear(layer .. "attention.self." .. name, 64, 64) end
  linear(layer .. "attention.output.dense", 64, 64)
  norm(layer .. "attention.output.LayerNorm")
  linear(layer .. "intermediate.dense", 32, 64)
  linear(layer .. "output.dense", 64, 32)
  norm(layer .. "output.LayerNorm")
  linear("bert.pooler.dense", 64, 64)
  for i = 0, 13 do linear("linear_heads." .. i, i < 13 and 4 or 2, 64) end
  return found
end

--- Makes `chexbert.safetensors` and `vocab.txt` in a folder. Returns how many words it has.
function small.make(folder)
  local words = { "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]" }
  for code = 33, 126 do
    words[#words + 1] = string.char(code)
    words[#words + 1] = "##" .. string.char(code)
  end
  local file <close> = assert(io.open(folder .. "/vocab.txt", "w"))
  file:write(table.concat(words, "\n") .. "\n")
  tensor.save(folder .. "/chexbert.safetensors", small.weights(#words))
  return #words
end

return small
