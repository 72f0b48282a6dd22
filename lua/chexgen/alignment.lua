--- Whether films show what their prompts say: the cosine of a film's and its prompt's unit vectors in one space, that of BioViL-T
--- where the parameters name no other model, averaged, with an interval over prompts, the score of real films with their own
--- captions, and that of films with others' captions.

local choices = require "chexgen.choices"
local dataset = require "chexgen.dataset"
local metric = require "chexgen.metric"
local model = require "chexgen.model"
local study = require "chexgen.study"
local tensor = require "chexgen.tensor"

local alignment = {}

--- The column of the score.
alignment.COLUMN = "Alignment_score"

--- The parameter that says which model of `model.image_texts` puts films and prompts into one space.
function alignment.role() return { alignment_encoder = "biovil-t" } end

--- Tells a name of that parameter that is none.
function alignment.role_faults(params, tell)
  choices.tell(tell, "alignment_encoder", params.alignment_encoder, model.image_texts)
end

--- Texts a call: between two calls a run can be stopped.
local CHUNK = 64

local Scorer = {}
Scorer.__index = Scorer

--- The texts' side of the model that the parameters name; nil where they name none.
function alignment.scorer(run, params)
  local name = params.alignment_encoder
  local options = params.encoders[name]
  if not options then return nil end
  local self = { run = run, params = params, encoder = name, model = model.image_text(name, options), skipped = {} }
  return setmetatable(self, Scorer)
end

--- The look before a run at the model that the parameters name, where they name one.
function alignment.look_at_model(start)
  local name = start.params.alignment_encoder
  local options = start.params.encoders[name]
  for _, known in ipairs(model.image_texts) do
    if options and known == name then start:image_text(name, options, "encoders." .. name) end
  end
end

--- The unit vectors of some captions, each once, kept in the run folder. Returns the vectors by caption as rows of a tensor, their
--- numbers by caption, and what is wrong with the captions that have none.
function Scorer:encode(captions)
  local numbers, list, faults = {}, {}, {}
  for _, caption in ipairs(captions) do
    if not numbers[caption] and not faults[caption] then
      if not caption or not caption:find "%S" then
        faults[caption] = "it has no caption"
      else
        list[#list + 1] = caption
        numbers[caption] = #list
      end
    end
  end
  local parts, kept = {}, {}
  for first = 1, #list, CHUNK do
    local some = {}
    for i = first, math.min(first + CHUNK - 1, #list) do some[#some + 1] = list[i] end
    local found = self.run:once(choices.kept_by("alignment", first, some), function()
      local ok, vectors = pcall(self.model.texts, self.model, some)
      if ok then return { vectors = vectors, faults = {} } end
      -- One of them is at fault: each alone.
      local good, bad = {}, {}
      for i, caption in ipairs(some) do
        local fine, vector = pcall(self.model.texts, self.model, caption)
        if fine then good[#good + 1] = vector else bad[tostring(i)] = choices.reason(vector) end
      end
      return { vectors = good[1] and tensor.cat(good, 1), faults = bad }
    end)
    if found.vectors then parts[#parts + 1] = found.vectors end
    for i, caption in ipairs(some) do
      local fault = found.faults[tostring(i)]
      if fault then faults[caption], numbers[caption] = fault, nil else kept[#kept + 1] = caption end
    end
  end
  for number, caption in ipairs(kept) do numbers[caption] = number end
  return parts[1] and tensor.cat(parts, 1), numbers, faults
end

--- The score of every row of a side of a study, in order: a list of numbers, and false for rows whose caption cannot be read. Such
--- rows are an error that lists them, or are left out and stand in `skipped`, as `on_bad_image` says.
function Scorer:score(owner, side, column)
  local rows = owner[side]
  local captions = rows:column(column)
  local vectors, numbers, faults = self:encode(captions)
  local bad = {}
  for i, caption in ipairs(captions) do
    if not numbers[caption] then
      local path = tostring(rows[i].image_path)
      bad[#bad + 1] = ("row %d (%s): %s"):format(i, path, faults[caption])
      self.skipped[#self.skipped + 1] = { side = side, path = path, reason = faults[caption] }
    end
  end
  if #bad > 0 and self.params.on_bad_image ~= "skip" then
    local shown = table.concat(bad, "\n  ", 1, math.min(#bad, 20))
    error(("%d of %d %s films have captions that cannot be read (set on_bad_image: skip to leave them out):\n  %s"):format(
      #bad, #rows, side, shown), 0)
  end
  for _, text in ipairs(bad) do self.run:log("no alignment: %s", text) end
  local places, chosen, values = {}, {}, {}
  for i, caption in ipairs(captions) do
    values[i] = false
    if numbers[caption] then places[#places + 1], chosen[#chosen + 1] = i, numbers[caption] end
  end
  local images = owner.features[side][self.encoder].features
  local texts
  if places[1] then
    texts = vectors:index(1, tensor.new(chosen, "i64"))
    images = images:index(1, tensor.new(places, "i64"))
    for number, value in ipairs(self.model:similarity(images, texts):totable()) do values[places[number]] = value end
  end
  if side == "synthetic" then self:keep(rows, captions, values) end
  self.sides = self.sides or {}
  self.sides[side] = { values = values, captions = captions, vectors = vectors, numbers = numbers }
  return values
end

--- Keeps the films with their scores, the worst first: the run's page shows both ends.
function Scorer:keep(rows, captions, values)
  local order, lines = {}, {}
  for i, value in ipairs(values) do
    if value then order[#order + 1] = i end
  end
  table.sort(order, function(a, b)
    if values[a] ~= values[b] then return values[a] < values[b] end
    return a < b
  end)
  for place, i in ipairs(order) do lines[place] = { rows[i].image_path, "", captions[i], "alignment", values[i] } end
  dataset.write_csv(self.run:artifact "films.csv", { "synthetic", "real", "caption", "by", "value" }, lines)
end

--- The mean score of films with all captions but their own, whichever film it stands beside: what chance gives. Nil where all have
--- one caption.
local function chance(images, texts, captions, scores)
  local count, of = images:size(1), {}
  for _, caption in ipairs(captions) do of[caption] = (of[caption] or 0) + 1 end
  -- A film meets its own caption as often as films have it, each time with the same score.
  local own, meetings = 0, 0
  for i, caption in ipairs(captions) do own, meetings = own + scores[i] * of[caption], meetings + of[caption] end
  if meetings == count * count then return nil end
  local both = (images:mean(1) * texts:mean(1)):sum():item() * count * count
  return (both - own) / (count * count - meetings)
end

--- Measures some rows of a side (all where nil) into a row of results: value, interval over prompts, chance and the number of films.
function Scorer:measure(owner, side, rows, row)
  local found = self.sides[side]
  local values, groups, places, chosen, scores = {}, {}, {}, {}, {}
  local digits = self.params.protocol == "chexgenbench" and 3 or nil
  for _, place in ipairs(rows and rows:totable() or choices.count(#found.values)) do
    local value = found.values[place]
    if value then
      scores[#scores + 1] = value
      values[#values + 1] = digits and metric.round(value, digits) or value
      groups[#groups + 1] = found.captions[place]
      places[#places + 1], chosen[#chosen + 1] = place, found.numbers[found.captions[place]]
    end
  end
  row.count = #values
  if #values == 0 then return row end
  local mean = metric.mean(values, { groups = groups })
  row.value, row.low, row.high, row.prompts = mean.value, mean.low, mean.high, mean.groups
  row.chance = chance(owner.features[side][self.encoder].features:index(1, tensor.new(places, "i64")),
    found.vectors:index(1, tensor.new(chosen, "i64")), groups, scores)
  return row
end

--- Puts the scores of a study's rows into a row of its results: those of the synthetic films, beside the real ones as the floor.
function Scorer:put(owner, row, synthetic_rows, real_rows)
  local name = alignment.COLUMN
  local found = self:measure(owner, "synthetic", synthetic_rows, {})
  row[name], row[name .. " low"], row[name .. " high"], row[name .. " chance"] = found.value, found.low, found.high, found.chance
  if self.sides.real then row[name .. " floor"] = self:measure(owner, "real", real_rows, {}).value end
  if found.value then
    row[name .. " direction"] = "higher"
    row[name .. " identity"] = metric.identity { metric = "alignment", protocol = self.params.protocol,
      features = owner.identities[self.encoder].features, estimator = "mean of cosines", synthetic = found.count,
      details = { texts = self.model.texts_sha256 } }
  end
  return found
end

-- The experiment of its own

local Alignment = study.family()
Alignment.facts = { alignment.COLUMN .. " chance", "Images", "Prompts", "Images left out", "Protocol", "Extra Info", "Pathology" }
Alignment.counts = {}

function Alignment:describe()
  return { ["Protocol"] = self.params.protocol, ["Extra Info"] = self.params.name }
end

--- The parameters of the experiment.
function alignment.params()
  local params = study.params {
    synthetic = choices.films { image = "img_savename", prompt = "annotated_prompt" },
    real = choices.films { image = "path", prompt = "annotated_prompt", labels = "chexpert_labels" },
  }
  for key, value in pairs(alignment.role()) do params[key] = value end
  -- Films and prompts have no half-samples: the interval is that of a mean.
  params.bootstrap, params.floor_splits = nil, nil
  return params
end

--- Whether the parameters say where the real films lie; without, their table says which prompts have which pathologies alone.
local function has_real_films(params) return params.real.image_dir ~= "" or choices.has_folder(params.real) end

--- The pathologies asked for, none where the YAML says nothing; what is none is told.
local function wanted(params, tell) return choices.pathologies(params, tell, {}) end

function Alignment.faults(params, tell)
  alignment.role_faults(params, tell)
  local name = params.alignment_encoder
  if not params.encoders[name] then
    tell(("names no encoder: give encoders: { %s: { weights: FOLDER } }"):format(name), "encoders")
  end
  if #wanted(params, tell) > 0 and params.real.csv == "" then
    tell("is not set, and pathologies are asked for: name the table of real films with their labels", "real.csv")
  end
  for _, which in ipairs { "synthetic", "real" } do choices.tell_prompts(tell, which, params[which], name) end
end

--- The look before a run.
function alignment.check(start)
  local params = start.params
  study.look(start, Alignment)
  alignment.look_at_model(start)
  choices.tell_unnamed(choices.teller(start), "synthetic", params.synthetic, "prompt")
  choices.look_at_table(start, "synthetic", params.synthetic, { params.synthetic.image, params.synthetic.prompt })
  if choices.is_given(params.real) then
    local columns = choices.named_columns(params.real, alignment.params().real)
    columns[#columns + 1] = params.real.prompt
    local has_labels = #wanted(params, function() end) > 0
    if has_labels then columns[#columns + 1] = params.real.labels end
    if has_real_films(params) then columns[#columns + 1] = params.real.image end
    if choices.look_at_table(start, "real", params.real, columns) and has_labels then
      local real = choices.peek("real", params.real, { prompt = "prompt", labels = "labels" })
      if real then choices.look_at_labels(start, "real", choices.each_prompt_once(real, params.real)) end
    end
  end
end

--- Records a row, and appends the score to a table that runs share.
function Alignment:put_out(found, file, pathology)
  local row, name = found, alignment.COLUMN
  row["Pathology"], row["Images left out"] = pathology, #self.skipped
  self:record(row)
  if not row[name] then return self.run:log("%s: no film", pathology) end
  self.run:log("%-28s %.3f%s over %d films, by chance %s%s", pathology == "" and "all films" or pathology, row[name],
    row[name .. " low"] and (" [%.3f, %.3f]"):format(row[name .. " low"], row[name .. " high"]) or "", row["Images"],
    row[name .. " chance"] and ("%.3f"):format(row[name .. " chance"]) or "unknown",
    row[name .. " floor"] and (", real films %.3f"):format(row[name .. " floor"]) or "")
  local cells = { { name, metric.round(row[name], 3) }, { "Extra Info", self.params.name } }
  if pathology ~= "" then cells[3] = { "Pathology", pathology } end
  self.run:publish(self.params.results .. "/" .. file, cells, { identities = { [name] = row[name .. " identity"] },
    among = pathology ~= "" and { "Pathology" } or nil, on_other_identity = self.params.on_other_identity })
end

--- Runs the experiment.
function alignment.run(run)
  local params = run.params
  local self = study.open(Alignment, run, params)
  local pathologies = wanted(params, choices.raise)
  self:add("synthetic", choices.open_table("synthetic", params.synthetic, { image = "image", prompt = "prompt" }))
  local real
  if choices.is_given(params.real) then
    local roles = { prompt = "prompt", image = "image" }
    if #pathologies > 0 then roles.labels = "labels" end
    local has_films = has_real_films(params)
    if not has_films then roles.image = nil end
    real = choices.open_table("real", params.real, roles)
    -- Real films with their own captions are the floor, where the YAML says where they lie.
    if has_films then
      self:add("real", real:dropna(params.real.prompt):unique(params.real.prompt))
    else
      run:log("no floor: params.real.image_dir does not say where the real films lie (\".\" is this folder)")
    end
  end
  local scorer = alignment.scorer(run, params)
  self:add_column(alignment.COLUMN, {})
  self:embed {}
  for _, side in ipairs(self.sides) do scorer:score(self, side, params[side].prompt) end
  for _, item in ipairs(scorer.skipped) do self.skipped[#self.skipped + 1] = item end
  self:list_skipped()

  local function measure(rows, real_rows)
    local row = {}
    local found = scorer:put(self, row, rows, real_rows)
    row["Images"], row["Prompts"] = found.count, found.prompts or 0
    local notes = {}
    self:note_images(notes, "synthetic", rows)
    row["Note"] = choices.filled(table.concat(notes, "; "))
    return row
  end
  local all = measure()
  if not all[alignment.COLUMN] then error("no film has a score: the reasons stand above", 0) end
  self:put_out(all, "img_text_alignment.csv", "")
  for _, pathology in ipairs(pathologies) do
    local chosen = real:unique(params.real.prompt):with_label(pathology, 1)
    local prompts = chosen:column(params.real.prompt)
    local rows = self.synthetic:where_in(params.synthetic.prompt, prompts):positions(self.synthetic)
    local real_rows = self.real and self.real:where_in(params.real.prompt, prompts):positions(self.real)
    self:put_out(measure(rows, real_rows), "conditional_img_text_alignment.csv", pathology)
  end
end

return alignment
