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
    }
  end,
})
