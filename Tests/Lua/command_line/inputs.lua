-- Makes what the tests of the command line need in the folder of its first argument: two sets of phantoms with their
-- tables, and a folder of random weights of a small RAD-DINO.
local phantom = require "chexgen.phantom"
local small_encoder = require "small_encoder"
local folder = arg[1]
phantom.dataset { n = 10, size = 64, seed = 1, folder = folder .. "/real" }
phantom.dataset { n = 10, size = 64, seed = 1, folder = folder .. "/synthetic", flawed = true }
small_encoder.make(folder .. "/weights")
