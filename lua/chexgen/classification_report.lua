--- What a classification study leaves behind: the reference's tables with its columns, plots, and rows of results.

local choices = require "chexgen.choices"
local dataset = require "chexgen.dataset"
local metric = require "chexgen.metric"
local plot = require "chexgen.plot"
local tensor = require "chexgen.tensor"

local report = {}

--- The reference's columns of `metrics.csv`, before those of each class.
local OVERALL = { "accuracy", "precision_micro", "recall_micro", "f1_micro", "precision_macro", "recall_macro", "f1_macro",
  "auc_macro" }
local EACH = { "precision", "recall", "f1", "auc" }

--- A score as pandas writes it, which leaves a NaN empty.
local function known(value)
  return value == value and value or nil
end

--- `metrics.csv` and `per_class_metrics.csv`, as the reference's inference writes them.
local function write_metrics(study)
  local header, values = {}, {}
  local function put(name, value)
    header[#header + 1] = name
    values[name] = known(value)
  end
  for _, name in ipairs(OVERALL) do put(name, study.scores[name]) end
  for _, name in ipairs(EACH) do
    for _, class in ipairs(study.scores.per_class) do put(name .. "_" .. class.name, class[name]) end
  end
  dataset.write_csv(study.run:artifact "metrics.csv", header, { values })
  local rows = {}
  for i, class in ipairs(study.scores.per_class) do
    rows[i] = { class = class.name }
    for _, name in ipairs(EACH) do rows[i][name] = known(class[name]) end
  end
  dataset.write_csv(study.run:artifact "per_class_metrics.csv", { "class", table.unpack(EACH) }, rows)
end

--- `predictions.csv`: the image, and probability and decision of each class.
local function write_predictions(study)
  local header = { study.params.test.image }
  for _, name in ipairs(dataset.pathologies) do
    header[#header + 1] = name .. "_prob"
    header[#header + 1] = name .. "_pred"
  end
  local rows = {}
  local paths, values = study.test:image_paths(), study.probabilities:totable()
  for i, path in ipairs(paths) do
    local row = { path }
    for _, value in ipairs(values[i]) do
      row[#row + 1] = value
      row[#row + 1] = value >= study.params.threshold and 1 or 0
    end
    rows[i] = row
  end
  dataset.write_csv(study.run:artifact "predictions.csv", header, rows, { dtype = "f32" })
end

local function write_history(study)
  local columns, rows = { "epoch", "train_loss", "validation_loss", "learning_rate" }, {}
  for i, e in ipairs(study.history) do
    rows[i] = {}
    for _, name in ipairs(columns) do rows[i][name] = known(e[name]) end
  end
  dataset.write_csv(study.run:artifact "training.csv", columns, rows)
end

local function draw_losses(study)
  local epochs, train, validation = {}, {}, {}
  for i, e in ipairs(study.history) do
    epochs[i], train[i], validation[i] = e.epoch, e.train_loss, e.validation_loss
  end
  plot.line { path = study.run:artifact "losses.svg", title = "Loss", xlabel = "epoch",
    ylabel = "binary cross entropy",
    series = { { label = "training", x = epochs, y = train }, { label = "validation", x = epochs, y = validation } } }
end

local function draw_curves(study)
  local series, rows = {}, {}
  for i, class in ipairs(study.scores.per_class) do
    if class.auc then
      local x, y = metric.roc_curve(study.probabilities:select(2, i), study.labels:select(2, i))
      x, y = x:totable(), y:totable()
      series[#series + 1] = { label = ("%s (%.3f)"):format(class.name, class.auc), x = x, y = y }
      for place = 1, #x do rows[#rows + 1] = { class.name, x[place], y[place], class.auc } end
    end
  end
  -- The run's page draws from this.
  dataset.write_csv(study.run:artifact "roc_curves.csv", { "class", "false_positive_rate", "true_positive_rate", "auc" }, rows)
  series[#series + 1] = { label = "chance", x = { 0, 1 }, y = { 0, 1 } }
  plot.line { path = study.run:artifact "roc_curves.svg", title = "ROC curves (area)", xlabel = "false positive rate",
    ylabel = "true positive rate", series = series }
end

local function draw_matrices(study)
  for _, class in ipairs(study.scores.per_class) do
    local file = class.name:lower():gsub(" ", "_")
    plot.heatmap { path = study.run:artifact(("confusion/%s.svg"):format(file)), title = class.name, annotate = true,
      values = tensor.new { { class.true_negatives, class.false_positives },
        { class.false_negatives, class.true_positives } },
      rows = { "absent", "present" }, columns = { "predicted absent", "predicted present" }, label = "films" }
  end
end

--- What a score is: the test and its rules. The network and what it was trained on are columns, as they are compared.
local function identity(study, name)
  local params = study.params
  return metric.identity { metric = name, protocol = params.protocol, estimator = "multi-label scores", real = #study.test,
    details = { films = study.test_films, threshold = params.threshold, uncertain = tostring(params.uncertain or 0),
      missing = tostring(params.missing or 0), test_uncertain = params.test_uncertain, test_missing = params.test_missing } }
end

--- The row of one class, or of all together.
local function result_row(study, class, values, intervals, names)
  local params = study.params
  local row = {
    ["Class"] = class, ["Setting"] = params.setting, ["Network"] = params.network, ["Protocol"] = params.protocol,
    ["Extra Info"] = params.name, ["Real films"] = study.real_count, ["Synthetic films"] = study.synthetic_count,
    ["Training films"] = #study.train, ["Validation films"] = #study.validation, ["Test films"] = #study.test,
    ["Images left out"] = study.skipped, ["Shared patients"] = study.shared_patients,
    ["Shared studies"] = study.shared_studies, ["Test patients trained on"] = study.test_shared_patients,
    ["Best epoch"] = study.best.epoch, ["Validation loss"] = study.best.validation_loss,
    ["Uncertain as"] = tostring(params.uncertain or 0), ["Missing as"] = tostring(params.missing or 0),
    ["Note"] = choices.filled(table.concat(study.notes, "; ")),
  }
  for _, name in ipairs(names) do
    local interval = intervals and intervals[name]
    row[name] = values[name]
    row[name .. " low"], row[name .. " high"] = interval and interval.low, interval and interval.high
    row[name .. " identity"], row[name .. " direction"] = values[name] and identity(study, name), values[name] and "higher"
  end
  row["Validation loss direction"] = row["Validation loss"] and "lower"
  return row
end

local function result_columns()
  local columns = { "Class", "Setting" }
  for _, names in ipairs { OVERALL, EACH } do
    for _, name in ipairs(names) do
      for _, ending in ipairs { "", " low", " high" } do columns[#columns + 1] = name .. ending end
    end
  end
  for _, name in ipairs { "positives", "Network", "Protocol", "Extra Info", "Real films", "Synthetic films",
    "Training films", "Validation films", "Test films", "Images left out", "Shared patients", "Shared studies",
    "Test patients trained on", "Best epoch", "Validation loss", "Uncertain as", "Missing as" } do
    columns[#columns + 1] = name
  end
  for _, names in ipairs { OVERALL, EACH } do choices.add_told(columns, names) end
  columns[#columns + 1] = "Validation loss direction"
  columns[#columns + 1] = "Note"
  return columns
end

local function show(study)
  local run = study.run
  run:log("%-28s %8s   %s", "test", "value", "95 % interval")
  local function line(name, value, interval)
    if not value then return end
    run:log("%-28s %8.3f   %s", name, value, interval and ("[%.3f, %.3f]"):format(interval.low, interval.high) or "")
  end
  for _, name in ipairs(OVERALL) do line(name, study.scores[name], study.intervals and study.intervals[name]) end
  for i, class in ipairs(study.scores.per_class) do
    line("auc " .. class.name, class.auc, study.intervals and study.intervals.per_class[i].auc)
  end
end

--- Writes all of it.
function report.publish(study)
  local run, params = study.run, study.params
  write_metrics(study)
  if params.save_predictions then write_predictions(study) end
  write_history(study)
  local columns = result_columns()
  run:record(result_row(study, "all", study.scores, study.intervals, OVERALL), columns)
  for i, class in ipairs(study.scores.per_class) do
    local row = result_row(study, class.name, class, study.intervals and study.intervals.per_class[i], EACH)
    row.accuracy, row.positives = class.accuracy, class.support
    row["accuracy identity"] = class.accuracy and identity(study, "accuracy")
    row["accuracy direction"] = class.accuracy and "higher"
    run:record(row, columns)
  end
  local published, identities = {}, {}
  for _, name in ipairs(OVERALL) do
    local value = study.scores[name]
    published[#published + 1] = { name, value and metric.round(value, 3) or nil }
    identities[name] = value and identity(study, name)
  end
  for _, pair in ipairs { { "training_setting", params.setting }, { "synthetic_share", params.synthetic_share },
    { "seed", run.seed }, { "model_name", params.network }, { "Extra Info", params.name } } do
    published[#published + 1] = pair
  end
  run:publish(params.results .. "/classification_metrics.csv", published,
    { identities = identities, on_other_identity = params.on_other_identity })
  show(study)
  -- Last, as a plot that cannot be drawn must not cost a number.
  draw_losses(study)
  draw_curves(study)
  draw_matrices(study)
end

return report
