--- Which films of a synthetic set are kept: those that pass what is asked of them, step by step, and no more of a pathology than
--- wanted. What comes out is a table with its films, the scores of each film, and how many were left at every step.

local alignment = require "chexgen.alignment"
local chexgen = require "chexgen"
local choices = require "chexgen.choices"
local dataset = require "chexgen.dataset"
local evaluation = require "chexgen.evaluation"
local metric = require "chexgen.metric"
local model = require "chexgen.model"
local search = require "chexgen.privacy_search"
local study = require "chexgen.study"
local tensor = require "chexgen.tensor"

local curation = {}

--- The roles of encoders, and the pixels of a side that the reference compares films at.
local REID, LATENT, SIDE = search.REID, search.LATENT, search.SIDE

--- The steps that score films: the parameter, the column of the score, the parameter that names its encoder, and whether real
--- films are needed.
local SCORES = {
  { name = "alignment", column = alignment.COLUMN, encoder = "alignment_encoder", digits = 3 },
  { name = "reid", column = "Reid_score", encoder = "reid_encoder", has_real = true, digits = 4 },
  { name = "distance", column = "Latent_distance", encoder = "latent_encoder", has_real = true, digits = 4 },
  { name = "radiomics", column = "Radiomics_outside", has_real = true },
}

--- What a rule may hold.
local NUMBERS, LISTS = { at_least = true, at_most = true }, { one_of = true, none_of = true }

--- The parameters with their defaults.
function curation.params()
  local params = {
    protocol = "exact", name = "unnamed model", batch = 16, on_bad_image = "skip",
    synthetic = choices.films { image = "img_savename", prompt = "annotated_prompt", labels = "chexpert_labels" },
    real = choices.films { image = "path", prompt = "annotated_prompt" },
    columns = {},   -- of the table: { quality: { none_of: [Low Quality] }, score: { at_least: 0.5 } }
    alignment = {}, -- BioViL-T's cosine of film and prompt: { at_least: 0.3 }
    reid = {},      -- the highest probability that a real film is of the same patient: { at_most: 0.85 }
    distance = {},  -- to the nearest real film, by RAD-DINO's features: { at_least: 0.1 }
    radiomics = {}, -- the share of features outside of the real films' range: { at_most: 0.05, quantile: 0.005 }
    balance = {},   -- films of a pathology: { cap: 1000, pathologies: all }
    files = "hardlink", -- or symlink, copy, none: how the films come into the run folder
    encoders = {},
    modules = {}, -- Lua modules beside the experiment that register encoders
  }
  for _, roles in ipairs { alignment.role(), search.params() } do
    for key, value in pairs(roles) do params[key] = value end
  end
  return params
end

--- Whether a step is asked for.
local function is_asked(rule) return next(rule) ~= nil end

local function sorted_keys(map)
  local names = {}
  for name in pairs(map) do names[#names + 1] = tostring(name) end
  table.sort(names)
  return names
end

--- Tells keys of a map that are none, and returns whether it is a map.
local function tell_keys(tell, key, map, known)
  if type(map) ~= "table" or #map > 0 then
    tell(("wanted a map of %s"):format(table.concat(sorted_keys(known), ", ")), key)
    return false
  end
  for _, name in ipairs(sorted_keys(map)) do
    if not known[name] then
      tell(("unknown key \"%s\"; known: %s"):format(name, table.concat(sorted_keys(known), ", ")), key)
    end
  end
  return true
end

--- Tells what is wrong with the bounds of a rule.
local function tell_bounds(tell, key, rule)
  for name in pairs(NUMBERS) do
    local value = rule[name]
    if value ~= nil and (type(value) ~= "number" or value ~= value) then
      tell(("wanted a number, got %s"):format(tostring(value)), key .. "." .. name)
      return
    end
  end
  if rule.at_least and rule.at_most and rule.at_least > rule.at_most then
    tell(("at_least %s is above at_most %s: no film passes"):format(rule.at_least, rule.at_most), key)
  end
end

--- Tells what is wrong with the rule of a column.
local function tell_column(tell, key, rule)
  local known = { at_least = true, at_most = true, one_of = true, none_of = true }
  if not tell_keys(tell, key, rule, known) then return end
  if not is_asked(rule) then tell("is empty: give at_least, at_most, one_of or none_of", key) end
  tell_bounds(tell, key, rule)
  for name in pairs(LISTS) do
    local list = rule[name]
    if list ~= nil and (type(list) ~= "table" or #list == 0) then tell("wanted a list of values", key .. "." .. name) end
  end
end

--- Tells what is wrong with the parameters, beside files; by `choices.raise` or a start's teller.
local function faults(params, tell)
  choices.tell(tell, "protocol", params.protocol, { "chexgenbench", "exact" })
  choices.tell(tell, "on_bad_image", params.on_bad_image, { "stop", "skip" })
  choices.tell(tell, "files", params.files, { "hardlink", "symlink", "copy", "none" })
  choices.tell_range(tell, "batch", params.batch, 1, 4096, "integer")
  local asked = is_asked(params.columns) or is_asked(params.balance)
  for _, name in ipairs(sorted_keys(params.columns)) do tell_column(tell, "columns." .. name, params.columns[name]) end
  for _, step in ipairs(SCORES) do
    local rule = params[step.name]
    if is_asked(rule) then
      asked = true
      local known = { at_least = true, at_most = true }
      if step.name == "radiomics" then known.quantile, known.settings = true, true end
      tell_keys(tell, step.name, rule, known)
      tell_bounds(tell, step.name, rule)
      if not rule.at_least and not rule.at_most then tell("gives no bound: set at_least or at_most", step.name) end
      local name = step.encoder and params[step.encoder]
      if name and not params.encoders[name] then
        tell(("is asked for, and encoders names no %s: give encoders: { %s: { weights: … } }"):format(name, name), step.name)
      end
      if step.has_real and not choices.is_given(params.real) then
        tell("is asked for, and no real films are named: set real.csv or real.folder", step.name)
      end
    end
  end
  if is_asked(params.radiomics) then choices.tell_range(tell, "radiomics.quantile", params.radiomics.quantile or 0, 0, 0.49) end
  if is_asked(params.alignment) then choices.tell_prompts(tell, "synthetic", params.synthetic, params.alignment_encoder) end
  if is_asked(params.balance) and tell_keys(tell, "balance", params.balance, { cap = true, pathologies = true }) then
    choices.tell_range(tell, "balance.cap", params.balance.cap, 1, nil, "integer")
    choices.pathologies(params.balance, function(text) tell(text, "balance.pathologies") end, "all")
  end
  alignment.role_faults(params, tell)
  if study.encoder_faults(params, tell) then search.faults(params, tell, { params.alignment_encoder }) end
  if not asked then
    tell("nothing is asked of the films: give columns, alignment, reid, distance, radiomics or balance", "columns")
  end
end

--- Bytes of a film that is copied: a PNG of 512 x 512 pixels.
local FILM = 300000

--- The look before a run.
function curation.check(start)
  local params = start.params
  faults(params, choices.teller(start))
  local usual = curation.params()
  local columns = choices.named_columns(params.synthetic, usual.synthetic)
  columns[#columns + 1] = params.synthetic.image
  if is_asked(params.alignment) then
    alignment.look_at_model(start)
    columns[#columns + 1] = params.synthetic.prompt
  end
  if is_asked(params.balance) then columns[#columns + 1] = params.synthetic.labels end
  local rows = choices.look_at_table(start, "synthetic", params.synthetic, columns)
  local asked = {}
  for i, name in ipairs(sorted_keys(params.columns)) do asked[i] = { "columns." .. name, name } end
  if asked[1] and choices.has_folder(params.synthetic) then
    start:problem("films of a folder have no columns: name a table with synthetic.csv", asked[1][1])
  end
  choices.look_at_columns(start, params.synthetic, asked)
  if rows and is_asked(params.balance) then
    local films = choices.peek("synthetic", params.synthetic, { labels = "labels" })
    if films then choices.look_at_labels(start, "synthetic", films) end
  end
  if choices.is_given(params.real) then
    columns = choices.named_columns(params.real, usual.real)
    for _, step in ipairs(SCORES) do
      if step.has_real and is_asked(params[step.name]) then columns[#columns + 1] = params.real.image end
    end
    choices.look_at_table(start, "real", params.real, columns)
  end
  if params.files == "copy" then start:needs((rows or 0) * FILM) end
end

-- Steps

local Curation = {}
Curation.__index = Curation

--- Counts a step: which films pass, and why the others do not. `passes(film)` is asked of the films that are left, by their rows in
--- the whole table.
function Curation:step(name, reason, passes)
  local kept = {}
  for _, film in ipairs(self.kept) do
    if passes(film) then kept[#kept + 1] = film else self.dropped_by[film] = name end
  end
  self:count(name, #self.kept, #kept, reason)
  self.kept = kept
end

--- Records how many films a step left.
function Curation:count(name, films, kept, reason, pathology)
  self.run:record({ Step = name, Films = films, Kept = kept, Dropped = films - kept, Reason = choices.filled(reason),
    Pathology = pathology, Protocol = self.params.protocol, ["Extra Info"] = self.params.name },
    { "Step", "Pathology", "Films", "Kept", "Dropped", "Reason", "Protocol", "Extra Info" })
  self.run:log("%-28s %7d films, %7d kept, %7d dropped%s", pathology and "  " .. pathology or name, films, kept, films - kept,
    films > kept and reason ~= "" and ": " .. reason or "")
end

--- The films that are left, as a table.
function Curation:left() return self.all:select(self.kept) end

--- Why a score is not passed.
local function reason_of(column, rule)
  local parts = {}
  if rule.at_least then parts[#parts + 1] = ("below %s"):format(rule.at_least) end
  if rule.at_most then parts[#parts + 1] = ("above %s"):format(rule.at_most) end
  return ("%s %s, or none"):format(column, table.concat(parts, " or "))
end

local function is_within(value, rule)
  return value ~= nil and value == value and (not rule.at_least or value >= rule.at_least)
    and (not rule.at_most or value <= rule.at_most)
end

--- Leaves films out that cannot be used, or stops with the list of them.
function Curation:look_at_films()
  local found = self.run:once("films", function()
    -- Asks nothing of an image but that it can be decoded.
    local nothing = { features = function(_, images) return tensor.zeros { #images, 1 } end }
    local pass = evaluation.pass(self.all, { encoders = { nothing = nothing }, protocol = self.params.protocol,
      batch = self.params.batch, on_bad_image = self.params.on_bad_image, label = "films" })
    choices.log_noticed(self.run, "synthetic", pass)
    local bad = {}
    for i, item in ipairs(pass.skipped) do bad[i] = { item.index, item.reason } end
    return { bad = bad }
  end)
  local reasons = {}
  for _, item in ipairs(found.bad) do
    reasons[item[1]] = item[2]
    self.run:log("left out: %s", item[2])
  end
  self:step("images", "cannot be used", function(film) return not reasons[film] end)
end

--- Asks a column of the table.
function Curation:ask_column(name, rule)
  local values, place = self.all:column(name), ("params.columns.%s"):format(name)
  local taken, refused
  local function set(list)
    if not list then return nil end
    local found = {}
    for _, value in ipairs(list) do found[tostring(value)] = true end
    return found
  end
  taken, refused = set(rule.one_of), set(rule.none_of)
  local is_number = rule.at_least or rule.at_most
  local parts = {}
  if is_number then parts[#parts + 1] = reason_of(name, rule) end
  if taken then parts[#parts + 1] = ("%s is not one of %s"):format(name, table.concat(rule.one_of, ", ")) end
  if refused then parts[#parts + 1] = ("%s is one of %s"):format(name, table.concat(rule.none_of, ", ")) end
  self:step("columns." .. name, table.concat(parts, "; "), function(film)
    local text = values[film]
    if is_number then
      local value = text and tonumber(text)
      if text and not value then error(("%s: row %d has \"%s\", and a number is wanted"):format(place, film, text), 0) end
      if not is_within(value or nil, rule) then return false end
    end
    if taken and not (text and taken[text]) then return false end
    return not (refused and text and refused[text])
  end)
end

--- Scores the films that are left and drops those out of bounds. `compute` gives a list of numbers in the order of the films that
--- are left, false for those without one; it is kept in the run folder.
function Curation:ask_score(step, compute)
  local rule, run = self.params[step.name], self.run
  if #self.kept == 0 then return self:step(step.name, reason_of(step.column, rule), function() return false end) end
  local found = run:once("scores/" .. step.name, function()
    local values, nearest = compute()
    local list = {}
    for i = 1, #self.kept do list[i] = values[i] or 0 / 0 end
    return { values = tensor.new(list, "f64"), nearest = nearest }
  end)
  local scores = found.values:totable()
  for i, film in ipairs(self.kept) do
    local value = scores[i]
    if value == value then
      if self.params.protocol == "chexgenbench" and step.digits then value = metric.round(value, step.digits) end
      self.scores[step.column] = self.scores[step.column] or {}
      self.scores[step.column][film] = value
      if found.nearest then
        local column = step.column .. " film"
        self.scores[column] = self.scores[column] or {}
        self.scores[column][film] = found.nearest[i]
      end
    end
  end
  local of = self.scores[step.column] or {}
  self:step(step.name, reason_of(step.column, rule), function(film) return is_within(of[film], rule) end)
end

--- A pass over the films that are left, and over the real ones where `real` says so; every one of the former can be read.
function Curation:pass(options, real)
  local images = { synthetic = self:left() }
  if real then images.real = self:real_films() end
  options.protocol, options.batch, options.on_bad_image = self.params.protocol, self.params.batch, self.params.on_bad_image
  local found = evaluation.pass(images, options)
  if real then
    for _, bad in ipairs(found.real.skipped) do self.run:log("real film left out: %s", bad.reason) end
    choices.log_noticed(self.run, "real", found.real)
    choices.some_left("real", found.real)
  end
  return found
end

function Curation:real_films()
  self.real = self.real or choices.open_table("real", self.params.real, { image = "image" })
  return self.real
end

--- Values of kept rows as a list for all rows of a pass.
local function spread(found, values)
  local list = {}
  for i, place in ipairs(found.kept:totable()) do list[place] = values[i] end
  return list
end

local compute = {}

--- The cosines of films and prompts.
function compute.alignment(self)
  local name = self.params.alignment_encoder
  local found = self:pass { encoders = { [name] = model.encoder(name, self.params.encoders[name]) } }
  local scorer = alignment.scorer(self.run, self.params)
  local owner = { synthetic = self:left():select(found.synthetic.kept), features = { synthetic = found.synthetic.features } }
  local values = scorer:score(owner, "synthetic", self.params.synthetic.prompt)
  return spread(found.synthetic, values)
end

--- A pass for an encoder that compares films with real ones, as the experiment `privacy` makes it.
local function compare(self, role)
  local name = search.roles(self.params)[role]
  local encoder = model.encoder(name, self.params.encoders[name])
  if role == REID then search.check_comparing(encoder, self.params) end
  local found = self:pass({ encoders = { [name] = encoder }, protocols = role == LATENT and { [name] = "exact" } or nil,
    first = self.params.protocol == "chexgenbench" and { width = SIDE, height = SIDE } or nil }, true)
  if #found.real.kept:totable() == 0 then error("params.real: no real film can be read", 0) end
  return encoder, found, found.synthetic.features[name].features, found.real.features[name].features
end

--- What a search found for the rows of a pass, one real film each: the scores, and the films' paths.
local function nearest(self, found, scores, rows)
  -- Of the films that were used: a row that was left out may have none.
  local paths, count, list = self.real:select(found.real.kept):image_paths(), rows:size(1), {}
  for i, place in ipairs(rows:reshape({ count }):totable()) do list[i] = paths[place] end
  return spread(found.synthetic, scores:reshape({ count }):totable()), spread(found.synthetic, list)
end

--- The highest probability that a real film is of the same patient.
function compute.reid(self)
  local encoder, found, queries, database = compare(self, REID)
  return nearest(self, found, search.most_alike(self.run, encoder, queries, database, 1))
end

--- The distance to the nearest real film, as the reference scales it.
function compute.distance(self)
  local _, found, queries, database = compare(self, LATENT)
  return nearest(self, found, search.nearest(queries, database, 1, "f64"))
end

--- The features of a table of radiomics, without the diagnostics, and the rows that have them.
local function features_of(radiomics)
  local values, columns, rows = radiomics:tensor(), {}, {}
  for i, name in ipairs(radiomics.names) do
    if not name:find "^diagnostics" then columns[#columns + 1] = i end
  end
  values = values:index(2, tensor.new(columns, "i64"))
  for i, sum in ipairs(values:sum(2):totable()) do
    if sum == sum then rows[#rows + 1] = i end
  end
  return rows[1] and values:index(1, tensor.new(rows, "i64")), rows
end

--- The share of a film's features that lie outside of the real films' range.
function compute.radiomics(self)
  local rule = self.params.radiomics
  local found = self:pass({ radiomics = rule.settings or true }, true)
  local real, real_rows = features_of(found.real.radiomics)
  if #real_rows < 2 then error("params.real: a range needs two real films with radiomic features", 0) end
  local ordered = real:sort(1)
  local inner = math.floor((rule.quantile or 0) * (#real_rows - 1))
  local low, high = ordered:narrow(1, 1 + inner, 1), ordered:narrow(1, #real_rows - inner, 1)
  local values, rows = features_of(found.synthetic.radiomics)
  local list = {}
  if values then
    local outside = (values:lt(low):to "f64" + values:gt(high):to "f64"):mean(2):totable()
    for i, row in ipairs(rows) do list[row] = outside[i] end
  end
  local shares = {}
  for i = 1, #found.synthetic.kept:totable() do shares[i] = list[i] or false end
  return spread(found.synthetic, shares)
end

--- Takes at most so many films of each pathology: films whose rarest pathology is the rarest come first, else in an order drawn by
--- the run's seed, and a film that would pass the cap of one of its pathologies is left out. Films without any of them all stay.
function Curation:balance()
  local rule = self.params.balance
  local names = choices.pathologies(rule, choices.raise, "all")
  local found, counts = {}, {}
  for _, name in ipairs(names) do counts[name] = 0 end
  for _, film in ipairs(self.kept) do
    local labels, own = self.all[film].labels, {}
    for _, name in ipairs(names) do
      if labels[name] == 1 then own[#own + 1], counts[name] = name, counts[name] + 1 end
    end
    found[film] = own
  end
  local drawn = #self.kept > 0 and tensor.randperm(#self.kept, tensor.generator(self.run.seed)):totable() or {}
  local order, rarest, place = {}, {}, {}
  for i, film in ipairs(self.kept) do
    order[i], place[film], rarest[film] = film, drawn[i], math.huge
    for _, name in ipairs(found[film]) do rarest[film] = math.min(rarest[film], counts[name]) end
  end
  table.sort(order, function(a, b)
    if rarest[a] ~= rarest[b] then return rarest[a] < rarest[b] end
    return place[a] < place[b]
  end)
  local taken, is_taken = {}, {}
  for _, film in ipairs(order) do
    local fits = true
    for _, name in ipairs(found[film]) do fits = fits and (taken[name] or 0) < rule.cap end
    if fits then
      is_taken[film] = true
      for _, name in ipairs(found[film]) do taken[name] = (taken[name] or 0) + 1 end
    end
  end
  local reason = ("more than %d films of a pathology"):format(rule.cap)
  self:step("balance", reason, function(film) return is_taken[film] end)
  for _, name in ipairs(names) do self:count("balance", counts[name], taken[name] or 0, reason, name) end
end

-- What comes out

--- A name below the folder of films for each film that is kept: its path in the table where that stays inside.
local function names_of(rows, column)
  local names, sources = {}, {}
  for i, cell in ipairs(rows:column(column)) do
    local source = rows[i].image_path
    local name = cell:gsub("^/+", ""):gsub("//+", "/")
    for part in name:gmatch "[^/]+" do
      if part == "." or part == ".." then name = cell:match "[^/]*$" break end
    end
    local stem, ending, number = name:match "^(.*)(%.[^./]*)$", name:match "%.[^./]*$", 1
    -- Two films of one name stand beside each other; one film of two rows is one file.
    while sources[name] and sources[name] ~= source do
      number = number + 1
      name = ("%s_%d%s"):format(stem or name, number, ending or "")
    end
    names[i], sources[name] = name, source
  end
  return names
end

local function exists(path)
  local file <close> = io.open(path, "rb")
  return file ~= nil
end

--- Puts the films that are kept into the run folder, as the parameter says, with their table and their scores.
function Curation:write()
  local run, params = self.run, self.params
  local rows = self:left()
  local column = params.synthetic.image
  local paths = rows:image_paths()
  local cells = {}
  if params.files == "none" then
    for i, path in ipairs(paths) do cells[i] = path end
  else
    local bar <close> = run:progress(#rows, "films")
    for i, name in ipairs(names_of(rows, column)) do
      cells[i] = "images/" .. name
      local target = run:artifact("curated/images/" .. name)
      -- A run that was stopped goes on with the next film: each is there whole or not at all.
      if not exists(target) then
        local ok, reason = pcall(chexgen.copy_file, paths[i], target, params.files)
        if not ok then error(("params.files: %s: %s"):format(params.files, choices.reason(reason)), 0) end
      end
      bar:step(1)
    end
  end
  local out = rows:with_column(column, cells)
  for _, name in ipairs(self:score_columns()) do
    local values = {}
    for i, film in ipairs(self.kept) do values[i] = self.scores[name][film] or false end
    out = out:with_column(name, values)
  end
  local path = run:artifact "curated/films.csv"
  out:write(path)
  run:log("%d films with their table: %s", #rows, path)
  return path
end

--- The columns of scores, in the order of the steps.
function Curation:score_columns()
  local names = {}
  for _, step in ipairs(SCORES) do
    for _, name in ipairs { step.column, step.column .. " film" } do
      if self.scores[name] then names[#names + 1] = name end
    end
  end
  return names
end

--- Writes what became of every film.
function Curation:write_verdicts()
  local columns = { "film" }
  for _, name in ipairs(self:score_columns()) do columns[#columns + 1] = name end
  columns[#columns + 1] = "dropped by"
  local rows = {}
  for film, cell in ipairs(self.all:column(self.params.synthetic.image)) do
    local row = { film = cell or "", ["dropped by"] = self.dropped_by[film] }
    for _, name in ipairs(self:score_columns()) do row[name] = self.scores[name][film] end
    rows[film] = row
  end
  dataset.write_csv(self.run:artifact "scores.csv", columns, rows)
end

--- Runs the experiment. Returns the path of the table of the films that are kept.
function curation.run(run)
  local params = run.params
  faults(params, choices.raise)
  local roles = { image = "image" }
  if is_asked(params.balance) then roles.labels = "labels" end
  local self = setmetatable({ run = run, params = params, scores = {}, dropped_by = {} }, Curation)
  self.all = choices.open_table("synthetic", params.synthetic, roles)
  self.kept = choices.count(#self.all)
  self:look_at_films()
  for _, name in ipairs(sorted_keys(params.columns)) do self:ask_column(name, params.columns[name]) end
  for _, step in ipairs(SCORES) do
    if is_asked(params[step.name]) then self:ask_score(step, function() return compute[step.name](self) end) end
  end
  if is_asked(params.balance) then self:balance() end
  self:count("all", #self.all, #self.kept, "")
  self:write_verdicts()
  if #self.kept == 0 then
    error(("no film of %d is left: results.csv says which step dropped how many"):format(#self.all), 0)
  end
  return self:write()
end

return curation
