-- Tables of the synthetic films of a study in the folder of the first argument, the last row replaced: by none, by a black
-- picture, by deep.png.
local dataset = require "chexgen.dataset"
local image = require "chexgen.image"
local tensor = require "chexgen.tensor"
local folder = arg[1]
image.save(folder .. "/black.png", image.from_tensor(tensor.zeros({ 64, 64, 1 }, "u8")))
local films = dataset.csv { path = folder .. "/synthetic/annotations.csv", image_dir = folder .. "/synthetic", image = "path" }
for name, last in pairs { blank = "", flat = "black.png", deep = "deep.png" } do
  local rows = {}
  for i, row in films:rows() do
    rows[i] = { i < #films and "synthetic/" .. row.path or last, row.annotated_prompt }
  end
  dataset.table({ "path", "annotated_prompt" }, rows):write(folder .. "/" .. name .. ".csv")
end
