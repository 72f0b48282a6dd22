-- Makes what the test of the classification experiment needs in the folder of its first argument: small films of noise, a
-- training table with a real and a synthetic film a row, two rows a patient, and a test table that shares a patient with it.
local dataset = require "chexgen.dataset"
local image = require "chexgen.image"
local tensor = require "chexgen.tensor"
local folder = arg[1]
local stream = tensor.generator(1)

local function film(name)
  image.save(folder .. "/" .. name, image.from_tensor((tensor.rand({ 24, 20, 3 }, stream) * 255):to "u8"))
end

local function labels(i)
  local parts = {}
  for k, name in ipairs(dataset.pathologies) do
    parts[k] = ("'%s': %s"):format(name, ({ "1.0", "0.0", "-1.0", "None" })[(i * 7 + k * 3 + (i * k) % 5) % 4 + 1])
  end
  return '"{' .. table.concat(parts, ", ") .. '}"'
end

local train <close> = assert(io.open(folder .. "/train.csv", "w"))
local test <close> = assert(io.open(folder .. "/test.csv", "w"))
train:write "id,path,synthetic_filename,chexpert_labels,patientID\n"
test:write "path,chexpert_labels,patientID\n"
for i = 1, 16 do
  film(("real%d.png"):format(i))
  if i <= 10 then
    film(("synthetic%d.png"):format(i))
    train:write(("s%d,real%d.png,synthetic%d.png,%s,p%d\n"):format(i, i, i, labels(i), (i + 1) // 2))
  else
    test:write(("real%d.png,%s,p%d\n"):format(i, labels(i), i == 11 and 3 or (i + 1) // 2))
  end
end
