-- The inputs of the tests of `report`: a small LLaVA-Rad, a small CheXbert, phantoms with reports, views and ways of making them.
local dataset = require "chexgen.dataset"
local phantom = require "chexgen.phantom"
local folder = arg[1]

require("small_vision").make(folder)
require("small_labeler").make(folder)
local films = phantom.dataset { n = 8, size = 64, seed = 5, folder = folder .. "/films" }
local rows = {}
for i, row in films:rows() do
  rows[i] = { row.path, i == 3 and "" or row.annotated_prompt, i % 2 == 0 and "Cough\nand fever" or "", i == 5 and "LATERAL" or "PA",
    i == 6 and "gpt4" or "rule-based" }
end
dataset.write_csv(folder .. "/films.csv", { "path", "annotated_prompt", "reason", "view", "generate_method" }, rows)
