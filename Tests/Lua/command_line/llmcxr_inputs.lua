-- Makes what the tests of `generate`, `sweep` and `privacy` with LLM-CXR need in the folder of its first argument: a small model in its
-- folders language and vqgan, phantoms whose table holds the prompts in real, and weights of encoders.
local phantom = require "chexgen.phantom"
local small_llmcxr = require "small_llmcxr"
local small_pairs = require "small_pairs"
local folder = arg[1]
phantom.dataset { n = 11, size = 64, seed = 1, folder = folder .. "/real" }
small_llmcxr.make_language(folder .. "/language")
small_llmcxr.make_vqgan(folder .. "/vqgan")
small_pairs.make(folder)
