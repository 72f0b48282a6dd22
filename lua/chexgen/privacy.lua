--- Whether a generator gives its training patients away. Every prompt's synthetic films are compared with the real film of that
--- prompt: by the probability that both are of one patient, by grey levels, by features. `search` compares them with every film of
--- the table, and calibrates what is found by real films of the same and of different patients.

local calibration = require "chexgen.privacy_calibration"
local choices = require "chexgen.choices"
local dataset = require "chexgen.dataset"
local evaluation = require "chexgen.evaluation"
local generation = require "chexgen.generation"
local image = require "chexgen.image"
local metric = require "chexgen.metric"
local pictures = require "chexgen.privacy_pictures"
local search = require "chexgen.privacy_search"
local study = require "chexgen.study"
local tensor = require "chexgen.tensor"

local privacy = {}

--- The roles of encoders, and the pixels of a side that films are compared at.
local REID, LATENT, SIDE = search.REID, search.LATENT, search.SIDE

--- The columns of the table of prompts, as the reference has them.
local COLUMNS = { "Real Path", "Prompt", "Mean_reid_scores", "Max_reid_scores", "Mean_pixel_distance", "Min_pixel_distance",
  "Mean_latent_distance", "Min_latent_distance" }

--- What the reference's two mistakes make of pixel distances: differences of bytes that wrap, and of each prompt's last film alone;
--- the last column has both, as the reference does.
local COMPAT = { "Mean wrapped pixel distance", "Min wrapped pixel distance", "Pixel distance of the last film",
  "Wrapped pixel distance of the last film" }

--- The values that sweeps show of a cell.
privacy.swept = {}
for i = 3, #COLUMNS do privacy.swept[#privacy.swept + 1] = { name = COLUMNS[i] } end
for _, name in ipairs { "Count_max", "Count_mean", table.unpack(calibration.columns) } do
  privacy.swept[#privacy.swept + 1] = { name = name }
end

--- The parameters with their defaults.
function privacy.params()
  local params = {
    protocol = "chexgenbench", name = "unnamed model", results = "Results", on_bad_image = "stop", batch = 16,
    n = 2000,                  -- prompts that are drawn, as the reference draws them; all where 0
    -- Python's random.seed(42); random.choices(range(1, 1000), k=10).
    seeds = { 639, 25, 275, 223, 736, 677, 892, 87, 422, 30 },
    thresholds = { 0.85 },     -- scores strictly above are counted
    search = false,            -- every film of the real table, not only the prompt's own
    nearest = 5,               -- with search: how many of the nearest films are listed
    false_positive_rate = 0.001, -- of pairs of different patients that the calibrated threshold takes for one
    calibration_films = 1000,  -- with search: at most so many real films are looked for among those of other patients
    compat = false,            -- also what the reference computes by mistake, in columns of their own
    gallery = 12,              -- the most suspicious pairs that are shown
    -- The model that makes the films; or the table of films that there are.
    model = "", weights = "", modules = {}, negative_prompt = "", overflow = "truncate", tiled = false, stream = false,
    synthetic = choices.films { image = "img_savename", prompt = "annotated_prompt" },
    real = choices.films { image = "path", prompt = "annotated_prompt", id = "", patient = "" },
    -- Real films that the model was not trained on, with search: the floor is made of them, where there are any.
    held_out = choices.films { image = "path", patient = "" },
    encoders = {},
  }
  generation.add_places(params)
  for key, value in pairs(search.params()) do params[key] = value end
  return params
end

privacy.untyped = generation.untyped

local Study = study.family()

-- What is wrong with the parameters, beside files; told by `choices.raise` or a start's teller.
function Study.faults(params, tell)
  choices.tell_range(tell, "n", params.n, 0, nil, "integer")
  choices.tell_range(tell, "nearest", params.nearest, 1, 1000, "integer")
  choices.tell_range(tell, "calibration_films", params.calibration_films, 2, 100000, "integer")
  choices.tell_range(tell, "gallery", params.gallery, 0, 1000, "integer")
  choices.tell_range(tell, "false_positive_rate", params.false_positive_rate, 1e-9, 0.5)
  for _, threshold in ipairs(params.thresholds) do choices.tell_range(tell, "thresholds", threshold, 0, 1) end
  if #params.thresholds == 0 then tell("is empty: name at least one score", "thresholds") end
  local has_model = params.model ~= ""
  if has_model and choices.is_given(params.synthetic) then
    tell("and params.synthetic.csv are both set: name the model that makes films, or the table of those that there are", "model")
  elseif not has_model and not choices.is_given(params.synthetic) then
    tell("is not set: name the table of synthetic films, or a model with params.model", "synthetic.csv")
  end
  for _, which in ipairs { "real", "synthetic" } do
    choices.tell_prompts(tell, which, params[which], "the pairing of films")
  end
  if has_model and #params.seeds == 0 then tell("is empty: name a seed for each film of a prompt", "seeds") end
  local seen = {}
  for _, seed in ipairs(params.seeds) do
    if math.type(seed) ~= "integer" then tell(("wanted integers, got %s"):format(tostring(seed)), "seeds") end
    if seen[seed] then tell(("%s stands in it twice, and would make the same film twice"):format(tostring(seed)), "seeds") end
    seen[seed] = true
  end
  if not next(params.encoders) then
    tell(("is empty: name %s, %s or both, each with its weights"):format(params.reid_encoder, params.latent_encoder), "encoders")
  end
  search.faults(params, tell)
  if params.name:find "[/%c]" or params.name == "" then tell("it goes into the names of files: wanted no slash in it", "name") end
  if choices.is_given(params.held_out) and not params.search then
    tell("is set, and held-out films are looked for with search alone: set params.search", "held_out.csv")
  end
end

--- The prompts that are drawn: rows of the real table, the first of each prompt.
local function draw(all, params)
  local unique = all:dropna(params.real.prompt):unique(params.real.prompt)
  if params.n == 0 then return unique end
  if params.n > #unique then
    choices.raise(("wanted 0 (all) to the %d prompts of the real table, got %d"):format(#unique, params.n), "n")
  end
  return unique:sample { n = params.n, seed = 42 }
end

--- The look before a run.
function privacy.check(start)
  local params = start.params
  study.look(start, Study)
  local real, held_out = params.real, params.held_out
  choices.tell_unnamed(choices.teller(start), "real", real, "prompt")
  local columns = { real.image, real.prompt }
  for _, name in ipairs { "id", "patient" } do columns[#columns + 1] = choices.filled(real[name]) end
  if choices.is_given(held_out) then
    choices.look_at_table(start, "held_out", held_out, { held_out.image, choices.filled(held_out.patient) })
  end
  local rows = choices.look_at_table(start, "real", real, columns)
  if rows and params.n > rows then
    start:problem(("wanted 0 (all) to the %d rows of the real table, got %d"):format(rows, params.n), "n")
  end
  if choices.is_given(params.synthetic) then
    local there = choices.look_at_table(start, "synthetic", params.synthetic, { params.synthetic.image, params.synthetic.prompt })
    local all = there and rows and choices.peek("real", real, { image = "image", prompt = "prompt" })
    local films = all and choices.peek("synthetic", params.synthetic, { image = "image", prompt = "prompt" })
    local is_drawn, chosen = pcall(draw, all, params)
    if is_drawn then choices.look_at_prompts(start, "synthetic", films, params.synthetic, chosen, real) end
  elseif params.model ~= "" then
    generation.look_for_model(start)
    local films = (params.n > 0 and params.n or rows or 0) * #params.seeds
    start:needs(films * (tonumber(params.width) or SIDE) * (tonumber(params.height) or SIDE))
  end
end

-- Films

--- Makes the films of the prompts: one a seed. Returns them as a table, and their prompts.
local function make(run, chosen)
  local params = run.params
  local items, rows, columns = {}, {}, chosen.columns
  for i, row in chosen:rows() do
    local values = {}
    for c, column in ipairs(columns) do values[c] = row[column] or false end
    for k, seed in ipairs(params.seeds) do
      items[#items + 1] = { prompt = row[params.real.prompt], seed = seed, file = ("%05d_%02d.png"):format(i, k) }
      rows[#rows + 1] = values
    end
  end
  -- A table of its own: a row that stands twice in a selection has one file.
  local job <close> = generation.open(run, items, dataset.table(columns, rows))
  if job:has "width" then
    job.settings.width, job.settings.height = job.settings.width or SIDE, job.settings.height or SIDE
  end
  local folder = job:make()
  local paths, prompts = {}, {}
  for i, item in ipairs(items) do paths[i], prompts[i] = folder .. "/" .. item.file, item.prompt end
  return dataset.images(paths), prompts
end

--- The films of the prompts: those of the table, in its order, or new ones.
local function films_of(run, chosen)
  local params = run.params
  if params.model ~= "" then return make(run, chosen) end
  local all = choices.open_table("synthetic", params.synthetic, { image = "image", prompt = "prompt" })
  local some = choices.with_prompts_of(all, params.synthetic, chosen, params.real)
  run:log("%d of %d synthetic films have one of the %d prompts", #some, #all, #chosen)
  return some, some:column(params.synthetic.prompt)
end

-- Comparing

--- The encoder that plays a role; nil where the parameters give it no weights.
function Study:encoder(role)
  for _, entry in ipairs(self.encoders) do
    if entry.name == self.roles[role] then return entry.encoder end
  end
end

--- The features of a side.
function Study:vectors(side, role) return self.features[side][self.roles[role]].features end

--- Writes a table under the model's name.
function Study:write(kind, columns, rows)
  return choices.write_table(self.run, "privacy_" .. kind, self.params.name, columns, rows)
end

--- A number as the reference keeps it: with four decimals under `chexgenbench`.
function Study:rounded(value) return self.exact and value or metric.round(value, 4) end

--- An image as its pixels are compared.
function Study:pixels(path)
  if not self.exact then
    local film = image.load(path)
    if film.width ~= SIDE or film.height ~= SIDE then
      film = film:resize { width = SIDE, height = SIDE, filter = "bicubic" }
    end
    return film:convert "rgb"
  end
  local film = image.load(path, { mode = "rgb" })
  local short, long = math.min(film.width, film.height), math.max(film.width, film.height)
  local other = SIDE * long // short
  local is_wide = film.width >= film.height
  film = film:resize { width = is_wide and other or SIDE, height = is_wide and SIDE or other, filter = "bicubic" }
  return film:center_crop { width = SIDE, height = SIDE }
end

--- Opens the tables, makes films where a model shall, and goes over all images once.
local function open(run)
  local params = run.params
  local self = study.open(Study, run, params)
  self.roles = search.roles(params)
  if self:encoder(REID) then search.check_comparing(self:encoder(REID), params) end
  local all = choices.open_table("real", params.real, { image = "image", prompt = "prompt", id = "id", patient = "patient" })
  local chosen = draw(all, params)
  local held_out = choices.is_given(params.held_out) and calibration.held_out(run, all) or nil
  if params.search then calibration.check_names(all, held_out) end
  local films, prompts = films_of(run, chosen)
  if #films == 0 then error("params.synthetic.csv: no film has one of the prompts of params.real.csv", 0) end
  self:add("real", params.search and all or chosen)
  self:add("synthetic", films)
  if held_out then self:add("held_out", held_out) end
  local encoders, protocols, images = {}, {}, {}
  for _, entry in ipairs(self.encoders) do
    encoders[entry.name] = entry.encoder
    -- The encoder's own processor, on the film as it comes to it.
    if entry.name == self.roles[LATENT] then protocols[entry.name] = "exact" end
  end
  for _, side in ipairs(self.sides) do images[side] = self[side] end
  local found = evaluation.pass(images, { encoders = encoders, protocols = protocols, protocol = params.protocol,
    batch = params.batch, on_bad_image = params.on_bad_image, first = not self.exact and { width = SIDE, height = SIDE } or nil,
    label = "films" })
  self.prompts, self.hashes = {}, {}
  for i, place in ipairs(found.synthetic.kept:totable()) do self.prompts[i] = prompts[place] end
  for _, side in ipairs(self.sides) do
    self:take(side, found[side])
    self.hashes[side] = found[side].sha256
  end
  self:list_skipped()
  local notes = {}
  for _, side in ipairs(self.sides) do self:note_images(notes, side) end
  self.note = choices.filled(table.concat(notes, "; "))
  if self.note then run:log("note: %s", self.note) end
  self.names = choices.known_patients(self.real)
  self.held_names = self.held_out and choices.known_patients(self.held_out)
  self:match(chosen)
  return self
end

--- Pairs films and prompts: `self.matched` has for each prompt with films its real row, among those of `self.real`, its films, and
--- the group that intervals count it with, its patient where there are names.
function Study:match(chosen)
  local column = self.params.real.prompt
  local films = {}
  for i, prompt in ipairs(self.prompts) do
    films[prompt] = films[prompt] or {}
    table.insert(films[prompt], i)
  end
  -- The first row of a prompt among the rows that can be used; a prompt whose first film cannot be used is left out.
  local places = {}
  for i, path in ipairs(self.real:column(self.params.real.image)) do places[path] = places[path] or i end
  self.matched, self.without = {}, 0
  for _, row in chosen:rows() do
    local real = places[row[self.params.real.image]]
    if real and films[row[column]] then
      self.matched[#self.matched + 1] = { prompt = row[column], real = real, films = films[row[column]],
        group = self.names and self.names[real] or row[column] }
    else
      self.without = self.without + 1
    end
  end
  if #self.matched == 0 then error("no prompt has both a real film and a synthetic one that can be used", 0) end
  self.compared = 0
  for _, item in ipairs(self.matched) do self.compared = self.compared + #item.films end
  self.run:log("%d prompts with %d films; prompts left out: %d, with %d films", #self.matched, self.compared, self.without,
    #self.synthetic - self.compared)
end

--- The scores of every film with the real film of its prompt, by film.
function Study:compare()
  local reals, films = {}, {}
  for _, item in ipairs(self.matched) do
    for _, film in ipairs(item.films) do reals[#reals + 1], films[#films + 1] = item.real, film end
  end
  local real_rows, film_rows = tensor.new(reals, "i64"), tensor.new(films, "i64")
  local function pairs_of(name)
    return self:vectors("real", name):index(1, real_rows), self:vectors("synthetic", name):index(1, film_rows)
  end
  self.scores = { reid = {}, latent = {}, pixel = {}, wrapped = {} }
  local function keep(kind, values)
    for i, value in ipairs(values:totable()) do self.scores[kind][films[i]] = value end
  end
  if self:encoder(REID) then keep("reid", self:encoder(REID):similarity(pairs_of(REID))) end
  if self:encoder(LATENT) then keep("latent", metric.latent_distance(pairs_of(LATENT))) end
  local bar <close> = self.run:progress(#films, "pixels")
  for _, item in ipairs(self.matched) do
    -- By the bytes that are compared: a film that was mended before a run went on is another.
    local key = { self.hashes.real[item.real]:sub(1, 16) }
    for i, film in ipairs(item.films) do key[i + 1] = self.hashes.synthetic[film]:sub(1, 16) end
    local found = self.run:once("pixels/" .. table.concat(key, " "), function()
      local real = self:pixels(self.real[item.real].image_path)
      local list = {}
      for i, film in ipairs(item.films) do
        local pixels = self:pixels(self.synthetic[film].image_path)
        list[i] = { metric.pixel_distance(real, pixels), metric.pixel_distance(real, pixels, { wrapped = true }) }
        bar:step(1)
      end
      return list
    end)
    for i, film in ipairs(item.films) do self.scores.pixel[film], self.scores.wrapped[film] = found[i][1], found[i][2] end
  end
end

--- The mean and the extreme of the scores of some films; nil where there are none.
function Study:summary(kind, films, extreme)
  local sum, best = 0, nil
  for _, film in ipairs(films) do
    local value = self.scores[kind][film]
    if not value then return nil end
    value = self:rounded(value)
    sum, best = sum + value, best and extreme(best, value) or value
  end
  return sum / #films, best
end

--- The table of prompts.
function Study:tabulate()
  self.rows = {}
  for number, item in ipairs(self.matched) do
    local row = { ["Real Path"] = self.real[item.real].image_path, ["Prompt"] = item.prompt }
    row["Mean_reid_scores"], row["Max_reid_scores"] = self:summary("reid", item.films, math.max)
    row["Mean_pixel_distance"], row["Min_pixel_distance"] = self:summary("pixel", item.films, math.min)
    row["Mean_latent_distance"], row["Min_latent_distance"] = self:summary("latent", item.films, math.min)
    if self.params.compat then
      local last = item.films[#item.films]
      row[COMPAT[1]], row[COMPAT[2]] = self:summary("wrapped", item.films, math.min)
      row[COMPAT[3]], row[COMPAT[4]] = self:rounded(self.scores.pixel[last]), self:rounded(self.scores.wrapped[last])
    end
    self.rows[number] = row
  end
  local columns = { table.unpack(COLUMNS) }
  for _, name in ipairs(self.params.compat and COMPAT or {}) do columns[#columns + 1] = name end
  local path = self:write("metrics", columns, self.rows)
  self.run:log("a row a prompt: %s", path)
end

--- Which values of a number are better: films that are less like those that the model was trained on. Of grey levels, limits and what
--- is said of real films alone, neither.
local function direction_of(name)
  if name:find "latent_distance$" then return "higher" end
  for _, pattern in ipairs { "^Count", "reid_scores$", "^Rate ", "^Search rate " } do
    if name:find(pattern) then return "lower" end
  end
end

--- What a number of the results is. What the calibration found also depends on its rate and its floor.
function Study:identity(name, threshold, found)
  local kind = name:lower():find "latent" and LATENT or not name:find "pixel" and REID or nil
  local details, estimator, real, synthetic = nil, "mean over prompts", #self.matched, self.compared
  if name:find "^Count" then
    details, estimator = { threshold = threshold }, "prompts above a threshold"
  elseif found and found.values[name] then
    local floor = found.floor
    details = { rate = self.params.false_positive_rate, floor = calibration.floor_text(floor) }
    estimator, real = "calibrated by real films", #self.real
    if name ~= "Rate above it" then synthetic = #self.synthetic end
  end
  return metric.identity { metric = name, protocol = self.params.protocol, estimator = estimator,
    features = kind and self.identities[self.roles[kind]].features, real = real, synthetic = synthetic, details = details }
end

--- Records a row a threshold. Returns the last of them.
function Study:record(found)
  local params = self.params
  local means, row = {}, nil
  for i = 3, #COLUMNS do
    local sum = 0
    for _, line in ipairs(self.rows) do sum = sum and line[COLUMNS[i]] and sum + line[COLUMNS[i]] end
    means[COLUMNS[i]] = sum and sum / #self.rows
  end
  local columns = { "Threshold", "Count_max", "Count_mean", "Prompts", "Films", "Prompts left out", "Protocol", "Extra Info" }
  local numbers = { "Count_max", "Count_mean" }
  for i = 3, #COLUMNS do columns[#columns + 1], numbers[#numbers + 1] = COLUMNS[i], COLUMNS[i] end
  for _, name in ipairs { "Count_max low", "Count_max high" } do columns[#columns + 1] = name end
  for _, name in ipairs(calibration.columns) do
    numbers[#numbers + 1] = name
    for _, part in ipairs { "", " low", " high", " floor" } do columns[#columns + 1] = name .. part end
  end
  for _, name in ipairs { "Floor films", "Floor patients", "Floor patients trained on", "Floor films of a film's own patient",
    "Floor copies left out", "Images left out" } do columns[#columns + 1] = name end
  choices.add_told(columns, numbers)
  columns[#columns + 1] = "Note"
  for _, threshold in ipairs(params.thresholds) do
    local is_above, groups, counts = {}, {}, { max = 0, mean = 0 }
    for i, line in ipairs(self.rows) do
      local max, mean = line["Max_reid_scores"], line["Mean_reid_scores"]
      is_above[i] = max and max > threshold and 1 or 0
      groups[i] = self.matched[i].group
      counts.max, counts.mean = counts.max + is_above[i], counts.mean + (mean and mean > threshold and 1 or 0)
    end
    row = { ["Threshold"] = threshold, ["Prompts"] = #self.rows, ["Films"] = self.compared, ["Prompts left out"] = self.without,
      ["Protocol"] = params.protocol, ["Extra Info"] = params.name, ["Images left out"] = #self.skipped, ["Note"] = self.note }
    if self:encoder(REID) then
      local share = metric.share(is_above, { groups = groups })
      row["Count_max"], row["Count_mean"] = counts.max, counts.mean
      row["Count_max low"], row["Count_max high"] = share.low and share.low * #self.rows, share.high and share.high * #self.rows
    end
    for name, value in pairs(found and found.values or {}) do
      row[name], row[name .. " low"], row[name .. " high"], row[name .. " floor"] = value.value, value.low, value.high, value.floor
    end
    local floor = found and found.floor
    if floor then
      row["Floor films"], row["Floor patients"], row["Floor copies left out"] = #floor.groups, floor.patients, floor.copies
      -- The patients of held-out films who stand in the real table, too; and the proof that no film met one of its own patient.
      row["Floor patients trained on"], row["Floor films of a film's own patient"] = floor.shared, floor.own
    end
    for name, value in pairs(means) do row[name] = value end
    for _, name in ipairs(numbers) do
      if row[name] then
        row[name .. " identity"], row[name .. " direction"] = self:identity(name, threshold, found), direction_of(name)
      end
    end
    self.run:record(row, columns)
    if row["Count_max"] then
      self.run:log("above %g: %d of %d prompts by their highest score, %d by their mean", threshold, row["Count_max"],
        #self.rows, row["Count_mean"])
    end
  end
  return row
end

--- Runs the experiment. Returns its last row of results.
function privacy.run(run)
  local self = open(run)
  self:compare()
  self:tabulate()
  local found = nil
  if run.params.search then
    search.films(self)
    found = calibration.run(self)
  end
  pictures(self, found)
  return self:record(found)
end

return privacy
