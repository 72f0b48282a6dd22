local choices = require "chexgen.choices"
local fidelity = require "chexgen.fidelity"
local help = require "chexgen.help"
local subgroups = require "chexgen.subgroups"

--- The synthetic films that were made from the prompts of some real ones.
local function made_from(real, synthetic, params)
  return choices.with_prompts_of(synthetic, params.synthetic, real, params.real)
end

--- The fidelity of some real films against the synthetic ones of their prompts, as a row of results.
local function measure(study, real)
  local synthetic = made_from(real, study.synthetic, study.params)
  study.run:log("%d real, %d synthetic", #real, #synthetic)
  local row = study:measure(real:positions(study.real), synthetic:positions(study.synthetic))
  study:show(row)
  return row
end

--- Raises that no part of a study has enough films, so that nothing would be published but blanks.
local function some_measurable(study, parts)
  for _, real in ipairs(parts) do
    if #real > 1 and #made_from(real, study.synthetic, study.params) > 1 then return end
  end
  error("no pathology or subgroup has 2 real films and 2 synthetic ones of their prompts, which a distance needs", 0)
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
    local params, tell = start.params, choices.teller(start)
    local sides = fidelity.check(start, true)
    choices.tell_prompts(tell, "synthetic", params.synthetic, "the choice of a pathology's films")
    local pathologies = choices.pathologies(params, tell, "all")
    if #pathologies == 0 and #params.subgroups == 0 and #params.crosses == 0 then
      tell("is empty, as subgroups and crosses are: nothing is asked for", "pathologies")
    end
    subgroups.check(start)
    if sides.real then choices.look_at_labels(start, "real", sides.real) end
    choices.look_at_prompts(start, "synthetic", sides.synthetic, params.synthetic, sides.real, params.real)
  end,
  run = function(run)
    local params = run.params
    local pathologies = choices.pathologies(params, choices.raise, "all")
    subgroups.faults(params, choices.raise)
    local study = fidelity.open(run, true)
    local groups = subgroups.of(study.real, params)
    study:embed()
    local parts = {}
    for i, pathology in ipairs(pathologies) do parts[i] = study.real:with_label(pathology, 1) end
    for i, group in ipairs(groups) do parts[#pathologies + i] = study.real:filter(group.holds) end
    some_measurable(study, parts)
    local bar = run:progress(#parts, "groups")
    local has_groups = #groups > 0
    for i, pathology in ipairs(pathologies) do
      run:log("%s:", pathology)
      local row = measure(study, parts[i])
      if has_groups then row["Subgroup"] = "" end
      study:publish(row, "conditional_image_generation_metrics.csv", { { "Pathology", pathology } }, has_groups and { "Subgroup" })
      bar:step(1)
    end
    for i, group in ipairs(groups) do
      run:log("%s:", group.name)
      local row = measure(study, parts[#pathologies + i])
      row["Pathology"] = ""
      study:publish(row, "subgroup_image_generation_metrics.csv", { { "Subgroup", group.name } }, { "Pathology" })
      bar:step(1)
    end
  end,
}
