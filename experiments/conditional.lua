local choices = require "chexgen.choices"
local dataset = require "chexgen.dataset"
local fidelity = require "chexgen.fidelity"

local known = {}
for _, name in ipairs(dataset.pathologies) do known[name] = true end

--- The pathologies asked for, in the reference's order of names; what is none of them is told.
local function wanted(params, tell)
  local list = params.pathologies
  if list == nil or list == "all" then return dataset.pathologies end
  if type(list) ~= "table" then list = { list } end
  for _, name in ipairs(list) do
    if not known[name] then
      tell(("\"%s\" is not one of: %s"):format(name, table.concat(dataset.pathologies, ", ")), "pathologies")
    end
  end
  return list
end

return {
  about = "Fidelity for each pathology: real images with the label against synthetic images made from their prompts.",
  params = fidelity.params(),
  untyped = { "pathologies" }, -- "all" (which is the default), a name or a list of names
  check = function(start)
    fidelity.check(start, true)
    wanted(start.params, choices.teller(start))
  end,
  run = function(run)
    local params = run.params
    local pathologies = wanted(params, choices.raise)
    local study = fidelity.open(run, true)
    study:embed()
    local bar = run:progress(#pathologies, "pathologies")
    for _, pathology in ipairs(pathologies) do
      local real = study.real:with_label(pathology, 1)
      local synthetic = study.synthetic:where_in(params.synthetic.prompt, real:column(params.real.prompt))
      run:log("%s: %d real, %d synthetic", pathology, #real, #synthetic)
      local row = study:measure(real:positions(study.real), synthetic:positions(study.synthetic))
      study:show(row)
      study:publish(row, "conditional_image_generation_metrics.csv", { { "Pathology", pathology } })
      bar:step(1)
    end
  end,
}
