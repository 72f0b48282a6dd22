local choices = require "chexgen.choices"
local fidelity = require "chexgen.fidelity"
local generation = require "chexgen.generation"
local help = require "chexgen.help"
local sweep = require "chexgen.sweep"

local defaults = fidelity.params(generation.params {
  real = choices.films { image = "path", prompt = "annotated_prompt", labels = "chexpert_labels" },
  sheet = { images = 4, size = 192 }, -- images a row of the contact sheet, and pixels of each
})
-- The images are made here, and the shared tables are those of whole models.
defaults.synthetic, defaults.results, defaults.on_other_identity = nil, nil, nil

--- The study of the images that were made: against the real films of the YAML, or those of the prompts' own table.
local function open_study(run, csv, folder)
  local params = {}
  for key, value in pairs(run.params) do params[key] = value end
  local real = {}
  for key, value in pairs(params.real) do real[key] = value end
  if not choices.is_given(real) then real.csv, real.prompt = params.prompts.csv, params.prompts.prompt end
  params.real = real
  params.synthetic = { csv = csv, image_dir = folder, image = "synthetic_filename", prompt = params.prompts.prompt }
  return fidelity.open(run, false, params)
end

--- Makes and measures the images of one cell; `found` gets those of the sheet as soon as their names are known.
local function measure(run, found)
  local job <close> = generation.open(run)
  for i = 1, math.min(run.params.sheet.images, #job.items) do found[i] = job.items[i] end
  local folder, csv = job:make()
  local prompts, tokens = job:lost()
  -- The networks of the model and those of the metrics need not be in memory together.
  job:close()
  local study = open_study(run, csv, folder)
  study:embed()
  local row = study:measure()
  study:show(row)
  sweep.keep(run, row, study.columns)
  study:record(row, {
    { "Model", run.params.model }, { "Prompts cut", prompts }, { "Tokens cut", tokens },
  })
end

return {
  about = "Images and their fidelity over guidance scale, steps and scheduler: results, a heat map a metric, a contact sheet.",
  params = defaults,
  help = help.with { ["real.csv"] = "the table of real images; that of the prompts where empty" },
  untyped = generation.untyped,
  -- The real films are read when all images of a cell are made.
  check = function(start)
    generation.check(start)
    local params = start.params
    local real, prompts = params.real, params.prompts
    local rows
    if not choices.is_given(real) then
      rows = choices.look_at_table(start, "prompts", prompts, { real.image, prompts.prompt })
    else
      rows = fidelity.look_at_table(start, "real", real)
    end
    fidelity.look(start)
    fidelity.needs(start, (rows or 0) + params.subset)
  end,
  run = function(run)
    local films = {}
    -- All cells are drawn whether this one is done or fails; an error goes on as it was raised.
    local drawing <close> = setmetatable({}, {
      __close = function(_, reason)
        sweep.draw(run, { columns = fidelity.columns, films = films, side = run.params.sheet.size,
          failure = reason and tostring(reason) })
      end,
    })
    measure(run, films)
  end,
}
