local classification = require "chexgen.classification"

return {
  about = "Downstream classification: a network trained on real films, synthetic ones or both, tested on real ones.",
  params = classification.params(),
  untyped = classification.untyped,
  check = classification.check,
  run = function(run)
    local study = classification.open(run)
    study:fit()
    study:evaluate()
    study:publish()
  end,
}
