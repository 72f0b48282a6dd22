--- Downstream classification: can synthetic films stand in for real ones? A classifier is trained on real films, synthetic
--- ones or both, and tested on real ones that no side of the training has seen.
---
--- Protocol `chexgenbench` chooses and splits rows as the reference does for the same seed, so that in `augmented` a real film
--- can stand on one side and its synthetic twin on the other. Protocol `exact` draws rows instead of ids, splits by patient,
--- leaves out training films of the test's patients, and prints the proof.

local one_of = require "chexgen.choices".one_of
local dataset = require "chexgen.dataset"
local metric = require "chexgen.metric"
local model = require "chexgen.model"
local report = require "chexgen.classification_report"

local classification = {}

local SETTINGS = { "all_original", "all_synthetic", "mixed", "augmented" }
local PATIENT = "chexgen: patient" -- the column that the split goes by

--- The parameters with their defaults.
function classification.params()
  return {
    protocol = "chexgenbench",
    setting = "all_original",
    synthetic_share = 0.5, -- of `mixed`
    name = "unnamed model",
    results = "Results",
    -- One row a study: its real film, the synthetic one made from its prompt, and its labels.
    train = {
      csv = "", real_dir = "", synthetic_dir = "", real = "path", synthetic = "synthetic_filename",
      labels = "chexpert_labels", id = "id", patient = "",
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

local function filled(text) return text ~= "" and text or nil end

local function open_table(which, options, image, folder)
  if options.csv == "" then
    error(("params.%s.csv is not set: name its table, in the YAML or with --set params.%s.csv=FILE"):format(which, which), 0)
  end
  return dataset.csv { path = options.csv, image_dir = filled(folder), image = image, labels = options.labels,
    patient = filled(options.patient) }
end

--- The patient of every row: the table's column, or the folder of the patient in MIMIC-CXR's paths. Nil where neither tells.
local function patients_of(ds, real)
  local found = ds:patients()
  if found then return found end
  found = {}
  local paths = ds:column(real)
  for i = 1, #ds do
    local patient = paths[i] and paths[i]:match "/(p%d%d%d%d%d%d%d%d)/s%d+[/.]"
    if not patient then return nil end
    found[i] = patient
  end
  return found
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
    local ids, chosen = column(real, params.train.id), {}
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

local Study = {}
Study.__index = Study

--- Opens a study: reads the tables, chooses the rows, splits them, and says what stands on both sides.
function classification.open(run)
  local params = run.params
  one_of("protocol", params.protocol, { "chexgenbench", "exact" })
  one_of("setting", params.setting, SETTINGS)
  one_of("network", params.network, model.classifiers)
  one_of("on_bad_image", params.on_bad_image, { "stop", "skip" })
  if params.synthetic_share < 0 or params.synthetic_share > 1 then
    error(("params.synthetic_share: wanted 0 to 1, got %g"):format(params.synthetic_share), 0)
  end
  local exact = params.protocol == "exact"
  local self = setmetatable({ run = run, params = params, exact = exact, skipped = 0 }, Study)

  local train = params.train
  local real = open_table("train", train, train.real, train.real_dir)
  local synthetic = open_table("train", train, train.synthetic, train.synthetic_dir)
  self.test = open_table("test", params.test, params.test.image, params.test.image_dir)
  local patients = patients_of(real, train.real)
  self.test_patients = patients_of(self.test, params.test.image)
  if exact and not patients then
    error(("protocol exact splits by patient, and \"%s\" names none: set params.train.patient to its column (it has %s)")
      :format(train.csv, table.concat(real.columns, ", ")), 0)
  end
  if patients then real, synthetic = real:with_column(PATIENT, patients), synthetic:with_column(PATIENT, patients) end
  if exact then real, synthetic = self:leave_out_test_patients(real, synthetic) end

  local from_real, from_synthetic = choose(real, synthetic, params, run.seed, exact)
  self.real_count, self.synthetic_count = from_real and #from_real or 0, from_synthetic and #from_synthetic or 0
  local all = from_real or from_synthetic
  if from_real and from_synthetic then all = from_real:concat(from_synthetic) end
  self.train, self.validation = all:split { test = params.validation, seed = run.seed, by = exact and PATIENT or nil }
  run:log("%s: %d real and %d synthetic films; %d to train on, %d for validation, %d real ones to test",
    params.setting, self.real_count, self.synthetic_count, #self.train, #self.validation, #self.test)
  self:prove(patients ~= nil)
  return self
end

--- Films of patients whom the test shows may not be trained on.
function Study:leave_out_test_patients(real, synthetic)
  if not self.test_patients then
    error("protocol exact keeps the test's patients out of training, and its table names none: set params.test.patient", 0)
  end
  local tested, kept = {}, {}
  for _, patient in ipairs(self.test_patients) do tested[patient] = true end
  for i, patient in ipairs(column(real, PATIENT)) do
    if not tested[patient] then kept[#kept + 1] = i end
  end
  self.left_out = #real - #kept
  if self.left_out == 0 then return real, synthetic end
  self.run:log("left out of training: %d studies of patients who are in the test", self.left_out)
  if #kept == 0 then error("every training study is of a patient who is in the test", 0) end
  return real:select(kept), synthetic:select(kept)
end

--- Counts what stands on both sides of the split, from the sides themselves, and prints it.
function Study:prove(has_patients)
  local run, params = self.run, self.params
  local twins, studies, held = shared(column(self.train, params.train.real), column(self.validation, params.train.real))
  self.shared_studies = twins
  run:log("split: %d studies with a film on both sides (%d train / %d validation)", twins, studies, held)
  if has_patients then
    local both, a, b = shared(column(self.train, PATIENT), column(self.validation, PATIENT))
    self.shared_patients = both
    run:log("split: %d patients on both sides (%d train / %d validation)", both, a, b)
    if self.test_patients then
      local trained = column(self.train, PATIENT)
      for _, patient in ipairs(column(self.validation, PATIENT)) do trained[#trained + 1] = patient end
      local tested, first, second = shared(trained, self.test_patients)
      self.test_shared_patients = tested
      run:log("test: %d patients shared (%d train and validation / %d test)", tested, first, second)
    end
  else
    run:log("split: the table names no patients, so shared ones were not counted")
  end
  if self.exact and (twins > 0 or self.shared_patients > 0 or self.test_shared_patients > 0) then
    error("the split is not clean: the counts above must be 0", 0)
  end
end

--- Trains, or reads back what an interrupted run trained; returns the network of the epoch with the lowest validation loss.
function Study:fit()
  local run, params = self.run, self.params
  local best = run:artifact "classifier.safetensors"
  local checkpoint = run:artifact "checkpoint.safetensors"
  local trained = run:once("training", function()
    local net = model.classifier(params.network, { classes = #dataset.pathologies, weights = filled(params.weights),
      seed = run.seed })
    local history, skipped = net:fit {
      train = self.train, validation = self.validation, uncertain = params.uncertain or 0, missing = params.missing or 0,
      on_bad_image = params.on_bad_image, epochs = params.epochs, batch = params.batch,
      learning_rate = params.learning_rate, weight_decay = params.weight_decay, optimizer = params.optimizer,
      schedule = params.schedule, clip_norm = params.clip_norm > 0 and params.clip_norm or nil, augment = params.augment,
      seed = run.seed, checkpoint = checkpoint, best = best,
      on_epoch = function(e)
        run:log("epoch %d of %d: training loss %.4f, validation loss %.4f, learning rate %g, %.0f s", e.epoch, params.epochs,
          e.train_loss, e.validation_loss, e.learning_rate, e.seconds)
      end,
    }
    return { history = history, skipped = skipped }
  end)
  -- All that matters of it is stored by now.
  os.remove(checkpoint)
  self.history, self.skipped = trained.history, #trained.skipped
  for _, bad in ipairs(trained.skipped) do run:log("left out: %s", bad.reason) end
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
  if params.on_bad_image == "skip" then
    local found = run:once("test images", function()
      local kept, skipped = model.check_images(self.test)
      return { kept = kept, skipped = skipped }
    end)
    for _, bad in ipairs(found.skipped) do run:log("left out of the test: %s", bad.reason) end
    self.skipped = self.skipped + #found.skipped
    self.test = self.test:select(found.kept)
    self.test_patients = patients_of(self.test, params.test.image)
  end
  self.probabilities = run:once("probabilities", function()
    return self.net:predict(self.test, { batch = params.batch, label = "testing" })
  end)
  self.labels = self.test:labels_tensor { uncertain = params.test_uncertain, missing = params.test_missing }
  local options = { threshold = params.threshold, names = dataset.pathologies }
  self.scores = metric.classification(self.probabilities, self.labels, options)
  if params.bootstrap > 0 then
    self.intervals = metric.classification_intervals(self.probabilities, self.labels, { threshold = params.threshold,
      groups = self.test_patients, replicates = params.bootstrap, seed = run.seed })
  end
end

--- Writes the reference's tables, the plots, and a row of results for all classes together and for each.
function Study:publish() report.publish(self) end

return classification
