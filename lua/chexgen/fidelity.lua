--- How close synthetic images are to real ones: the family of studies behind the experiments `fidelity`, `conditional`, `frd` and
--- `sweep`. Two tables of images, and every statistic of them that an encoder or radiomics has the features for.
---
--- Protocol `chexgenbench` repeats the reference, `exact` does what the metrics' papers say; `docs/protocols.md` lists what differs.

local alignment = require "chexgen.alignment"
local choices = require "chexgen.choices"
local metric = require "chexgen.metric"
local study = require "chexgen.study"

local fidelity = {}

--- The reference's columns, in its order: those of its tables, whatever is measured beside them.
fidelity.columns = {
  "FID", "FID (RadDino)", "Inception Score", "KID", "KID (RadDino)",
  "Precision", "Recall", "Density", "Coverage", "FRD",
}

--- The column of labels where the YAML names none.
local LABELS = "chexpert_labels"

--- The parameters of the family's experiments with their defaults.
function fidelity.params(extra)
  local params = study.params {
    real = choices.films { image = "path", prompt = "annotated_prompt", labels = LABELS },
    synthetic = choices.films { image = "img_savename", prompt = "annotated_prompt" },
    settings = {}, -- of statistics that `modules` register, by name
    frd = true,
    radiomics = "", -- a YAML file with pyradiomics' parameters; the reference's where empty
  }
  for _, setting in ipairs(metric.settings()) do
    if params[setting.parameter] ~= nil then
      error(("the setting %s: studies have a parameter %s already"):format(setting.name, setting.parameter), 0)
    end
    params[setting.parameter] = setting.default
  end
  for key, value in pairs(alignment.role()) do params[key] = value end
  for key, value in pairs(extra or {}) do params[key] = value end
  return params
end

local Fidelity = study.family()
Fidelity.published = fidelity.columns
Fidelity.published_facts = { "Extra Info", "Caption Type" }
Fidelity.facts = { "Extra Info", "Caption Type", "Protocol", "Real images", "Synthetic images", "Images left out" }
Fidelity.counts = { "FRD images left out" }

-- Bytes of an image's line in a table of radiomics: 385 features with the reference's settings, of up to 20 characters.
local RADIOMICS_LINE = 8000

-- What is wrong with the parameters of the family, beside those of all studies.
function Fidelity.faults(params, tell)
  alignment.role_faults(params, tell)
  local known, names = {}, {}
  for _, setting in ipairs(metric.settings()) do
    if params[setting.parameter] ~= nil then
      study.bound(tell, params, setting.parameter, setting)
    else
      known[setting.name], names[#names + 1] = setting, setting.name
    end
  end
  local given = {}
  for name in pairs(params.settings) do given[#given + 1] = name end
  table.sort(given)
  for _, name in ipairs(given) do
    if known[name] then
      study.bound(tell, params.settings, name, known[name], "settings.")
    else
      tell(("is no setting of a statistic that a module registers; known: %s"):format(
        names[1] and table.concat(names, ", ") or "none"), "settings." .. name)
    end
  end
  if next(params.encoders) == nil and not params.frd then
    tell("is empty and params.frd is false: name at least one encoder, for example "
      .. "encoders: { inception-v3: { weights: weights-inception-2015-12-05-6726825d.pth } }", "encoders")
  end
  if params.frd and params.radiomics ~= "" then
    -- The settings are read as for any image; there is none.
    local ok, reason = pcall(metric.radiomics_table, {}, { settings = params.radiomics })
    if not ok then tell(choices.reason(reason), "radiomics") end
  end
end

-- Which parameters of a table name columns that must be there.
local function columns_of(which, options, labels)
  local columns = { image = "image", prompt = "prompt" }
  -- Labels that nobody asks for need not be there; a column that the YAML names must.
  if which == "real" and (labels or options.labels and options.labels ~= LABELS) then columns.labels = "labels" end
  return columns
end

--- The look before a run at the settings that all of the family have.
function fidelity.look(start)
  study.look(start, Fidelity)
  alignment.look_at_model(start)
end

--- The look before a run at a table; with `labels` its labels will be read. Returns the rows, nil after a problem.
function fidelity.look_at_table(start, which, options, labels, key)
  local names = {}
  for role, name in pairs(columns_of(which, options, labels)) do
    names[#names + 1] = options[name]
    -- Without a column of labels, the fourteen columns are found by name.
    if role ~= "labels" then choices.tell_unnamed(choices.teller(start), key or which, options, name) end
  end
  table.sort(names)
  return choices.look_at_table(start, key or which, options, names)
end

--- What the family keeps in the run folder of so many images: radiomics; features are kept in the cache.
function fidelity.needs(start, images)
  if start.params.frd then start:needs(images * RADIOMICS_LINE) end
end

-- The rows of a side that count.
local function rows_of(which, params, labels)
  local options = params[which]
  local rows = choices.open_table(which, options, columns_of(which, options, labels))
  local is_unique = which == "real" or params.protocol == "exact"
  return is_unique and choices.each_prompt_once(rows, options) or rows
end

--- The look before a run of two tables. With `labels` those of the real one will be read. Returns the rows of both that count, by
--- side, where nothing is wrong with them.
function fidelity.check(start, labels)
  fidelity.look(start)
  local params, images, sides = start.params, 0, {}
  for _, which in ipairs { "real", "synthetic" } do
    local name = params.alignment_encoder
    if params.encoders[name] then choices.tell_prompts(choices.teller(start), which, params[which], name) end
    local count = fidelity.look_at_table(start, which, params[which], labels)
    local ok, rows = pcall(rows_of, which, params, labels)
    if count and ok then
      sides[which] = rows
      if #rows < 2 then
        start:problem(("too few images: %d, and a distance needs 2 of each set"):format(#rows),
          choices.place(which, params[which]))
      end
    end
    images = images + (count or 0)
  end
  fidelity.needs(start, images)
  return sides
end

--- Opens a study: reads both tables, chooses the rows, loads the encoders. With `labels` the real table's labels are read.
--- The parameters are the run's, or `params` for an experiment that makes its images itself.
function fidelity.open(run, labels, params)
  params = params or run.params
  local self = study.open(Fidelity, run, params)
  local real, synthetic = rows_of("real", params, labels), rows_of("synthetic", params)
  run:log("%d real images%s, %d synthetic images", #real, choices.has_prompts(params.real) and " (one a prompt)" or "",
    #synthetic)

  self:add("real", real)
  self:add("synthetic", synthetic)
  self.statistics = metric.statistics()
  self.alignment = alignment.scorer(run, params)
  self:choose_columns()
  return self
end

--- The columns: the reference's, then those of further encoders and statistics.
function Fidelity:choose_columns()
  local entry_of = {}
  for _, entry in ipairs(self.statistics) do entry_of[entry.column] = entry end
  for _, name in ipairs(fidelity.columns) do self:add_column(name, entry_of[name:gsub(" %b()$", "")]) end
  for _, entry in ipairs(self.statistics) do
    if entry.input == "radiomics" then
      if self.params.frd then self:add_column(entry.column, entry) end
    else
      for _, encoder in ipairs(self.encoders) do
        local output, ending = self:output_of(encoder, entry.input)
        if output then self:add_column(entry.column .. ending, entry) end
      end
    end
  end
  if self.alignment then self:add_column(alignment.COLUMN, { has_chance = true }) end
end

--- Goes over every image once.
function Fidelity:embed()
  local params = self.params
  study.Study.embed(self, { "features", "neighbours", "logits" }, params.frd and (params.radiomics == "" or params.radiomics))
  if not self.alignment then return end
  for _, side in ipairs(self.sides) do self.alignment:score(self, side, params[side].prompt) end
end

function Fidelity:settings()
  local params, settings = self.params, study.Study.settings(self)
  settings.settings = {}
  for _, setting in ipairs(metric.settings()) do
    local value = params[setting.parameter]
    if value == nil then value = params.settings[setting.name] end
    settings.settings[setting.name] = value
  end
  return settings
end

--- What the experiment says of every row.
function Fidelity:describe()
  local synthetic = self.params.synthetic
  return { ["Extra Info"] = self.params.name, ["Caption Type"] = choices.has_prompts(synthetic) and synthetic.prompt or nil,
    ["Protocol"] = self.params.protocol }
end

local function too_few(real, synthetic)
  return ("too few images: %d real, %d synthetic; a distance needs 2 of each"):format(real, synthetic)
end

--- Measures the whole study, of which nothing would be left to tell where its images are too few; as `measure`.
function Fidelity:measure_all()
  if #self.real < 2 or #self.synthetic < 2 then error(too_few(#self.real, #self.synthetic), 0) end
  return self:measure()
end

--- The metrics of the images in the given rows (all rows where nil). Returns a row of results, and the radiomic features by how
--- far they moved.
function Fidelity:measure(real_rows, synthetic_rows)
  local n_real = real_rows and real_rows:numel() or #self.real
  local n_synthetic = synthetic_rows and synthetic_rows:numel() or #self.synthetic
  local row = { ["Real images"] = n_real, ["Synthetic images"] = n_synthetic, ["Images left out"] = #self.skipped }
  local notes, moved = {}, nil
  self:note_images(notes, "real", real_rows)
  self:note_images(notes, "synthetic", synthetic_rows)
  if n_real < 2 or n_synthetic < 2 then
    notes[#notes + 1] = too_few(n_real, n_synthetic)
  else
    local groups = real_rows and self.real:select(real_rows) or self.real
    for _, entry in ipairs(self.encoders) do
      if entry.compares_sets then self:measure_encoder(row, notes, entry, real_rows, synthetic_rows, groups) end
    end
    if self.alignment then self.alignment:put(self, row, synthetic_rows, real_rows) end
    if self.radiomics then moved = self:measure_radiomics(row, notes, real_rows, synthetic_rows, groups) end
  end
  row["Note"] = choices.filled(table.concat(notes, "; "))
  return row, moved
end

--- The statistics of an encoder's features: those of one output together, so that they share its half-samples.
function Fidelity:measure_encoder(row, notes, encoder, real_rows, synthetic_rows, groups)
  local jobs, order = {}, {}
  for _, entry in ipairs(self.statistics) do
    local output, ending = self:output_of(encoder, entry.input)
    if output and entry.input ~= "radiomics" then
      local job = jobs[output]
      if not job then
        job = { statistics = {}, endings = {}, groups = groups, settings = self:settings(),
          real = self:features_of("real", encoder.name, output, real_rows),
          synthetic = self:features_of("synthetic", encoder.name, output, synthetic_rows),
          identity = self.identities[encoder.name][output] }
        jobs[output], order[#order + 1] = job, job
      end
      job.statistics[#job.statistics + 1], job.endings[entry.name] = entry, ending
    end
  end
  for _, job in ipairs(order) do self:measure_into(row, notes, job) end
  local features = jobs.features
  local fewest, width = math.min(features.real:size(1), features.synthetic:size(1)), features.real:size(2)
  if fewest < width then
    notes[#notes + 1] = ("%s: fewer images (%d) than features (%d): compare with the floor, not with other sizes; "
      .. "the value of endless sets keeps part of the bias"):format(encoder.name, fewest, width)
  end
end

--- FRD, and how far each feature moved.
function Fidelity:measure_radiomics(row, notes, real_rows, synthetic_rows, groups)
  local real, synthetic = self.radiomics.real, self.radiomics.synthetic
  if real_rows then real = real:select(real_rows) end
  if synthetic_rows then synthetic = synthetic:select(synthetic_rows) end
  local settings = self:settings()
  local ok, value, details = pcall(metric.frd, real, synthetic,
    { protocol = settings.protocol, seed = settings.seed, chunks = true })
  if not ok then
    notes[#notes + 1] = choices.reason(value)
    return nil
  end
  local job = { statistics = {}, endings = {}, real = real, synthetic = synthetic, groups = groups, chunks = true,
    settings = settings }
  for _, entry in ipairs(self.statistics) do
    if entry.input == "radiomics" then job.statistics[#job.statistics + 1], job.endings[entry.name] = entry, "" end
  end
  self:measure_into(row, notes, job)
  row["FRD images left out"] = #details.dropped
  local beyond, without = 0, nil
  for _, item in ipairs(details.dropped) do
    if item.kind == "chunks" then beyond = beyond + 1 else without = item.reason end
  end
  if beyond > 0 then
    notes[#notes + 1] = ("FRD leaves out %d images, as the reference does: n mod 16 of each set"):format(beyond)
  end
  if without then
    notes[#notes + 1] = ("FRD leaves out %d images without radiomic features, as the reference does, such as %s")
      :format(#details.dropped - beyond, without)
  end
  return details.moved
end

return fidelity
