--- Downstream classification: can synthetic films stand in for real ones? A classifier is trained on real films, synthetic
--- ones or both, and tested on real ones that no side of the training has seen.
---
--- Protocol `chexgenbench` chooses and splits rows as the reference does for the same seed, so that in `augmented` a real film
--- can stand on one side and its synthetic twin on the other. Protocol `exact` draws rows instead of ids, splits by patient,
--- leaves out training films of the test's patients, and proves that no patient and no film stands on two sides, or fails.

local chexgen = require "chexgen"
local choices = require "chexgen.choices"
local dataset = require "chexgen.dataset"
local metric = require "chexgen.metric"
local model = require "chexgen.model"
local report = require "chexgen.classification_report"

local classification = {}

local SETTINGS = { "all_original", "all_synthetic", "mixed", "augmented" }
local PATIENT = "chexgen: patient" -- the column that the split goes by
local FOLDER = "chexgen: patient's folder" -- whom the films' paths name, where tables may have other names for the same person

--- Bytes of a network's parameters in f32; nil where there is no such network.
local function bytes_of(network)
  local ok, parameters = pcall(model.parameters, network, { classes = #dataset.pathologies })
  if not ok then return nil end
  local bytes = 0
  for _, parameter in ipairs(parameters) do
    local size = 4
    for _, side in ipairs(parameter.shape) do size = size * side end
    bytes = bytes + size
  end
  return bytes
end

--- The parameters with their defaults.
function classification.params()
  return {
    protocol = "chexgenbench",
    setting = "all_original",
    synthetic_share = 0.5, -- of `mixed`
    name = "unnamed model",
    results = "Results",
    on_other_identity = "refuse", -- or mark: how the shared table takes scores of another test
    -- One row a study: its real film, the synthetic one made from its prompt, and its labels.
    train = {
      csv = "", real_dir = "", synthetic_dir = "", real = "path", synthetic = "synthetic_filename",
      labels = "chexpert_labels", patient = "",
      id = "", -- the reference draws the ids of `mixed`; the column `id` where empty
    },
    test = { csv = "", image_dir = "", image = "path", labels = "chexpert_labels", patient = "" },
    network = "resnet50",
    weights = "",
    validation = 0.05,
    epochs = 10,
    batch = 32,
    learning_rate = 1e-4,
    weight_decay = 1e-5,
    optimizer = "adam",
    schedule = "plateau",
    clip_norm = 0.0, -- 0 does not clip
    augment = true,
    -- What labels that are neither 0 nor 1 count as in the test, which needs one or the other.
    test_uncertain = 0,
    test_missing = 0,
    threshold = 0.5,
    bootstrap = 200,
    save_predictions = false,
    on_bad_image = "stop",
  }
end

--- Parameters of any type: 0 to 1 or "ignore", which leaves those labels out of the loss. Both are 0 where not set.
classification.untyped = { "uncertain", "missing" }

--- The table with columns of its patients: by the table's own names (or by its films' paths where it has none), and by the
--- films' paths. Second, whether it names patients at all.
local function with_patients(ds)
  local folders = ds:patients { from = "paths" }
  local names = choices.patients(ds)
  if names then ds = ds:with_column(PATIENT, names) end
  if folders then ds = ds:with_column(FOLDER, folders) end
  return ds, names ~= nil
end

local function has_column(ds, name)
  for _, column in ipairs(ds.columns) do
    if column == name then return true end
  end
  return false
end

--- How many different values two lists share, and how many each has.
local function shared(a, b)
  local seen, both, counts = {}, {}, { 0, 0, 0 }
  for _, value in ipairs(a) do
    if not seen[value] then seen[value], counts[1] = true, counts[1] + 1 end
  end
  for _, value in ipairs(b) do
    if not both[value] then
      both[value], counts[2] = true, counts[2] + 1
      if seen[value] then counts[3] = counts[3] + 1 end
    end
  end
  return counts[3], counts[1], counts[2]
end

local function column(ds, name)
  local values, list = ds:column(name), {}
  for i = 1, #ds do list[i] = values[i] or ("row without " .. name) end
  return list
end

--- The values of a column without the rows that have none.
local function given(ds, name)
  local list = {}
  for _, value in ipairs(ds:column(name)) do
    if value then list[#list + 1] = value end
  end
  return list
end

--- Which rows are taken as real and which as synthetic films, in the reference's order: a block of real ones, then a block of
--- synthetic ones.
local function choose(real, synthetic, params, seed, exact)
  if params.setting == "all_original" then return real, nil end
  if params.setting == "all_synthetic" then return nil, synthetic end
  if params.setting == "augmented" then return real, synthetic end
  local count = math.floor(params.synthetic_share * #real)
  local drawn = dataset.python_sample(#real, count, seed)
  local replaced = {}
  if exact then
    for i = 1, count do replaced[drawn[i]:item()] = true end
  else
    -- The reference draws ids: all rows of a drawn id change sides.
    local ids, chosen = column(real, choices.filled(params.train.id) or "id"), {}
    for i = 1, count do chosen[ids[drawn[i]:item()]] = true end
    for i = 1, #real do replaced[i] = chosen[ids[i]] end
  end
  local kept, taken = {}, {}
  for i = 1, #real do
    local side = replaced[i] and taken or kept
    side[#side + 1] = i
  end
  return #kept > 0 and real:select(kept) or nil, #taken > 0 and synthetic:select(taken) or nil
end

--- Tells what is wrong with the parameters, by `choices.raise` or a start's teller.
local function faults(params, tell)
  for name, known in pairs {
    protocol = { "chexgenbench", "exact" }, setting = SETTINGS, network = model.classifiers,
    optimizer = { "adam", "adamw", "sgd" }, schedule = { "plateau", "cosine", "step", "constant" },
    on_bad_image = { "stop", "skip" }, on_other_identity = { "refuse", "mark" },
  } do choices.tell(tell, name, params[name], known) end
  for name, range in pairs {
    synthetic_share = { 0, 1 }, epochs = { 1, 100000 }, batch = { 1, 4096 }, learning_rate = { 0 }, weight_decay = { 0 },
    clip_norm = { 0 }, test_uncertain = { 0, 1 }, test_missing = { 0, 1 }, bootstrap = { 0, 100000 },
    threshold = { 0, 1 },
  } do choices.tell_range(tell, name, params[name], range[1], range[2]) end
  if params.validation <= 0 or params.validation >= 1 and params.validation % 1 ~= 0 then
    tell(("wanted a share between 0 and 1 or a number of films, got %g"):format(params.validation), "validation")
  end
  for _, name in ipairs(classification.untyped) do
    local value = params[name]
    if value ~= nil and value ~= "ignore" and not (type(value) == "number" and value >= 0 and value <= 1) then
      tell(("wanted 0 to 1 or \"ignore\", got %s"):format(tostring(value)), name)
    end
  end
end

--- What tables of films have of roles, and the parameter that names the column of each.
local TEST_ROLES = { image = "image", labels = "labels", patient = "patient" }
local function train_roles(image) return { image = image, labels = "labels", id = "id", patient = "patient" } end

--- Opens the tables, and leaves out training films of the test's patients where the protocol is exact: the studies as real films
--- and as synthetic ones, and the test's.
local function open_tables(params, log)
  local train, exact, found = params.train, params.protocol == "exact", {}
  local real = choices.open_table("train", train, train_roles "real", train.real_dir)
  local synthetic = choices.open_table("train", train, train_roles "synthetic", train.synthetic_dir)
  found.test = choices.open_table("test", params.test, TEST_ROLES)
  real, found.has_patients = with_patients(real)
  -- A synthetic film belongs to the patient of its study.
  for _, name in ipairs { PATIENT, FOLDER } do
    if has_column(real, name) then synthetic = synthetic:with_column(name, real:column(name)) end
  end
  found.test, found.test_has_patients = with_patients(found.test)
  if exact and not found.has_patients then
    choices.raise(("protocol exact splits by patient, and \"%s\" names none: set it to its column (it has %s)"):format(
      train.csv, table.concat(real.columns, ", ")), "train.patient")
  end
  if exact and not found.test_has_patients then
    choices.raise("protocol exact keeps the test's patients out of training, and its table names none: set it to its column",
      "test.patient")
  end
  if not exact then return real, synthetic, found end

  local out, kept = {}, {}
  for _, name in ipairs { PATIENT, FOLDER } do
    if has_column(real, name) and has_column(found.test, name) then
      local tested = {}
      for _, patient in ipairs((real:shared(found.test, name))) do tested[patient] = true end
      for i, patient in ipairs(real:column(name)) do out[i] = out[i] or tested[patient] end
    end
  end
  for i = 1, #real do
    if not out[i] then kept[#kept + 1] = i end
  end
  local left_out = #real - #kept
  if left_out == 0 then return real, synthetic, found end
  log("left out of training: %d studies of patients who are in the test", left_out)
  if #kept == 0 then choices.raise("every study is of a patient who is in the test", "train.csv") end
  return real:select(kept), synthetic:select(kept), found
end

--- Opens the tables, chooses the rows, and splits them; `log` hears what is left out.
local function prepare(params, seed, log)
  local exact = params.protocol == "exact"
  local real, synthetic, found = open_tables(params, log)
  local from_real, from_synthetic = choose(real, synthetic, params, seed, exact)
  found.real_count, found.synthetic_count = from_real and #from_real or 0, from_synthetic and #from_synthetic or 0
  local all = from_real or from_synthetic
  if from_real and from_synthetic then all = from_real:concat(from_synthetic) end
  local ok, train, validation = pcall(all.split, all, { test = params.validation, seed = seed, by = exact and PATIENT or nil })
  if not ok then choices.raise(choices.reason(train), "validation") end
  found.train, found.validation = train, validation
  return found
end

--- The look before a run: folders and columns that the setting reads, the labels, the split, and the weights at the start.
function classification.check(start)
  local params = start.params
  local train, test, setting = params.train, params.test, params.setting
  local is_right = true
  faults(params, function(text, name)
    is_right = false
    start:problem(text, name)
  end)
  local there = choices.look_at_table(start, "train", train,
    { train.real, train.synthetic, train.labels, train.id, train.patient })
  there = choices.look_at_table(start, "test", test, { test.image, test.labels, test.patient }) and there
  if train.real_dir ~= "" and setting ~= "all_synthetic" then start:folder(train.real_dir, "train.real_dir") end
  if train.synthetic_dir ~= "" and setting ~= "all_original" then start:folder(train.synthetic_dir, "train.synthetic_dir") end
  if there and is_right then
    local ok, found = pcall(prepare, params, start.seed, function() end)
    if ok then
      choices.look_at_labels(start, "train", found.train:concat(found.validation))
      choices.look_at_labels(start, "test", found.test)
    else
      choices.tell_raised(start, found, "train.csv")
    end
  end
  local bytes = bytes_of(params.network)
  if bytes and params.weights ~= "" then
    local ok, reason = pcall(model.classifier, params.network, { classes = #dataset.pathologies, weights = params.weights })
    if not ok then start:problem(choices.reason(reason), "weights") end
  end
  -- On the disk: the best network, the checkpoint with the optimizer's two moments, and its next one until it replaces it. In
  -- memory: the network, its gradient and the moments; what the films take comes on top.
  if bytes then start:needs(7 * bytes, 4 * bytes) end
end

local Study = {}
Study.__index = Study

--- Opens a study: reads the tables, chooses the rows, splits them, and says what stands on both sides.
function classification.open(run)
  local params = run.params
  faults(params, choices.raise)
  local self = setmetatable(prepare(params, run.seed, function(...) run:log(...) end), Study)
  self.run, self.params, self.exact, self.skipped, self.notes = run, params, params.protocol == "exact", 0, {}
  run:log("%s: %d real and %d synthetic films; %d to train on, %d for validation, %d real ones to test",
    params.setting, self.real_count, self.synthetic_count, #self.train, #self.validation, #self.test)
  self:prove(self.has_patients)
  return self
end

--- Rows whose patient the table does not name, each of which counts as a patient of its own.
local function without_patient(ds)
  local count = 0
  for _, name in ipairs(ds:column(PATIENT)) do
    if name:find "%(no patient%)$" then count = count + 1 end
  end
  return count
end

--- How many patients stand in both tables, and in each, by whichever of their names shows more.
local function shared_patients(a, b)
  local both, here, there = a:shared(b, PATIENT)
  local count = #both
  if has_column(a, FOLDER) and has_column(b, FOLDER) then count = math.max(count, #a:shared(b, FOLDER)) end
  return count, here, there
end

--- Counts what stands on both sides of the split and in the test, from the tables themselves, and prints it.
function Study:prove(has_patients)
  local run, params = self.run, self.params
  local twins, studies, held = shared(given(self.train, params.train.real), given(self.validation, params.train.real))
  self.shared_studies = twins
  run:log("split: %d studies with a film on both sides (%d train / %d validation)", twins, studies, held)
  local trained = self.train:concat(self.validation)
  if has_patients then
    local both, a, b = shared_patients(self.train, self.validation)
    self.shared_patients = both
    run:log("split: %d patients on both sides (%d train / %d validation)", both, a, b)
    if self.test_has_patients then
      local tested, first, second = shared_patients(trained, self.test)
      self.test_shared_patients = tested
      run:log("test: %d patients shared (%d train and validation / %d test)", tested, first, second)
      for side, ds in pairs { ["train and validation"] = trained, test = self.test } do
        local unnamed = without_patient(ds)
        if unnamed > 0 then
          run:log("%s: %d films without a patient, each counted as a patient of its own", side, unnamed)
        end
      end
    end
  else
    run:log("split: the table names no patients, so shared ones were not counted")
  end
  local films = 0
  for _, pair in ipairs { { "split", self.train, self.validation, "train", "validation" },
    { "test", trained, self.test, "training", "test" } } do
    local found = pair[2]:shared_films(pair[3])
    films = films + #found
    run:log("%s: %d films on both sides, by path or by bytes", pair[1], #found)
    for i = 1, math.min(#found, 5) do
      run:log("  %s (%s) is %s (%s)", found[i].path, pair[4], found[i].other_path, pair[5])
    end
  end
  if self.exact and (twins > 0 or films > 0 or self.shared_patients > 0 or self.test_shared_patients > 0) then
    error("the split is not clean: the counts above must be 0; take the films that stand twice out of one of the tables", 0)
  end
end

--- How many images a pass noticed something of, by what it is.
local function counts_of(found)
  local counts = {}
  for _, kind in ipairs(choices.noticed) do counts[kind[1]] = found[kind[1]]:numel() end
  return counts
end

--- Notes for the results what was noticed of the images of a side; the log has it from the pass.
function Study:note(counts, total, side)
  for _, kind in ipairs(choices.noticed) do
    local count = counts[kind[1]]
    if count > 0 then self.notes[#self.notes + 1] = choices.notice(kind, count, total, side) end
  end
end

--- Trains, or reads back what an interrupted run trained; returns the network of the epoch with the lowest validation loss.
function Study:fit()
  local run, params = self.run, self.params
  local best = run:artifact "classifier.safetensors"
  local checkpoint = run:artifact "checkpoint.safetensors"
  local trained = run:once("training", function()
    local net = model.classifier(params.network, { classes = #dataset.pathologies, weights = choices.filled(params.weights),
      seed = run.seed })
    local history = net:fit {
      train = self.train, validation = self.validation, uncertain = params.uncertain or 0, missing = params.missing or 0,
      on_bad_image = params.on_bad_image, protocol = params.protocol, epochs = params.epochs, batch = params.batch,
      learning_rate = params.learning_rate, weight_decay = params.weight_decay, optimizer = params.optimizer,
      schedule = params.schedule, clip_norm = params.clip_norm > 0 and params.clip_norm or nil, augment = params.augment,
      seed = run.seed, checkpoint = checkpoint, best = best,
      on_epoch = function(e)
        run:log("epoch %d of %d: training loss %.4f, validation loss %.4f, learning rate %g, %.0f s", e.epoch, params.epochs,
          e.train_loss, e.validation_loss, e.learning_rate, e.seconds)
      end,
    }
    local skipped, noticed = history.skipped, counts_of(history)
    history.skipped, history.clipped, history.flat = nil, nil, nil
    return { history = history, skipped = skipped, noticed = noticed }
  end)
  -- All that matters of it is stored by now.
  os.remove(checkpoint)
  self.history, self.skipped = trained.history, #trained.skipped
  for _, bad in ipairs(trained.skipped) do run:log("left out: %s", bad.reason) end
  self:note(trained.noticed, #self.train + #self.validation - #trained.skipped, "training and validation")
  self.best = self.history[1]
  for _, epoch in ipairs(self.history) do
    if epoch.validation_loss < self.best.validation_loss then self.best = epoch end
  end
  run:log("best epoch: %d, validation loss %.4f", self.best.epoch, self.best.validation_loss)
  self.net = model.load_classifier(best)
end

--- Probabilities for the test's films, their scores, and intervals by patient where the table names patients.
function Study:evaluate()
  local run, params = self.run, self.params
  local found = run:once("probabilities", function()
    local probabilities, kept, skipped, hashes, noticed = self.net:predict(self.test, { batch = params.batch, protocol = params.protocol,
      on_bad_image = params.on_bad_image, label = "testing" })
    return { probabilities = probabilities, kept = kept, skipped = skipped, films = chexgen.sha256(table.concat(hashes, " ")),
      noticed = counts_of(noticed) }
  end)
  for _, bad in ipairs(found.skipped) do run:log("left out of the test: %s", bad.reason) end
  self.skipped = self.skipped + #found.skipped
  if #found.skipped > 0 then self.test = self.test:select(found.kept) end
  if #self.test == 0 then error("no film of the test can be used: each was left out for the reason above", 0) end
  self.probabilities, self.test_films = found.probabilities, found.films
  self:note(found.noticed, #self.test, "test")
  self.labels = self.test:labels_tensor { uncertain = params.test_uncertain, missing = params.test_missing }
  local options = { threshold = params.threshold, names = dataset.pathologies }
  self.scores = metric.classification(self.probabilities, self.labels, options)
  if params.bootstrap > 0 then
    self.intervals = metric.classification_intervals(self.probabilities, self.labels, { threshold = params.threshold,
      groups = self.test_has_patients and self.test:column(PATIENT) or nil, replicates = params.bootstrap, seed = run.seed })
  end
end

--- Writes the reference's tables, the plots, and a row of results for all classes together and for each.
function Study:publish() report.publish(self) end

return classification
