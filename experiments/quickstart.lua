local choices = require "chexgen.choices"
local dataset = require "chexgen.dataset"
local fidelity = require "chexgen.fidelity"
local help = require "chexgen.help"
local image = require "chexgen.image"
local phantom = require "chexgen.phantom"
local plot = require "chexgen.plot"
local study = require "chexgen.study"

--- The settings of the study that this experiment's own parameters are a part of.
local function settings(params)
  return fidelity.params { protocol = params.protocol, name = params.name, floor_splits = params.floor_splits }
end

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

--- The pathologies that enough real films show.
local function frequent(study, least)
  local found = {}
  for _, name in ipairs(dataset.pathologies) do
    if name ~= "No Finding" and #study.real:with_label(name, 1) >= least then found[#found + 1] = name end
  end
  return found
end

--- Draws the distances of all films and of each pathology beside their floors.
local function chart(run, rows)
  local names, distances, floors = {}, {}, {}
  for _, item in ipairs(rows) do
    if item[2].FRD then
      names[#names + 1] = item[1]
      distances[#names] = item[2].FRD
      floors[#names] = item[2]["FRD floor"] or 0 / 0
    end
  end
  if #names == 0 then return nil end
  return plot.bar {
    path = run:artifact("frd.png"), categories = names, width = 1100, height = 560,
    title = "Fréchet Radiomics Distance of flawed phantoms", ylabel = "FRD",
    series = {
      { label = "flawed films against real ones", values = distances },
      { label = "floor: real films against real ones", values = floors },
    },
  }
end

return {
  about = "The main job end to end with nothing to download: the Fréchet Radiomics Distance of flawed phantoms from drawn "
    .. "\"real\" ones, overall and for each pathology, beside the floor, as a table, a chart and a picture.",
  params = { images = 160, size = 256, protocol = "exact", name = "flawed phantoms", floor_splits = 8, least = 12 },
  help = help.with { ["images"] = "films in each of the two sets", ["size"] = "pixels a side of each film",
    ["least"] = "real films that a pathology must have for a row of its own" },
  check = function(start)
    local params, tell = start.params, choices.teller(start)
    choices.tell_range(tell, "images", params.images, table.unpack(phantom.limits.n))
    choices.tell_range(tell, "size", params.size, table.unpack(phantom.limits.size))
    choices.tell_range(tell, "least", params.least, 0)
    study.faults(settings(params), tell)
  end,
  run = function(run)
    local params = run.params
    local real, synthetic = render(run, "real", false), render(run, "synthetic", true)
    local films = picture(run, real, synthetic)

    local results = run:artifact("Results/image_generation_metrics.csv"):match("^(.*)/")
    local asked = settings(params)
    asked.results, asked.real, asked.synthetic = results, real, synthetic
    local study = fidelity.open(run, true, asked)
    study:embed()
    local row = study:measure()
    run:log("The flawed films against the real ones. The floor is real against real: what perfect films would get.")
    run:log("%-28s %8s %10s %10s", "films", "real", "FRD", "floor")
    local rows = { { "all", row } }
    study:publish(row, "image_generation_metrics.csv")
    for _, pathology in ipairs(frequent(study, params.least)) do
      local some = study.real:with_label(pathology, 1)
      local made = study.synthetic:where_in("annotated_prompt", some:column "annotated_prompt")
      local part = study:measure(some:positions(study.real), made:positions(study.synthetic))
      rows[#rows + 1] = { pathology, part }
      study:publish(part, "conditional_image_generation_metrics.csv", { { "Pathology", pathology } })
    end
    for _, item in ipairs(rows) do
      local found = item[2]
      run:log("%-28s %8d %10s %10s", item[1], found["Real images"], found.FRD and ("%.3f"):format(found.FRD) or "-",
        found["FRD floor"] and ("%.3f"):format(found["FRD floor"]) or "-")
    end
    -- The numbers count where no chart can be drawn, for want of gnuplot.
    local drawn, bars = pcall(chart, run, rows)
    run:log("real films in rows 1 and 3, flawed films below them: %s", films)
    if bars then run:log(drawn and "the distances as bars: %s" or "no chart of the distances: %s", bars) end
    run:log("the tables as CheXGenBench's users know them: %s/*image_generation_metrics.csv", results)
    run:log("with your own images: chexgen run frd --set real.csv=… (chexgen params frd tells what it takes)")
  end,
}
