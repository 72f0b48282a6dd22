local alignment = require "chexgen.alignment"

return {
  about = "Whether synthetic films show what their prompts say: BioViL-T's cosine of film and prompt, for all and by pathology.",
  params = alignment.params(),
  untyped = { "pathologies" }, -- none where absent; "all", a name or a list of names
  check = alignment.check,
  run = alignment.run,
}
