local classification = require "chexgen.classification"
local help = require "chexgen.help"

return {
  about = "Downstream classification: a network trained on real films, synthetic ones or both, tested on real ones.",
  params = classification.params(),
  help = help.with { ["weights"] = "what the training begins with: a file, a folder or a Hub name; drawn at random where empty",
    ["batch"] = "films of a step of the training", ["bootstrap"] = "resamplings of which a score's interval is made; 0 for no intervals" },
  untyped = classification.untyped,
  check = classification.check,
  run = function(run)
    local study = classification.open(run)
    study:fit()
    study:evaluate()
    study:publish()
  end,
}
