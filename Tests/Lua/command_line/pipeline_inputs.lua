-- Makes what the tests of `generate` and `sweep` need in the folder of its first argument: a small pipeline, and phantoms whose
-- table holds their prompts.
local phantom = require "chexgen.phantom"
local small_pipeline = require "small_pipeline"
local folder = arg[1]
phantom.dataset { n = 8, size = 64, seed = 1, folder = folder .. "/real" }
small_pipeline.make(folder .. "/pipeline")
