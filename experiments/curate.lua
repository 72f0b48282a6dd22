local curation = require "chexgen.curation"
local help = require "chexgen.help"

return {
  about = "The films of a synthetic set that pass what is asked of them: columns of the table, alignment with the prompts, likeness to "
    .. "real films, radiomics, and a balance of pathologies; as a table with its films, and with the counts at every step.",
  params = curation.params(),
  help = help.with { ["radiomics"] = "keep by the share of features outside of the real films' range: { at_most: 0.05, quantile: 0.005 }" },
  check = curation.check,
  run = curation.run,
}
