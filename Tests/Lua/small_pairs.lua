--- Writes weights from a generator for the models that compare films with films and texts: patient re-identification's, whose network
--- has one size, and BioViL-T's with a thin text model.
local chexgen = require "chexgen"
local model = require "chexgen.model"
local tensor = require "chexgen.tensor"

local CONFIG = [[{ "model_type": "cxr-bert", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
  "intermediate_size": 32, "vocab_size": VOCABULARY, "projection_size": 128 }]]

local small = {}

local function write(path, text)
  local file <close> = assert(io.open(path, "w"))
  file:write(text)
end

--- Factors that keep answers from running away in 50 layers.
local function value(parameter, generator)
  local name, shape = parameter.name, parameter.shape
  if name:find "running_var$" then return tensor.full(shape, 1.0) end
  if name:find "running_mean$" or name:find "bias$" then return tensor.zeros(shape) end
  if name:find "bn3.weight$" then return tensor.full(shape, 0.3) end
  if #shape == 1 then return tensor.full(shape, 1.0) end
  local fan = 1
  for i = 2, #shape do fan = fan * shape[i] end
  return tensor.randn(shape, generator) * math.sqrt(2 / fan)
end

local function save(path, parameters)
  local generator, weights = tensor.generator(5), {}
  for _, parameter in ipairs(parameters) do weights[parameter.name] = value(parameter, generator) end
  -- The more two films differ, the less likely they are of one patient.
  if weights["fc_end.weight"] then
    weights["fc_end.weight"], weights["fc_end.bias"] = weights["fc_end.weight"]:abs() * -8, tensor.full({ 1 }, 3.0)
  end
  tensor.save(path, weights)
end

--- Makes `reid.safetensors` and the folder `biovil` in a folder that exists.
function small.make(folder)
  save(folder .. "/reid.safetensors", model.parameters "patient-reid")
  local texts = folder .. "/biovil"
  chexgen.make_folder(texts)
  local words = { "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]" }
  for code = 33, 126 do
    words[#words + 1] = string.char(code)
    words[#words + 1] = "##" .. string.char(code)
  end
  write(texts .. "/vocab.txt", table.concat(words, "\n") .. "\n")
  write(texts .. "/config.json", (CONFIG:gsub("VOCABULARY", tostring(#words))))
  write(texts .. "/tokenizer_config.json", [[{ "tokenizer_class": "BertTokenizer", "do_lower_case": true }]])
  save(texts .. "/model.safetensors", model.parameters("bert-text", { config = texts }))
  local film = texts .. "/film.safetensors"
  save(film, model.parameters "biovil-t")
  os.rename(film, texts .. "/biovil_t_image_model_proj_size_128.pt")
end

return small
