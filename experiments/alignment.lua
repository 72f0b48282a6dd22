local alignment = require "chexgen.alignment"
local help = require "chexgen.help"

return {
  about = "Whether synthetic films show what their prompts say: BioViL-T's cosine of film and prompt, for all and by pathology.",
  params = alignment.params(),
  help = help.with { ["encoders"] = "the encoder of films and prompts: biovil-t: { weights: FOLDER or Hub name }",
    ["real.image_dir"] = "the folder that the real table's paths begin at; with it, real films with their own prompts are measured, too" },
  untyped = { "pathologies" }, -- none where absent; "all", a name or a list of names
  check = alignment.check,
  run = alignment.run,
}
