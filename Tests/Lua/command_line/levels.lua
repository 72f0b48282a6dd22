-- An encoder of the user's own for the tests of studies: mean, spread and extremes of grey levels.
local model = require "chexgen.model"
local tensor = require "chexgen.tensor"

model.register("levels", {
  about = "mean, spread and extremes of grey levels", ending = " (Levels)",
  roles = { neighbours = "features", logits = "features" },
  load = function()
    return {
      features = function(_, images)
        local rows = {}
        for i, film in ipairs(images) do
          local x = film:tensor():to "f32"
          rows[i] = { x:mean():item(), x:std():item(), x:min():item(), x:max():item() }
        end
        return tensor.new(rows)
      end,
      -- How alike films are: 1 for the same levels.
      similarity = function(_, a, b, options)
        if options and options.pairs == "all" then
          a, b = a:reshape { a:size(1), 1, a:size(2) }, b:reshape { 1, b:size(1), b:size(2) }
        end
        return ((a - b):abs():mean(-1) * -0.05):exp()
      end,
    }
  end,
})
