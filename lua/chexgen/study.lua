--- What every evaluation of images has in common: tables of which rows count, one pass over their images for all that is asked of
--- them, statistics of any selection of rows with their intervals, floors and identities, rows of results, shared tables, a
--- printout. A family builds on it and says which tables there are, what is asked of the images, which statistics are measured of
--- which features, and which columns its shared table has; `chexgen.fidelity` is one.

local choices = require "chexgen.choices"
local dataset = require "chexgen.dataset"
local evaluation = require "chexgen.evaluation"
local metric = require "chexgen.metric"
local model = require "chexgen.model"

local study = {}

--- What follows a column's name for the value that endless sets would have.
study.AT_INFINITY = " at infinity"

--- The parameters that all studies have, with their defaults and those of a family.
function study.params(extra)
  local params = {
    protocol = "chexgenbench",
    name = "unnamed model",
    results = "Results",
    on_other_identity = "refuse", -- or mark: how a shared table takes numbers of other identities than its own
    batch = 16,
    on_bad_image = "stop",
    encoders = {},
    modules = {}, -- Lua modules beside the experiment that register encoders and statistics
    bootstrap = metric.defaults.replicates, -- half-samples of an interval; 0 for none
    floor_splits = metric.defaults.floor_splits, -- 0 for no floor
  }
  for key, value in pairs(extra or {}) do params[key] = value end
  return params
end

local Study = {}
Study.__index = Study
study.Study = Study

--- A class of studies that has the methods of all of them.
function study.family()
  local family = setmetatable({}, { __index = Study })
  family.__index = family
  return family
end

--- Tells whether `params[name]` lies outside of what a setting of statistics may be, of which `low` and `high` are known.
function study.bound(tell, params, name, setting, within)
  if params[name] == nil then return end
  local is_whole = math.type(setting.low) == "integer"
  choices.tell_range(function(text) tell(text, (within or "") .. name) end, name, params[name], setting.low, setting.high,
    is_whole and "integer" or nil)
end

--- Tells what is wrong with the parameters that all studies have, by `choices.raise` or a start's teller. Modules are loaded, so
--- that the encoders which they register are known. Behind them come those of a family, which its `faults(params, tell)` tells.
function study.faults(params, tell, family)
  choices.tell(tell, "protocol", params.protocol, { "chexgenbench", "exact" })
  choices.tell(tell, "on_bad_image", params.on_bad_image, { "stop", "skip" })
  if params.on_other_identity then choices.tell(tell, "on_other_identity", params.on_other_identity, { "refuse", "mark" }) end
  choices.tell_range(tell, "batch", params.batch, 1, 4096)
  for _, pair in ipairs { { "bootstrap", "replicates" }, { "floor_splits", "floor_splits" } } do
    local range = metric.bounds[pair[2]]
    study.bound(tell, params, pair[1], { low = range[1], high = range[2] })
  end
  study.encoder_faults(params, tell)
  if family and family.faults then family.faults(params, tell) end
end

--- Loads the modules of the parameters, and tells names of `encoders` that are none. Returns whether all modules are there.
function study.encoder_faults(params, tell)
  -- What a module that is not there would register, nobody knows.
  if not choices.load_modules(tell, params) then return false end
  local known, names, asked = {}, {}, {}
  for i, entry in ipairs(model.encoders()) do known[entry.name], names[i] = true, entry.name end
  for name in pairs(params.encoders) do
    if not known[name] then asked[#asked + 1] = name end
  end
  table.sort(asked)
  for _, name in ipairs(asked) do
    tell(("unknown encoder; known: %s"):format(table.concat(names, ", ")), "encoders." .. name)
  end
  return true
end

--- The look before a run at the parameters that all studies have, and at those of a family; for weights the program looks itself.
function study.look(start, family)
  study.faults(start.params, choices.teller(start), family)
  -- A sweep over settings shares no table.
  if start.params.results then start:results(start.params.results, "results") end
end

--- Begins a study: checks the parameters that all have and those of its family, and loads the encoders that the YAML names.
function study.open(family, run, params)
  study.faults(params, choices.raise, family)
  local self = setmetatable({ run = run, params = params, exact = params.protocol == "exact", sides = {}, encoders = {},
    features = {}, noticed = {}, skipped = {}, columns = {} }, family)
  for _, entry in ipairs(model.encoders()) do
    local options = params.encoders[entry.name]
    if options then
      self.encoders[#self.encoders + 1] = { name = entry.name, ending = entry.ending, roles = entry.roles,
        compares_sets = entry.compares_sets,
        default = entry.outputs and entry.outputs[1], encoder = model.encoder(entry.name, options) }
    end
  end
  return self
end

--- Adds a side: a dataset under a name, such as `real`.
function Study:add(side, rows)
  self.sides[#self.sides + 1] = side
  self[side] = rows
end

-- Features

--- The output of an encoder that a statistic's input means, and what follows the statistic's column; nil where the encoder does
--- not play that role.
function Study:output_of(entry, input)
  if input == "features" then
    if not entry.compares_sets then return nil end
    return "features", entry.ending
  end
  local role = entry.roles[input]
  if not role then return nil end
  local output = role[self.params.protocol]
  return output == entry.default and "features" or output, role.ending
end

--- Takes what a pass found of one side: leaves rows out, and remembers why and what was noticed of the others.
function Study:take(side, found)
  for _, bad in ipairs(found.skipped) do
    self.skipped[#self.skipped + 1] = { side = side, path = bad.path, reason = bad.reason }
    self.run:log("left out: %s", bad.reason)
  end
  choices.some_left(side, found)
  if #found.skipped > 0 then self[side] = self[side]:select(found.kept) end
  self.features[side], self.identities = found.features, found.identities
  self.noticed[side] = { clipped = found.clipped:totable(), flat = found.flat:totable() }
  if found.radiomics then
    found.radiomics:save(self.run:artifact(("radiomics/%s.csv"):format(side)))
    self.radiomics = self.radiomics or {}
    self.radiomics[side] = found.radiomics
  end
end

--- Goes over every image of every side once, for all encoders and, where `radiomics` says so, radiomics. `inputs` are those of
--- the statistics that will be measured. Images that cannot be used, and rows without one, stop the run with the list of them,
--- or are left out of every metric and recorded, as `on_bad_image` says.
function Study:embed(inputs, radiomics)
  local params = self.params
  local encoders, outputs, images = {}, {}, {}
  for _, entry in ipairs(self.encoders) do
    local seen, list = {}, {}
    for _, input in ipairs(inputs) do
      local output = self:output_of(entry, input)
      if output and not seen[output] then seen[output], list[#list + 1] = true, output end
    end
    -- Those that tell of single images are asked for what they tell.
    if not list[1] then list[1] = "features" end
    encoders[entry.name], outputs[entry.name] = entry.encoder, list
  end
  for _, side in ipairs(self.sides) do images[side] = self[side] end
  local found = evaluation.pass(images, { encoders = encoders, outputs = outputs, radiomics = radiomics,
    protocol = params.protocol, batch = params.batch, on_bad_image = params.on_bad_image })
  for _, side in ipairs(self.sides) do self:take(side, found[side]) end
  self:list_skipped()
end

--- Lists the images that were left out, where there are any.
function Study:list_skipped()
  if #self.skipped == 0 then return end
  dataset.write_csv(self.run:artifact("skipped.csv"), { "side", "path", "reason" }, self.skipped)
end

--- The features of some rows of a side (all where nil).
function Study:features_of(side, encoder, output, rows)
  local features = self.features[side][encoder][output]
  return rows and features:index(1, rows) or features
end

-- Measuring

--- What a reader must know of the images in the given rows of a side.
function Study:note_images(notes, side, rows)
  local chosen
  if rows then
    chosen = {}
    for _, row in ipairs(rows:totable()) do chosen[row] = true end
  end
  for _, kind in ipairs(choices.noticed) do
    local count = 0
    for _, row in ipairs(self.noticed[side][kind[1]]) do
      if not chosen or chosen[row] then count = count + 1 end
    end
    if count > 0 then
      notes[#notes + 1] = choices.notice(kind, count, rows and rows:numel() or #self[side], side)
    end
  end
end

--- The settings of statistics that a family's parameters do not name.
function Study:settings()
  local params = self.params
  return { protocol = params.protocol, seed = self.run.seed, replicates = params.bootstrap, floor_splits = params.floor_splits }
end

--- Measures statistics (entries of `metric.statistics()`) of two sets and puts them into a row. `job` has `real`, `synthetic`,
--- `statistics`, `endings` (by the statistics' names, what follows their columns), `groups`, `identity` and `settings`.
function Study:measure_into(row, notes, job)
  local options = { groups = job.groups, identity = job.identity, chunks = job.chunks, statistics = {} }
  for key, value in pairs(job.settings) do options[key] = value end
  for i, entry in ipairs(job.statistics) do options.statistics[i] = entry.name end
  local found = metric.measure(job.real, job.synthetic, options)
  local said, order = {}, {}
  for _, entry in ipairs(job.statistics) do
    local item, column = found[entry.name], entry.column .. job.endings[entry.name]
    self:put(row, column, item)
    if item.note then
      if not said[item.note] then said[item.note], order[#order + 1] = {}, item.note end
      table.insert(said[item.note], column)
    end
  end
  for _, note in ipairs(order) do notes[#notes + 1] = table.concat(said[note], ", ") .. ": " .. note end
end

--- Puts a measurement into a row, under its column and what follows from it.
function Study:put(row, column, item)
  local function put(name, estimate)
    row[name], row[name .. " low"], row[name .. " high"] = estimate.value, estimate.low, estimate.high
    row[name .. " floor"], row[name .. " identity"] = estimate.floor, estimate.identity
  end
  put(column, item)
  row[column .. " std"] = item.std
  if item.limit then put(column .. study.AT_INFINITY, item.limit) end
end

-- Results

--- Adds the columns of a statistic, in the order of results, once.
function Study:add_column(name, entry)
  for _, column in ipairs(self.columns) do
    if column.name == name then return end
  end
  self.columns[#self.columns + 1] = { name = name, has_limit = entry.has_limit, has_spread = entry.has_spread,
    has_chance = entry.has_chance }
end

--- The columns that `results.csv` may have, in order (those without a value are left out there): values first, then the family's
--- `facts`, then how sure each number is and what it is.
function Study:result_columns(first)
  local columns = {}
  local function add(...)
    for _, name in ipairs { ... } do columns[#columns + 1] = name end
  end
  add(table.unpack(first))
  for _, column in ipairs(self.columns) do add(column.name) end
  add(table.unpack(self.facts))
  for _, column in ipairs(self.columns) do
    add(column.name .. " low", column.name .. " high", column.name .. " floor")
    if column.has_chance then add(column.name .. " chance") end
  end
  for _, column in ipairs(self.columns) do
    local limit = column.name .. study.AT_INFINITY
    if column.has_limit then add(limit, limit .. " low", limit .. " high", limit .. " floor") end
  end
  add(table.unpack(self.counts))
  for _, column in ipairs(self.columns) do
    if column.has_spread then add(column.name .. " std") end
  end
  for _, column in ipairs(self.columns) do
    add(column.name .. " identity", column.name .. " direction")
    if column.has_limit then add(column.name .. study.AT_INFINITY .. " identity") end
  end
  add "Note"
  return columns
end

--- Records a row in the run's results. `first` holds pairs of further columns, which come before the others, and `further` names of
--- columns of the row that follow them.
function Study:record(row, first, further)
  local names = {}
  for i, pair in ipairs(first or {}) do
    row[pair[1]] = pair[2]
    names[i] = pair[1]
  end
  for name, value in pairs(self:describe()) do row[name] = value end
  for _, name in ipairs(further or {}) do names[#names + 1] = name end
  self.run:record(row, self:result_columns(names))
end

--- Records a row, and appends the family's `published` columns, rounded to its three decimals, to a table that runs share. Its
--- numbers are compared with those of the table's rows that have the same `first` columns.
function Study:publish(row, file, first, further)
  self:record(row, first, further)
  local cells, identities, among = {}, {}, {}
  for _, name in ipairs(self.published) do
    cells[#cells + 1] = { name, row[name] and metric.round(row[name], 3) }
    identities[name] = row[name] and row[name .. " identity"]
  end
  for _, name in ipairs(self.published_facts) do cells[#cells + 1] = { name, row[name] } end
  for _, pair in ipairs(first or {}) do cells[#cells + 1], among[#among + 1] = pair, pair[1] end
  self.run:publish(self.params.results .. "/" .. file, cells,
    { identities = identities, among = among, on_other_identity = self.params.on_other_identity })
end

--- Prints a row for people: a line a value with its interval and its floor.
function Study:show(row)
  local run = self.run
  run:log("%-22s %10s   %-23s %10s", "metric", "value", "95 % interval", "floor")
  local function line(label, name)
    local value, low, high, floor = row[name], row[name .. " low"], row[name .. " high"], row[name .. " floor"]
    if not value then return end
    run:log("%-22s %10.3f   %-23s %10s", label, value,
      low and ("[%.3f, %.3f]"):format(low, high) or "", floor and ("%.3f"):format(floor) or "")
  end
  for _, column in ipairs(self.columns) do
    line(column.name, column.name)
    if column.has_limit then line("  of endless sets", column.name .. study.AT_INFINITY) end
  end
  if row["Note"] then run:log("note: %s", row["Note"]) end
end

return study
