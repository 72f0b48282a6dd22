--- Report generation: films in, reports out, and all metrics of the reports beside those that radiologists wrote.
---
--- As in the reference, films are those of rows with a report, of a front view, whose report was cut out by rules. Protocol
--- `chexgenbench` asks the question of the reference's evaluation, which names the indication and is another than the one that its
--- models are trained with; `exact` asks one question in training and test.

local choices = require "chexgen.choices"
local dataset = require "chexgen.dataset"
local evaluation = require "chexgen.evaluation"
local metric = require "chexgen.metric"
local model = require "chexgen.model"
local tensor = require "chexgen.tensor"

local reporting = {}

--- The question of training, and under `exact` that of the test.
reporting.QUESTION = "Describe the findings of the chest x-ray."

-- The reference's question in its test.
local DESCRIBE = "Provide a description of the findings in the radiology image"

--- Reports that a labeler reads between two looks at whether the run shall stop.
local CHUNK = 64

--- The findings of the reference's tables, F1 of all fourteen, of five and of four, with uncertain ones as negative and (+) as positive.
local FINDINGS = { { "micro_14", "Micro-F1-14" }, { "macro_14", "Macro-F1-14" }, { "micro_5", "Micro-F1-5" }, { "macro_5", "Macro-F1-5" },
  { "micro_4", "Micro-F1-4" }, { "macro_4", "Macro-F1-4" } }

--- The scores in the order of the reference's table.
local SCORES = { "BLEU-1", "BLEU-4", "ROUGE-L" }
for _, mark in ipairs { "", "+" } do
  for _, pair in ipairs(FINDINGS) do SCORES[#SCORES + 1] = pair[2] .. mark end
end
SCORES[#SCORES + 1] = "F1-RadGraph"

--- The table of films with their reports, as `report` and `report_training` name it.
function reporting.films(extra)
  local films = choices.films { image = "path", report = "annotated_prompt", reason = "reason", view = "view",
    method = "generate_method" }
  for key, value in pairs(extra or {}) do films[key] = value end
  return films
end

--- A vision-language model and its files, as both name them.
function reporting.model() return { name = "llava-rad", base = "", adapter = "", projector = "", vision = "" } end

--- The parameters with their defaults.
function reporting.params()
  return {
    protocol = "chexgenbench",
    name = "unnamed model",
    percentage = 100,
    results = "Results",
    films = reporting.films(),
    views = { "AP", "PA" },
    methods = { "rule-based" },
    subset = 0,
    prompt = reporting.QUESTION,
    model = reporting.model(),
    reports = { csv = "", report = "report", reference = "reference" },
    labelers = {},
    max_new_tokens = 256,
    batch = 8,
    bootstrap = 500,
    on_bad_image = "stop",
  }
end

local LABELERS = { "chexbert", "radgraph" }

--- Tells what is wrong with a model and its files, of those that an experiment has parameters for.
function reporting.model_faults(given, tell)
  local names, entry = {}, nil
  for i, other in ipairs(model.vision_languages()) do
    names[i] = other.name
    if other.name == given.name then entry = other end
  end
  if not entry then return choices.tell(tell, "model.name", given.name, names) end
  for _, alternatives in ipairs { { "base" }, table.unpack(entry.wanted) } do
    local keys, is_given = {}, false
    for _, key in ipairs(alternatives) do
      if given[key] then keys[#keys + 1] = key end
      is_given = is_given or choices.filled(given[key] or "") ~= nil
    end
    if keys[2] and not is_given then
      tell(("is not set, nor is model.%s: one of both is needed"):format(table.concat(keys, ", model.", 2)), "model." .. keys[1])
    elseif keys[1] and not is_given then
      tell("is not set: name the file or folder, or a Hub name in the local cache", "model." .. keys[1])
    end
  end
end

local function faults(params, tell)
  choices.tell(tell, "protocol", params.protocol, { "chexgenbench", "exact" })
  choices.tell(tell, "on_bad_image", params.on_bad_image, { "stop", "skip" })
  choices.tell_range(tell, "batch", params.batch, 1, 16, "integer")
  choices.tell_range(tell, "max_new_tokens", params.max_new_tokens, 1, 1 << 20, "integer")
  choices.tell_range(tell, "subset", params.subset, 0, nil, "integer")
  choices.tell_range(tell, "bootstrap", params.bootstrap, 0, 1e6, "integer")
  choices.tell_range(tell, "percentage", params.percentage, 0, 100)
  if params.name:find "[/%c]" or params.name == "" then tell("it goes into the name of a file: wanted no slash in it", "name") end
  if not params.prompt:find "%S" then tell("wanted a question about the film", "prompt") end
  local asked = {}
  for name in pairs(params.labelers) do asked[#asked + 1] = name end
  table.sort(asked)
  for _, name in ipairs(asked) do
    if name ~= LABELERS[1] and name ~= LABELERS[2] then
      tell(("unknown labeler; known: %s"):format(table.concat(LABELERS, ", ")), "labelers." .. name)
    end
  end
  if params.reports.csv == "" then
    reporting.model_faults(params.model, tell)
  elseif choices.is_given(params.films) then
    tell('there are films, too: name either reports that exist, which need neither films nor a model, or films that the model writes '
      .. 'reports of; set the other to ""', "reports.csv")
  end
end

--- Columns of a table of films that may be empty names; a folder has none.
local function optional_columns(films)
  local found = {}
  if choices.has_folder(films) then return found end
  for _, key in ipairs { "reason", "view", "method" } do
    if films[key] ~= "" then found[#found + 1] = films[key] end
  end
  return found
end

--- The look before a run at films with reports: a folder's are the texts beside them.
function reporting.look_at_films(start, key, films)
  choices.tell_prompts(choices.teller(start), key, films, "a report")
  choices.look_at_table(start, key, films, { films.image, films.report, table.unpack(optional_columns(films)) })
end

--- The look before a run at the files of a model.
function reporting.look_at_model(start, given)
  for key, file in pairs { base = "config.json", adapter = "adapter_config.json", projector = false, vision = false } do
    if choices.filled(given[key] or "") then start:weights(given[key], "model." .. key, file and { file = file } or nil) end
  end
end

--- The look before a run.
function reporting.check(start)
  local params = start.params
  faults(params, choices.teller(start))
  start:results(params.results, "results")
  if params.reports.csv == "" and not choices.is_given(params.films) then
    start:problem("is not set: name the table of films that get reports, or that of reports that exist as params.reports.csv", "films.csv")
  elseif params.reports.csv ~= "" then
    if start:table(params.reports.csv, { params.reports.report, params.reports.reference }, "reports.csv") == 0 then
      start:problem(("%s has no rows"):format(params.reports.csv), "reports.csv")
    end
  else
    reporting.look_at_films(start, "films", params.films)
    reporting.look_at_model(start, params.model)
  end
end

--- Rows whose column has one of some values; all where no column is named or no value is wanted.
local function where(run, rows, films, key, wanted)
  local column = films[key]
  if column == "" or #wanted == 0 or choices.has_folder(films) then return rows end
  local kept = rows:where_in(column, wanted)
  if #kept < #rows then
    run:log("%d of %d films have another \"%s\" than %s", #rows - #kept, #rows, column, table.concat(wanted, ", "))
  end
  return kept
end

--- The rows of films that count: those with a report, of the wanted views and methods.
function reporting.rows(run, films, params, key)
  local all = choices.open_table(key, films, { image = "image", prompt = "report" })
  local reports, with = all:column(films.report), {}
  for i = 1, #all do
    if reports[i] and tostring(reports[i]):find "%S" then with[#with + 1] = i end
  end
  if #with < #all then run:log("%d of %d films have no report and are left out", #all - #with, #all) end
  local rows = #with < #all and all:select(with) or all
  rows = where(run, where(run, rows, films, "method", params.methods), films, "view", params.views)
  if #rows == 0 then choices.raise("no film with a report is left", key .. ".csv") end
  return rows
end

--- The question about each row.
local function questions(rows, params)
  local list = {}
  local films = params.films
  local reasons = films.reason ~= "" and not choices.has_folder(films) and rows:column(films.reason) or {}
  for i = 1, #rows do
    if params.protocol == "exact" then
      list[i] = params.prompt
    else
      local reason = reasons[i]
      list[i] = reason and ("%s given the following indication: %s"):format(DESCRIBE, (tostring(reason):gsub("\n", " "))) or DESCRIBE .. "."
    end
  end
  return list
end

--- Opens the vision-language model of the parameters.
function reporting.open_model(given)
  local files = {}
  for _, key in ipairs { "base", "adapter", "projector", "vision" } do files[key] = choices.filled(given[key] or "") end
  return model.vision_language(given.name, files)
end

--- Films to reports: a list of tables with `image`, `prompt`, `reference` and `report`, and what is known of the model.
local function write(run)
  local params = run.params
  local rows = reporting.rows(run, params.films, params, "films")
  if params.subset > #rows then choices.raise(("wanted 0 (all) to %d films, got %d"):format(#rows, params.subset), "subset") end
  if params.subset > 0 then rows = rows:sample { n = params.subset, seed = run.seed } end
  -- Every film is looked at before the first report is begun.
  local found = evaluation.pass(rows, { protocol = params.protocol, on_bad_image = params.on_bad_image, label = "films" })
  for _, bad in ipairs(found.skipped) do run:log("left out: %s", bad.reason) end
  local note = choices.log_noticed(run, "real", found)
  if #found.skipped > 0 then
    dataset.write_csv(run:artifact "skipped.csv", { "index", "path", "reason" }, found.skipped)
    rows = rows:select(found.kept)
  end
  if #rows == 0 then choices.raise("no film can be used", "films.csv") end
  local asked, references = questions(rows, params), rows:column(params.films.report)
  local writer, items = reporting.open_model(params.model), {}
  local progress = run:progress(#rows, "reports")
  for first = 1, #rows, params.batch do
    local last = math.min(first + params.batch - 1, #rows)
    local places, parts = {}, {}
    for place = first, last do places[#places + 1], parts[#parts + 1] = place, found.sha256[place] .. " " .. asked[place] end
    local texts = run:once(choices.kept_by("reports", first, parts), function()
      return (writer:generate { images = rows:select(places), prompt = { table.unpack(asked, first, last) }, batch = params.batch,
        max_new_tokens = params.max_new_tokens, protocol = params.protocol, label = "" })
    end)
    for i, text in ipairs(texts) do
      local place = first + i - 1
      items[place] = { image = rows[place].image_path, prompt = asked[place], reference = tostring(references[place]), report = text }
    end
    progress:step(#texts)
  end
  return items, writer.identity, #found.skipped, note
end

--- Reports that exist, with their references.
local function read(run)
  local given, items, empty = run.params.reports, {}, 0
  local rows = choices.open_table("reports", { csv = given.csv, image_dir = "" }, {})
  local reports, references = rows:column(given.report), rows:column(given.reference)
  for i = 1, #rows do
    if references[i] and tostring(references[i]):find "%S" then
      items[#items + 1] = { image = "", prompt = "", reference = tostring(references[i]), report = tostring(reports[i] or "") }
    else
      empty = empty + 1
    end
  end
  if empty > 0 then run:log("%d of %d rows have no reference and are left out", empty, #rows) end
  if #items == 0 then choices.raise("no row has a reference", "reports.csv") end
  return items, nil, 0
end

--- What a labeler says of texts, some at a time, kept in the run folder.
local function labels(run, name, labeler, texts, ask)
  local parts = {}
  for first = 1, #texts, CHUNK do
    local some = { table.unpack(texts, first, math.min(first + CHUNK - 1, #texts)) }
    parts[#parts + 1] = run:once(choices.kept_by(name, first, some), function() return ask(labeler, some) end)
  end
  return parts
end

local function column(items, name)
  local list = {}
  for i, item in ipairs(items) do list[i] = item[name] end
  return list
end

--- Puts a score with its interval into a row; beside it the median of its resamples, which the reference's table has. The
--- reference's limits tell of the resamples, and need not hold the score; under `exact` they lie about it as they do about the
--- resamples' centre.
local function put(params, row, name, value, interval, identity)
  row[name], row[name .. " identity"], row[name .. " direction"] = value, identity, value and "higher"
  if not interval then return end
  local low, high = interval.low, interval.high
  if params.protocol == "exact" then
    local shift, most = value - interval.centre, name:find "^BLEU" and 100 or 1
    low, high = math.max(0, low + shift), math.min(most, high + shift)
  end
  row[name .. " low"], row[name .. " median"], row[name .. " high"] = low, interval.median, high
end

--- All scores of reports in a row, and by finding. Adds each report's own scores to the items.
local function measure(run, items, writer)
  local params, row, findings = run.params, {}, {}
  local reports, references = column(items, "report"), column(items, "reference")
  local replicates = params.bootstrap
  local function identity(name, labeler, details)
    details = details or {}
    details.reports = writer and writer.weights:sub(1, 16) or "given"
    details.replicates = replicates
    return metric.identity { metric = name, protocol = params.protocol, features = labeler and labeler.identity or writer,
      estimator = "reports beside references", real = #items, synthetic = #items, details = details }
  end
  for _, n in ipairs { 1, 4 } do
    local name = "BLEU-" .. n
    local score, interval = metric.bleu(reports, references, { n = n, replicates = replicates })
    put(params, row, name, score, interval, identity(name))
  end
  local mean, scores, interval = metric.rouge_l(reports, references, { replicates = replicates })
  put(params, row, "ROUGE-L", mean, interval, identity "ROUGE-L")
  for i, value in ipairs(scores:totable()) do items[i].rouge = value end

  if params.labelers.chexbert then
    local labeler = model.labeler("chexbert", params.labelers.chexbert)
    local function classes(which, texts)
      return tensor.cat(labels(run, "chexbert/" .. which, labeler, texts, labeler.labels), 1)
    end
    local a, b = classes("reports", reports), classes("references", references)
    for _, uncertain in ipairs { "negative", "positive" } do
      local mark = uncertain == "positive" and "+" or ""
      local found = metric.f1_chexbert(a, b, { uncertain = uncertain, replicates = replicates })
      for _, pair in ipairs(FINDINGS) do
        put(params, row, pair[2] .. mark, found[pair[1]], found.intervals and found.intervals[pair[1]],
          identity(pair[2] .. mark, labeler, { uncertain = uncertain }))
      end
      findings[uncertain] = found.per_class
    end
  end
  if params.labelers.radgraph then
    local labeler = model.labeler("radgraph", params.labelers.radgraph)
    local function annotations(which, texts)
      local all = {}
      for _, part in ipairs(labels(run, "radgraph/" .. which, labeler, texts, labeler.annotate)) do
        for _, found in ipairs(part) do all[#all + 1] = found end
      end
      return all
    end
    local reward, rewards, interval = metric.f1_radgraph(annotations("reports", reports), annotations("references", references),
      { reward = "partial", replicates = replicates })
    put(params, row, "F1-RadGraph", reward, interval, identity("F1-RadGraph", labeler, { reward = "partial" }))
    for i, value in ipairs(rewards:totable()) do items[i].radgraph = value end
  end
  return row, findings
end

--- The tables: every report beside its reference; the worst and best films; the reference's table of scores, anew, and F1 by finding.
local function write_tables(run, items, row, findings)
  local params = run.params
  dataset.write_csv(run:artifact "reports.csv", { "image", "prompt", "reference", "report", "rouge", "radgraph" }, items)
  local order, lines = choices.count(#items), {}
  table.sort(order, function(a, b)
    if items[a].rouge ~= items[b].rouge then return items[a].rouge < items[b].rouge end
    return a < b
  end)
  for _, i in ipairs(order) do
    if items[i].image ~= "" then lines[#lines + 1] = { items[i].image, "", items[i].report, "ROUGE-L", items[i].rouge } end
  end
  if #lines > 0 then dataset.write_csv(run:artifact "films.csv", { "synthetic", "real", "caption", "by", "value" }, lines) end

  local columns, table_of = { "" }, { { "median" }, { "ci_l" }, { "ci_h" } }
  for _, name in ipairs(SCORES) do
    if row[name] then
      columns[#columns + 1] = name
      local place = #columns
      table_of[1][place] = row[name .. " median"] or row[name]
      table_of[2][place], table_of[3][place] = row[name .. " low"] or "", row[name .. " high"] or ""
    end
  end
  local name = ("%s_percentage_%s"):format(params.name, params.percentage)
  run:log("scores: %s", choices.write_table(run, "main", name, columns, table_of))
  for uncertain, letter in pairs { negative = "n", positive = "p" } do
    if findings[uncertain] then
      local by_finding = {}
      for i, name in ipairs(dataset.pathologies) do
        local found = findings[uncertain][name]
        by_finding[i] = { name, found.precision, found.recall, found.f1, found.support }
      end
      choices.write_table(run, "breakdown_" .. letter, name, { "", "precision", "recall", "f1", "support" }, by_finding)
    end
  end
end

--- Runs the experiment.
function reporting.run(run)
  local params = run.params
  faults(params, choices.raise)
  local items, writer, skipped, note
  if params.reports.csv ~= "" then items, writer, skipped = read(run) else items, writer, skipped, note = write(run) end
  local row, findings = measure(run, items, writer)
  row["Reports"], row["Images left out"], row["Percentage"] = #items, skipped, params.percentage
  row["Protocol"], row["Extra Info"], row["Note"] = params.protocol, params.name, note
  local columns = {}
  for _, name in ipairs(SCORES) do
    for _, ending in ipairs { "", " low", " high", " median" } do columns[#columns + 1] = name .. ending end
  end
  for _, name in ipairs { "Reports", "Images left out", "Percentage", "Protocol", "Extra Info" } do columns[#columns + 1] = name end
  choices.add_told(columns, SCORES)
  columns[#columns + 1] = "Note"
  run:record(row, columns)
  write_tables(run, items, row, findings)
  for _, name in ipairs(SCORES) do
    if row[name] then
      run:log("%-14s %.4f%s", name, row[name], row[name .. " low"] and (" [%.4f, %.4f]"):format(row[name .. " low"], row[name .. " high"]) or "")
    end
  end
end

return reporting
