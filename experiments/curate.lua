local curation = require "chexgen.curation"

return {
  about = "The films of a synthetic set that pass what is asked of them: columns of the table, alignment with the prompts, likeness to "
    .. "real films, radiomics, and a balance of pathologies; as a table with its films, and with the counts at every step.",
  params = curation.params(),
  check = curation.check,
  run = curation.run,
}
