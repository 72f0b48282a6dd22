local dataset = require "chexgen.dataset"
local fidelity = require "chexgen.fidelity"
local image = require "chexgen.image"
local phantom = require "chexgen.phantom"
local random_weights = require "chexgen.random_weights"

--- Renders one of the two sets into the run folder and returns the path of its table and the folder. A set that a run before
--- a crash rendered whole is taken as it stands: the table is written last.
local function render(run, which, flawed)
  local params = run.params
  local csv = run:artifact(which .. "/annotations.csv")
  local folder = csv:match("^(.*)/")
  run:once("rendered/" .. which, function()
    local bar = run:progress(params.images, ("drawing the %s set"):format(which))
    phantom.dataset({ n = params.images, seed = run.seed, size = params.size, flawed = flawed, folder = folder },
      function() bar:step(1) end)
    return true
  end)
  return { csv = csv, image_dir = folder, image = "path", prompt = "annotated_prompt", labels = "chexpert_labels" }
end

--- Saves a picture of pairs: real films in one row, the flawed films of the same prompts below them.
local function picture(run, real, synthetic)
  local columns = 6
  local films = { real = {}, synthetic = {} }
  for side, options in pairs { real = real, synthetic = synthetic } do
    local table_of = dataset.csv { path = options.csv, image_dir = options.image_dir, image = options.image }
    -- Films from all over the set, so that the picture shows different patients.
    for i = 1, math.min(2 * columns, #table_of) do
      local row = table_of[1 + (i - 1) * #table_of // math.min(2 * columns, #table_of)]
      films[side][i] = image.load(row.image_path)
    end
  end
  local cells = {}
  for first = 1, #films.real, columns do
    for _, side in ipairs { "real", "synthetic" } do
      for i = first, math.min(first + columns - 1, #films.real) do cells[#cells + 1] = films[side][i] end
    end
  end
  local path = run:artifact("films.png")
  image.save(path, image.grid(cells, { columns = math.min(columns, #films.real), padding = 4 }))
  return path
end

return {
  about = "The main job end to end with nothing to download: drawn phantoms as both sets of images, random networks as "
    .. "encoders.",
  params = {
    images = 48, size = 256, protocol = "exact", name = "flawed phantoms", nearest_k = 5, bootstrap = 100, floor_splits = 8,
  },
  run = function(run)
    local params = run.params
    local real, synthetic = render(run, "real", false), render(run, "synthetic", true)
    local films = picture(run, real, synthetic)

    local weights = random_weights.write(function(name) return run:artifact("weights/" .. name) end, run.seed)
    local results = run:artifact("Results/image_generation_metrics.csv"):match("^(.*)/")
    local study = fidelity.open(run, false, fidelity.params {
      protocol = params.protocol, name = params.name, results = results, nearest_k = params.nearest_k,
      bootstrap = params.bootstrap, floor_splits = params.floor_splits,
      real = real, synthetic = synthetic,
      encoders = { ["inception-v3"] = { weights = weights.inception }, ["rad-dino"] = { weights = weights.rad_dino } },
    })
    study:embed()
    local row = study:measure()
    run:log("The flawed films against the real ones. The floor is real against real: what perfect films would get.")
    study:show(row)
    run:log("These networks have random weights: the numbers compare with each other only, never with published ones.")
    study:publish(row, "image_generation_metrics.csv")
    run:log("real films in rows 1 and 3, flawed films below them: %s", films)
    run:log("the table as CheXGenBench's users know it: %s/image_generation_metrics.csv", results)
    run:log("with your own images: chexgen run experiments/fidelity.yaml")
  end,
}
