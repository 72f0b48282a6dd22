local help = require "chexgen.help"
local privacy = require "chexgen.privacy"
local sweep = require "chexgen.sweep"

return {
  about = "Whether synthetic films give real patients away: re-identification, grey levels and features, by prompt or by search.",
  params = privacy.params(),
  help = help.with { ["encoders"] = "patient-reid, rad-dino or both, each with its weights",
    ["name"] = "the model's name, which goes into the names of the tables",
    ["model"] = "the generator of the films, where synthetic.csv is empty: a name such as SD-V1-5, a folder or a Hub name",
    ["held_out.csv"] = "with search: a table of real films that the model was not trained on, the floor; the real table's own where empty",
    ["held_out.patient"] = "its column of patients; where empty found by name, or in MIMIC-CXR's paths",
    ["held_out.prompts"] = "not used: the floor needs no prompts" },
  untyped = privacy.untyped,
  check = privacy.check,
  run = function(run)
    if #run.cells < 2 then return privacy.run(run) end
    local ok, row = pcall(privacy.run, run)
    if ok then sweep.keep(run, row, privacy.swept) end
    sweep.draw(run, { failure = not ok and tostring(row) or nil })
    if not ok then error(row, 0) end
  end,
}
