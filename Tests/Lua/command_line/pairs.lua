-- Makes what the tests of privacy and alignment need in the folder of its first argument: phantoms with their table, films of
-- their prompts (one of them the copy of another prompt's film), tables that name patients otherwise, held-out films, and random
-- weights.
local chexgen = require "chexgen"
local dataset = require "chexgen.dataset"
local image = require "chexgen.image"
local phantom = require "chexgen.phantom"
local small_encoder = require "small_encoder"
local small_pairs = require "small_pairs"
local folder = arg[1]
local real = phantom.dataset { n = 8, size = 64, seed = 1, folder = folder .. "/real" }
local made = phantom.dataset { n = 8, size = 64, seed = 1, folder = folder .. "/synthetic", flawed = true }
small_encoder.make(folder .. "/weights")
small_pairs.make(folder)
local rows = {}
for _, row in made:rows() do rows[#rows + 1] = { row.path, row.annotated_prompt } end
image.save(folder .. "/synthetic/copy.png", image.load(real[1].image_path))
rows[#rows + 1] = { "copy.png", real[2].annotated_prompt }
dataset.table({ "path", "annotated_prompt" }, rows):write(folder .. "/synthetic/films.csv")

-- Tables of the same films: without patients, a patient a film, all of one, and in the folders of MIMIC-CXR, two films a patient.
local function write(name, columns, patient)
  local lines = {}
  for i, row in real:rows() do lines[i] = { row.path, row.annotated_prompt, patient and patient(i) } end
  dataset.table(columns, lines):write(folder .. "/real/" .. name)
end
write("unnamed.csv", { "path", "annotated_prompt" })
write("single.csv", { "path", "annotated_prompt", "patientID" }, function(i) return "p" .. i end)
write("some.csv", { "path", "annotated_prompt", "patientID" }, function(i) return i ~= 2 and i ~= 5 and "p" .. (i + 1) // 2 end)
write("unclear.csv", { "path", "annotated_prompt", "patientID" }, function(i) return i == 1 and "7" or "patient0000" .. i end)
write("one.csv", { "path", "annotated_prompt", "patientID" }, function() return "p1" end)
-- Films of four patients with the same pixels and other bytes.
chexgen.make_folder(folder .. "/alike")
local film = io.open(real[1].image_path, "rb")
local bytes = film:read "a"
film:close()
rows = {}
for i = 1, 4 do
  local copy <close> = assert(io.open(("%s/alike/%d.png"):format(folder, i), "wb"))
  -- Readers of PNG leave alone what stands behind its end.
  copy:write(bytes, ("x"):rep(i))
  rows[i] = { i .. ".png", real[i].annotated_prompt, "p" .. i }
end
dataset.table({ "path", "annotated_prompt", "patientID" }, rows):write(folder .. "/alike/films.csv")
rows = {}
for i, row in real:rows() do
  local place = ("p10/p1000000%d/s5000000%d"):format((i + 1) // 2, i)
  chexgen.make_folder(folder .. "/mimic/" .. place)
  image.save(folder .. "/mimic/" .. place .. "/film.png", image.load(row.image_path))
  rows[i] = { place .. "/film.png", row.annotated_prompt }
end
dataset.table({ "path", "annotated_prompt" }, rows):write(folder .. "/mimic/annotations.csv")

-- Held-out films of patients of their own, beside one of a patient of the real table, and a copy of a film of the real table.
local held = phantom.dataset { n = 4, size = 64, seed = 2, folder = folder .. "/held" }
rows = {}
for i, row in held:rows() do rows[i] = { row.path, "h" .. i } end
rows[1][2] = real[1].patientID
image.save(folder .. "/held/copy.png", image.load(real[2].image_path))
rows[#rows + 1] = { "copy.png", "h5" }
dataset.table({ "path", "patientID" }, rows):write(folder .. "/held/films.csv")
for i, row in ipairs(rows) do row[2] = (i == 2 or i == 3) and row[2] end
dataset.table({ "path", "patientID" }, rows):write(folder .. "/held/some.csv")
for i, row in ipairs(rows) do row[2] = nil end
dataset.table({ "path" }, rows):write(folder .. "/held/unnamed.csv")
dataset.table({ "path", "patientID" }, { { held[1].path, "1" } }):write(folder .. "/held/unclear.csv")

local broken <close> = assert(io.open(folder .. "/synthetic/broken.png", "w"))
broken:write "no picture"
dataset.table({ "path", "annotated_prompt" }, { { "broken.png", real[1].annotated_prompt } }):write(folder .. "/synthetic/broken.csv")
