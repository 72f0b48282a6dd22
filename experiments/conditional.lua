local choices = require "chexgen.choices"
local fidelity = require "chexgen.fidelity"
local help = require "chexgen.help"
local subgroups = require "chexgen.subgroups"

--- The fidelity of some real films against the synthetic ones of their prompts, as a row of results.
local function measure(study, real)
  local params = study.params
  local synthetic = study.synthetic:where_in(params.synthetic.prompt, real:column(params.real.prompt))
  study.run:log("%d real, %d synthetic", #real, #synthetic)
  local row = study:measure(real:positions(study.real), synthetic:positions(study.synthetic))
  study:show(row)
  return row
end

return {
  about = "Fidelity for each pathology or subgroup: real films that belong to it against synthetic ones made from their prompts.",
  params = fidelity.params {
    -- Columns of the real table, such as view or sex, of which every value is a group; and pairs of such columns or pathologies.
    subgroups = {}, crosses = {},
    bands = {}, -- for columns of numbers, the edges between groups: age: [40, 60, 80]
  },
  help = help.texts,
  untyped = { "pathologies" }, -- "all" (which is the default), a name or a list of names
  check = function(start)
    fidelity.check(start, true)
    choices.tell_prompts(choices.teller(start), "synthetic", start.params.synthetic, "the choice of a pathology's films")
    choices.pathologies(start.params, choices.teller(start), "all")
    subgroups.check(start)
  end,
  run = function(run)
    local params = run.params
    local pathologies = choices.pathologies(params, choices.raise, "all")
    subgroups.faults(params, choices.raise)
    local study = fidelity.open(run, true)
    local groups = subgroups.of(study.real, params)
    study:embed()
    local bar = run:progress(#pathologies + #groups, "groups")
    local has_groups = #groups > 0
    for _, pathology in ipairs(pathologies) do
      run:log("%s:", pathology)
      local row = measure(study, study.real:with_label(pathology, 1))
      if has_groups then row["Subgroup"] = "" end
      study:publish(row, "conditional_image_generation_metrics.csv", { { "Pathology", pathology } }, has_groups and { "Subgroup" })
      bar:step(1)
    end
    for _, group in ipairs(groups) do
      run:log("%s:", group.name)
      local row = measure(study, study.real:filter(group.holds))
      row["Pathology"] = ""
      study:publish(row, "subgroup_image_generation_metrics.csv", { { "Subgroup", group.name } }, { "Pathology" })
      bar:step(1)
    end
  end,
}
