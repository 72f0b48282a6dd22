-- Which films the classification experiment trains on and holds out; no image is opened.
local classification = require "chexgen.classification"

return {
  about = "The rows of each side.",
  params = classification.params(),
  untyped = classification.untyped,
  run = function(run)
    local study = classification.open(run)
    for _, side in ipairs { "train", "validation" } do
      run:record { films = ("%s %s: %s"):format(run.params.setting, side, table.concat(study[side]:image_paths(), " ")) }
    end
  end,
}
