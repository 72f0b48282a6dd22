-- An experiment that reads many inputs, each inside of `run:once`, so that what is read before it is stopped is not read again.
local dataset = require "chexgen.dataset"
local metric = require "chexgen.metric"
local tensor = require "chexgen.tensor"

return {
  about = "Sums of what it reads.",
  params = { films = 5 },
  run = function(run)
    local sum = run:once("tensors", function() return tensor.load("in.safetensors").a:sum():item() end)
    run:record { name = "tensors", value = sum }
    for _, side in ipairs { "real", "synthetic" } do
      for i = 1, run.params.films do
        local value = run:once(("%s/%d"):format(side, i), function()
          local films = dataset.csv { path = side .. "/annotations.csv", image_dir = side, image = "path" }
          return #metric.radiomics_table(films:select { i })
        end)
        run:record { name = ("%s %d"):format(side, i), value = value }
      end
    end
  end,
}
