local help = require "chexgen.help"
local reporting = require "chexgen.reporting"

return {
  about = "Reports of films by LLaVA-Rad beside those that radiologists wrote: BLEU, ROUGE-L, CheXbert's F1 and F1-RadGraph.",
  params = reporting.params(),
  help = help.with { ["subset"] = "how many films are reported on, drawn by the seed; all where 0",
    ["name"] = "the generator of the films that the adapter was trained on, which goes into the names of the tables",
    ["batch"] = "reports that are written together, up to 16: they share one read of the weights",
    ["bootstrap"] = "resamples of the reports of which an interval is made; 0 for no intervals" },
  check = reporting.check,
  run = reporting.run,
}
