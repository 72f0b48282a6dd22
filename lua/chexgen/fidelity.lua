--- The study that the experiments `fidelity` and `conditional` share: two tables of images, the rows of each that count,
--- their features under every configured encoder, and the metrics of any selection of those rows.
---
--- Protocol `chexgenbench` repeats the reference: duplicates of a prompt are dropped from the real table only, RAD-DINO sees
--- the 299 x 299 image, KID takes one subset as large as the smaller set, the Inception Score takes the pooled features for
--- logits. Protocol `exact` does what the metrics' papers say: duplicates are dropped on both sides, RAD-DINO sees the original
--- image, KID draws subsets of at most 1000, the Inception Score takes the 1008 unbiased logits.

local choices = require "chexgen.choices"
local dataset = require "chexgen.dataset"
local evaluation = require "chexgen.evaluation"
local metric = require "chexgen.metric"
local model = require "chexgen.model"
local tensor = require "chexgen.tensor"

local fidelity = {}

--- The reference's columns, in its order.
fidelity.columns = {
  "FID", "FID (RadDino)", "Inception Score", "KID", "KID (RadDino)",
  "Precision", "Recall", "Density", "Coverage", "FRD",
}

local INTERVALS = { "FID", "FID (RadDino)", "KID", "KID (RadDino)", "Precision", "Recall", "Density", "Coverage" }

--- The column of labels where the YAML names none.
local LABELS = "chexpert_labels"

--- The parameters of both experiments with their defaults.
function fidelity.params(extra)
  local params = {
    protocol = "chexgenbench",
    name = "unnamed model",
    results = "Results",
    batch = 16,
    on_bad_image = "stop",
    real = { csv = "", image_dir = "", image = "path", prompt = "annotated_prompt", labels = LABELS },
    synthetic = { csv = "", image_dir = "", image = "img_savename", prompt = "annotated_prompt" },
    encoders = {},
    modules = {}, -- Lua modules beside the experiment that register encoders
    nearest_k = 5,
    kid_subsets = 100,
    kid_subset_size = 1000,
    bootstrap = 100,
    floor_splits = 4,
    frd = true,
    radiomics = "", -- a YAML file with pyradiomics' parameters; the reference's where empty
  }
  for key, value in pairs(extra or {}) do params[key] = value end
  return params
end

local function read_table(which, options, labels)
  local columns = { image = "image", prompt = "prompt" }
  -- Labels that nobody asks for need not be there; a column that the YAML names must.
  if labels or options.labels and options.labels ~= LABELS then columns.labels = "labels" end
  return choices.open_table(which, options, columns)
end

--- The columns of a study: the reference's, then those of encoders that scripts registered.
local function columns_of(encoders)
  local columns, intervals = table.move(fidelity.columns, 1, #fidelity.columns, 1, {}), table.move(INTERVALS, 1, #INTERVALS, 1, {})
  for _, entry in ipairs(encoders) do
    if entry.registered then
      local names = { "FID" .. entry.ending, "KID" .. entry.ending }
      if entry.roles.neighbours then
        for _, name in ipairs { "Precision", "Recall", "Density", "Coverage" } do
          names[#names + 1] = name .. entry.roles.neighbours.ending
        end
      end
      table.move(names, 1, #names, #intervals + 1, intervals)
      table.move(names, 1, #names, #columns + 1, columns)
      if entry.roles.logits then columns[#columns + 1] = "Inception Score" .. entry.roles.logits.ending end
    end
  end
  return columns, intervals
end

local Study = {}
Study.__index = Study

--- Opens a study: reads both tables, chooses the rows, loads the encoders. With `labels` the real table's labels are read.
--- The parameters are the run's, or `params` for an experiment that makes its images itself.
function fidelity.open(run, labels, params)
  params = params or run.params
  choices.one_of("protocol", params.protocol, { "chexgenbench", "exact" })
  choices.one_of("on_bad_image", params.on_bad_image, { "stop", "skip" })

  local self = setmetatable({ run = run, params = params, exact = params.protocol == "exact", encoders = {},
    features = {}, radiomics = params.frd and {} or nil, noticed = {}, skipped = {} }, Study)
  self.real = read_table("real", params.real, labels):unique(params.real.prompt)
  self.synthetic = read_table("synthetic", params.synthetic)
  if self.exact then self.synthetic = self.synthetic:unique(params.synthetic.prompt) end
  run:log("%d real images (one a prompt), %d synthetic images", #self.real, #self.synthetic)

  for _, name in ipairs(params.modules) do require(name) end
  local known, names = {}, {}
  for i, entry in ipairs(model.encoders()) do
    known[entry.name], names[i] = true, entry.name
    local options = params.encoders[entry.name]
    if options then
      local encoder = model.encoder(entry.name, options)
      self.encoders[#self.encoders + 1] = { name = entry.name, ending = entry.ending, roles = entry.roles, encoder = encoder,
        registered = entry.registered }
    end
  end
  for name in pairs(params.encoders) do
    if not known[name] then
      error(("params.encoders.%s: unknown encoder; known: %s"):format(name, table.concat(names, ", ")), 0)
    end
  end
  self.columns, self.intervals = columns_of(self.encoders)
  if #self.encoders == 0 and not params.frd then
    error("params.encoders is empty and params.frd is false: name at least one encoder, for example "
      .. "encoders: { inception-v3: { weights: weights-inception-2015-12-05-6726825d.pth } }", 0)
  end
  return self
end

--- Takes what a pass found of one side: leaves rows out, and remembers why and what was noticed of the others.
function Study:take(side, found)
  for _, bad in ipairs(found.skipped) do
    self.skipped[#self.skipped + 1] = { side = side, path = bad.path, reason = bad.reason }
    self.run:log("left out: %s", bad.reason)
  end
  if #found.skipped > 0 then self[side] = self[side]:select(found.kept) end
  self.features[side], self.identities = found.features, found.identities
  self.noticed[side] = { clipped = found.clipped:totable(), flat = found.flat:totable() }
  if found.radiomics then
    found.radiomics:save(self.run:artifact(("radiomics/%s.csv"):format(side)))
    self.radiomics[side] = found.radiomics
  end
end

--- Goes over every image once, for all encoders and radiomics. Images that cannot be used, and rows without one, stop the run
--- with the list of them, or are left out of every metric and recorded, as `on_bad_image` says.
function Study:embed()
  local params = self.params
  local encoders, outputs = {}, {}
  for _, entry in ipairs(self.encoders) do
    local logits = entry.roles.logits
    encoders[entry.name] = entry.encoder
    outputs[entry.name] = { "features", logits and logits[params.protocol] or nil }
  end
  local found = evaluation.pass({ real = self.real, synthetic = self.synthetic }, {
    encoders = encoders, outputs = outputs, radiomics = params.frd and (params.radiomics == "" or params.radiomics),
    protocol = params.protocol, batch = params.batch, on_bad_image = params.on_bad_image,
  })
  for _, side in ipairs { "real", "synthetic" } do self:take(side, found[side]) end
  if #self.skipped > 0 then self:write_skipped() end
end

--- What a reader must know of the images in the given rows: films that were cut to white, pictures of one grey level.
function Study:image_notes(notes, side, rows)
  local chosen
  if rows then
    chosen = {}
    for _, row in ipairs(rows:totable()) do chosen[row] = true end
  end
  for _, kind in ipairs { { "clipped", "have 16-bit samples that were cut to white at 255" }, { "flat", "are of one grey level" } } do
    local count = 0
    for _, row in ipairs(self.noticed[side][kind[1]]) do
      if not chosen or chosen[row] then count = count + 1 end
    end
    if count > 0 then notes[#notes + 1] = ("%d of %d %s images %s"):format(count, rows and rows:numel() or #self[side], side, kind[2]) end
  end
end

--- Every image that was left out, in a table of its own beside the results.
function Study:write_skipped()
  dataset.write_csv(self.run:artifact("skipped.csv"), { "side", "path", "reason" }, self.skipped)
end

local function rows_of(features, rows)
  return rows and features:index(1, rows) or features
end

--- The metrics of the images in the given rows (all rows where nil). Returns a row of results.
function Study:measure(real_rows, synthetic_rows)
  local params = self.params
  local n_real = real_rows and real_rows:numel() or #self.real
  local n_synthetic = synthetic_rows and synthetic_rows:numel() or #self.synthetic
  local row = { ["Real images"] = n_real, ["Synthetic images"] = n_synthetic, ["Images left out"] = #self.skipped }
  local notes = {}
  self:image_notes(notes, "real", real_rows)
  self:image_notes(notes, "synthetic", synthetic_rows)
  if n_real < 2 or n_synthetic < 2 then
    notes[#notes + 1] = ("too few images: %d real, %d synthetic; a distance needs 2 of each"):format(n_real, n_synthetic)
    row["Note"] = table.concat(notes, "; ")
    return row
  end
  if #self.encoders > 0 and math.min(n_real, n_synthetic) < 2048 then
    notes[#notes + 1] = "fewer images than features: compare with the floor, not with other sizes"
  end

  local patients = self.real:patients()
  local groups
  if patients then
    groups = patients
    if real_rows then
      groups = {}
      for i = 1, n_real do groups[i] = patients[real_rows[i]] end
    end
  end

  for _, entry in ipairs(self.encoders) do
    local ending = entry.ending
    local real = rows_of(self.features.real[entry.name].features, real_rows)
    local synthetic = rows_of(self.features.synthetic[entry.name].features, synthetic_rows)
    local identity = {
      protocol = params.protocol, features = self.identities[entry.name].features, real = n_real, synthetic = n_synthetic,
      seed = self.run.seed,
    }
    local function put(name, value, metric_name, estimator)
      row[name] = value
      identity.metric, identity.estimator = metric_name, estimator
      row[name .. " identity"] = metric.identity(identity)
    end

    put("FID" .. ending, metric.fid(real, synthetic), "fid", "frechet-f64")

    local smaller = math.min(n_real, n_synthetic)
    local subset = self.exact and math.min(params.kid_subset_size, smaller) or smaller
    local kid = { subsets = params.kid_subsets, subset_size = subset, seed = self.run.seed, protocol = params.protocol }
    local mean, deviation = metric.kid(real, synthetic, kid)
    put("KID" .. ending, mean, "kid", ("polynomial-3 subsets=%d subset_size=%d"):format(kid.subsets, subset))
    row["KID" .. ending .. " std"] = deviation

    if entry.roles.logits then
      local output = entry.roles.logits[params.protocol]
      local logits = rows_of(self.features.synthetic[entry.name][output], synthetic_rows)
      local score, spread = metric.inception_score(logits, { splits = 10, seed = self.run.seed })
      local column = "Inception Score" .. entry.roles.logits.ending
      put(column, score, "inception-score", self.exact and "logits-unbiased" or "pooled-2048-as-logits")
      row[column .. " std"] = spread
    end

    local k = params.nearest_k
    local has_neighbours = entry.roles.neighbours and smaller > k
    if has_neighbours then
      local prdc = metric.prdc(real, synthetic, { k = k })
      local estimator = ("k=%d"):format(k)
      local role = entry.roles.neighbours.ending
      put("Precision" .. role, prdc.precision, "precision", estimator)
      put("Recall" .. role, prdc.recall, "recall", estimator)
      put("Density" .. role, prdc.density, "density", estimator)
      put("Coverage" .. role, prdc.coverage, "coverage", estimator)
    elseif entry.roles.neighbours then
      notes[#notes + 1] = ("precision, recall, density and coverage need more than %d images on each side"):format(k)
    end

    self:add_intervals(row, ending, real, synthetic, { groups = groups, kid = kid,
      neighbours = has_neighbours and entry.roles.neighbours })
  end
  if self.radiomics then self:add_radiomics(row, notes, real_rows, synthetic_rows) end
  row["Note"] = table.concat(notes, "; ")
  return row
end

--- FRD with its floor: the two halves of the real set against each other.
function Study:add_radiomics(row, notes, real_rows, synthetic_rows)
  local real, synthetic = self.radiomics.real, self.radiomics.synthetic
  if real_rows then real = real:select(real_rows) end
  if synthetic_rows then synthetic = synthetic:select(synthetic_rows) end
  local options = { protocol = self.params.protocol, seed = self.run.seed, chunks = true }
  local ok, value, details = pcall(metric.frd, real, synthetic, options)
  if not ok then
    notes[#notes + 1] = tostring(value)
    return
  end
  row["FRD"], row["FRD identity"] = value, details.identity
  row["FRD images left out"] = #details.dropped
  local beyond, without = 0, nil
  for _, item in ipairs(details.dropped) do
    if item.reason:find("beyond the reference", 1, true) then beyond = beyond + 1 else without = item.reason end
  end
  if beyond > 0 then
    notes[#notes + 1] = ("FRD leaves out %d images, as the reference does: n mod 16 of each set"):format(beyond)
  end
  if without then
    notes[#notes + 1] = ("FRD leaves out %d images without radiomic features, as the reference does, such as %s")
      :format(#details.dropped - beyond, without)
  end
  row.moved = details.moved
  if self.params.floor_splits > 0 and #real >= 4 then
    local total, count = 0, 0
    for split = 1, self.params.floor_splits do
      local order = tensor.randperm(#real, tensor.generator(self.run.seed + split))
      local half = #real // 2
      local found, floor = pcall(metric.frd, real:select(order:narrow(1, 1, half)),
        real:select(order:narrow(1, half + 1, half)), { protocol = self.params.protocol, chunks = false })
      if found and floor > -math.huge then total, count = total + floor, count + 1 end
    end
    if count > 0 then row["FRD floor"] = total / count end
  end
end

--- Bootstrap intervals (by patient where the table names patients) and the floor: real against real at this size.
function Study:add_intervals(row, ending, real, synthetic, options)
  local params = self.params
  local names = { ["FID" .. ending] = "fid", ["KID" .. ending] = "kid" }
  if options.neighbours then
    local role = options.neighbours.ending
    names["Precision" .. role], names["Recall" .. role] = "precision", "recall"
    names["Density" .. role], names["Coverage" .. role] = "density", "coverage"
  end
  local wanted = {}
  for _, name in pairs(names) do wanted[#wanted + 1] = name end
  table.sort(wanted)
  if params.bootstrap > 0 then
    local intervals = metric.bootstrap(real, synthetic, {
      metrics = wanted, groups = options.groups, replicates = params.bootstrap, seed = self.run.seed,
      k = params.nearest_k,
    })
    for column, name in pairs(names) do
      local interval = intervals[name]
      if interval then
        -- A Fréchet distance is never negative, whatever the width of its interval.
        row[column .. " low"] = name == "fid" and math.max(0, interval.low) or interval.low
        row[column .. " high"] = interval.high
      end
    end
  end
  if params.floor_splits > 0 then
    local floor = metric.floor(real, {
      metrics = wanted, groups = options.groups, splits = params.floor_splits, seed = self.run.seed,
      k = params.nearest_k, size = synthetic:size(1),
    })
    for column, name in pairs(names) do row[column .. " floor"] = floor[name] end
  end
end

--- The columns of `results.csv`: the reference's first, then how sure each number is and what it is.
function Study:result_columns(first)
  local columns = {}
  for _, name in ipairs(first) do columns[#columns + 1] = name end
  for _, name in ipairs(self.columns) do columns[#columns + 1] = name end
  for _, name in ipairs { "Extra Info", "Caption Type", "Protocol", "Real images", "Synthetic images",
    "Images left out" } do
    columns[#columns + 1] = name
  end
  for _, name in ipairs(self.intervals) do
    for _, part in ipairs { " low", " high", " floor" } do columns[#columns + 1] = name .. part end
  end
  columns[#columns + 1] = "FRD floor"
  columns[#columns + 1] = "FRD images left out"
  for _, name in ipairs { "Inception Score std", "KID std", "KID (RadDino) std" } do columns[#columns + 1] = name end
  for _, entry in ipairs(self.encoders) do
    if entry.registered then
      columns[#columns + 1] = "KID" .. entry.ending .. " std"
      if entry.roles.logits then columns[#columns + 1] = "Inception Score" .. entry.roles.logits.ending .. " std" end
    end
  end
  for _, name in ipairs(self.columns) do columns[#columns + 1] = name .. " identity" end
  columns[#columns + 1] = "Note"
  return columns
end

local function rounded(value)
  return value and metric.round(value, 3) or nil
end

--- Records a row in the run's results. `first` holds pairs of further columns, which come before the others.
function Study:record(row, first)
  row["Extra Info"] = self.params.name
  row["Caption Type"] = self.params.synthetic.prompt
  row["Protocol"] = self.params.protocol
  local names = {}
  for _, pair in ipairs(first or {}) do
    row[pair[1]] = pair[2]
    names[#names + 1] = pair[1]
  end
  row.moved = nil
  self.run:record(row, self:result_columns(names))
end

--- Records a row, and appends the reference's columns, rounded to its three decimals, to its table.
function Study:publish(row, file, extra)
  self:record(row, extra)
  local published = {}
  for _, name in ipairs(fidelity.columns) do published[#published + 1] = { name, rounded(row[name]) } end
  published[#published + 1] = { "Extra Info", row["Extra Info"] }
  published[#published + 1] = { "Caption Type", row["Caption Type"] }
  for _, pair in ipairs(extra or {}) do published[#published + 1] = pair end
  self.run:publish(self.params.results .. "/" .. file, published)
end

--- Prints a row for people: a line a metric with its interval and its floor.
function Study:show(row)
  local run = self.run
  run:log("%-18s %10s   %-23s %10s", "metric", "value", "95 % interval", "floor")
  for _, name in ipairs(self.columns) do
    local value = row[name]
    if value then
      local low, high, floor = row[name .. " low"], row[name .. " high"], row[name .. " floor"]
      run:log("%-18s %10.3f   %-23s %10s", name, value,
        low and ("[%.3f, %.3f]"):format(low, high) or "", floor and ("%.3f"):format(floor) or "")
    end
  end
  if row["Note"] and row["Note"] ~= "" then run:log("note: %s", row["Note"]) end
end

return fidelity
