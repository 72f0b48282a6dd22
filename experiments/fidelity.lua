local fidelity = require "chexgen.fidelity"
local help = require "chexgen.help"

return {
  about = "How close synthetic chest radiographs are to real ones: FID, KID, Inception Score, precision, recall, density "
    .. "and coverage, with intervals and the floor.",
  params = fidelity.params(),
  help = help.texts,
  check = fidelity.check,
  run = function(run)
    local study = fidelity.open(run)
    study:embed()
    local row = study:measure_all()
    study:show(row)
    study:publish(row, "image_generation_metrics.csv")
  end,
}
