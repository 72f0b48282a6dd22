-- Makes what the tests of privacy and alignment need in the folder of its first argument: phantoms with their table, films of
-- their prompts (one of them the copy of another prompt's film), and random weights.
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
