--- What the experiments `generate` and `sweep` share: prompts of a table, a pipeline, and one PNG file a prompt.
---
--- As in the reference, rows whose prompt occurred before are dropped first, a subset is pandas' `sample` with seed 42, files
--- are called `SyntheticImg_ID.png`, and `generations_with_metadata.csv` has the table's columns and `synthetic_filename`.
--- Other than there, an image's seed is the run's seed plus the row of its prompt (from 0) in the table without duplicates,
--- so that it is the same in every subset and shard.

local choices = require "chexgen.choices"
local dataset = require "chexgen.dataset"
local chexgen = require "chexgen"
local image = require "chexgen.image"
local model = require "chexgen.model"
local models = require "chexgen.models"

local generation = {}

--- Parts of models that do not lie in their own folder: a parameter names the place of each.
local separate = model.pipeline_places()

--- Settings of `pipe:generate` that a YAML file may give; the model's own where it does not.
local settings_of_pipe = { "steps", "guidance_scale", "scheduler", "width", "height", "eta" }
for _, option in ipairs(model.pipeline_options()) do settings_of_pipe[#settings_of_pipe + 1] = option.name end

--- Those, and `lora`: a file, `{ path:, scale: }`, or a list of them.
generation.untyped = { "lora", table.unpack(settings_of_pipe) }

--- Adds the parameters that name the places of parts which do not lie in their model's folder.
function generation.add_places(params)
  for _, part in ipairs(separate) do params[part.name] = "" end
end

--- The parameters with their defaults, and those of `extra`.
function generation.params(extra)
  local params = {
    model = "SD-V1-5",     -- a name of chexgen.models, a registered one, a folder or a Hub name
    stream = false,        -- hold a block of a network at a time, where the weights do not fit into memory
    weights = "",          -- where the model's weights lie, where the name alone does not say it
    modules = {},          -- Lua modules beside the experiment that register models
    -- The files are called by the id; without one by the column `id`, or by the row's number where there is none.
    -- A folder of films takes the table's place: their prompts are those of the text files beside them, or their names.
    prompts = { csv = "", prompt = "annotated_prompt", id = "", folder = "", pattern = "", prompts = "txt" },
    negative_prompt = "",
    subset = 0,            -- how many prompts; all where 0
    subset_seed = 42,
    shard = 1,             -- which part of the prompts, of how many
    shards = 1,
    overflow = "truncate",
    tiled = false,
  }
  generation.add_places(params)
  for key, value in pairs(extra or {}) do params[key] = value end
  return params
end

--- Tells what is wrong with the counts, by `choices.raise` or a start's teller; `rows` are the prompts that there may be.
local function count_faults(params, rows, tell)
  if params.shards < 1 or params.shard < 1 or params.shard > params.shards then
    tell(("wanted 1 to the number of shards, got %d of %d"):format(params.shard, params.shards), "shard")
  end
  if rows then
    if params.subset < 0 or params.subset > rows then
      tell(("wanted 0 (all) to %d prompts, got %d"):format(rows, params.subset), "subset")
    end
  elseif params.subset < 0 then
    tell(("wanted 0 (all) or more, got %d"):format(params.subset), "subset")
  end
  if params.steps ~= nil then choices.tell_range(tell, "steps", params.steps, 1, nil, "integer") end
end

--- The names of the registered models, and whether one of them is the parameters'.
local function registered(params)
  local names, found = {}, false
  for i, entry in ipairs(model.registered()) do
    names[i] = entry.name
    found = found or entry.name == params.model
  end
  return names, found
end

local function unregistered(params)
  return ("\"%s\" is no registered model; give its folder or Hub name as params.model"):format(params.model)
end

--- The LoRA files of the parameters: each as the place of its file and the parameter that names it.
local function loras(params)
  local given, found = params.lora, {}
  if given == nil or given == "" then return found end
  local is_list = type(given) == "table" and given.path == nil and given.scale == nil
  for i, item in ipairs(is_list and given or { given }) do
    local key = is_list and ("lora[%d]"):format(i) or "lora"
    local path = type(item) == "table" and item.path or item
    found[i] = { path = type(path) == "string" and path or "", key = key }
  end
  return found
end

--- The parts that parameters name the places of.
local function parts_of(params)
  local found = {}
  for _, part in ipairs(separate) do
    if params[part.name] and params[part.name] ~= "" then found[#found + 1] = part end
  end
  return found
end

--- What `model.pipeline` gets beside the model's name; one of one's own need not know all of it.
local function pipeline_options(params)
  local options = { weights = choices.filled(params.weights), lora = loras(params)[1] and params.lora }
  for _, part in ipairs(parts_of(params)) do options[part.name] = params[part.name] end
  if params.stream then options.stream = true end
  return options
end

--- Whether a model is one of the program's pipelines, and not a table of a script's.
local function is_own(pipe) return type(pipe) == "userdata" end

--- What every image is made with, by the parameters, the model's entry and the model.
local function settings_for(params, pipe)
  local settings = { overflow = params.overflow, tiled = params.tiled, negative_prompt = params.negative_prompt }
  for _, name in ipairs(settings_of_pipe) do settings[name] = params[name] end
  for _, entry in ipairs(models) do
    for name, value in pairs(entry[1] == params.model and entry.settings or {}) do
      if settings[name] == nil then settings[name] = value end
    end
  end
  -- One of the program's may have no steps.
  settings.steps = settings.steps or pipe.steps or not is_own(pipe) and 50 or nil
  settings.guidance_scale = settings.guidance_scale or pipe.guidance_scale
  return settings
end

--- Looks whether the model's weights fit into memory, by its configurations. Returns whether the model can be opened here: what a
--- script's own function loads only the run loads.
local function look_at_memory(start, is_registered)
  local found, plan = pcall(model.pipeline_memory, start.params.model, pipeline_options(start.params))
  if not found or not plan then return not found or not is_registered end
  if plan.refusal then
    start:problem(plan.refusal, "model")
    return false
  end
  start:needs(0, plan.peak)
  return true
end

--- Opens the model as the run will, which reads the names and sizes of all weights and hashes their files, once for all cells.
--- Returns nil after a problem.
local function look_into_weights(start)
  local params = start.params
  local options = pipeline_options(params)
  local opened, pipe = pcall(model.pipeline, params.model, options)
  if opened then return pipe end
  local key = params.weights == "" and "model" or "weights"
  if options.lora then
    options.lora = nil
    local is_whole, bare = pcall(model.pipeline, params.model, options)
    if is_whole then
      key = "lora"
      bare:close()
    end
  end
  start:problem(choices.argument_reason(pipe), key)
end

--- Asks the model for each setting whether it has such a one: those that it refuses are told under their own names.
local function look_at_settings(start, pipe)
  local settings = settings_for(start.params, pipe)
  local options = { prompt = "a film" }
  local names = {}
  for name in pairs(settings) do if name ~= "scheduler" then names[#names + 1] = name end end
  table.sort(names)
  -- What others mean depends on it.
  table.insert(names, 1, "scheduler")
  for _, name in ipairs(names) do
    options[name] = settings[name]
    local fine, reason = pcall(pipe.settings, pipe, options)
    if not fine then
      start:problem(choices.argument_reason(reason), settings[name] == nil and "model" or name)
      options[name] = nil
    end
  end
end

--- The look before a run for the model, which is not loaded: of one that a module registers only the module knows where it lies.
function generation.look_for_model(start)
  local params = start.params
  if not choices.load_modules(choices.teller(start), params) then return end
  local names, is_registered = registered(params)
  local complete = true
  local function wrong_at(text, key)
    start:problem(text, key)
    complete = false
  end
  local function look(place, key, options) complete = start:weights(place, key, options) and complete end
  -- Told by the program in the same words.
  if params.weights ~= "" then look(params.weights, "weights") end
  if not is_registered then
    if params.weights ~= "" then wrong_at(unregistered(params), "weights") end
    -- A model whose parts lie in several places has no index of them.
    local part = parts_of(params)[1]
    look(params.model, "model", { file = part and part.file or "model_index.json", known = names })
  else
    for _, entry in ipairs(models) do
      for i, place in ipairs(entry[1] == params.model and entry.places or {}) do
        -- Weights that the parameters name are looked for by the program.
        if i > 1 or params.weights == "" then look(place[1], "model", { file = place[2] }) end
      end
      -- What no one place has must be named.
      for _, key in ipairs(entry[1] == params.model and entry.wanted or {}) do
        if params[key] == "" then wrong_at(("%s wants its folder here"):format(params.model), key) end
      end
    end
  end
  for _, part in ipairs(parts_of(params)) do look(params[part.name], part.name) end
  for _, lora in ipairs(loras(params)) do
    if lora.path == "" then
      wrong_at("wanted the LoRA's file: a path, or { path: FILE, scale: 1.0 }", lora.key)
    else
      look(lora.path, lora.key)
    end
  end
  if not complete then return end
  local is_known = look_at_memory(start, is_registered)
  local pipe = is_known and look_into_weights(start)
  if pipe and is_own(pipe) then
    look_at_settings(start, pipe)
    pipe:close()
  end
end

--- The look before a run: the model, the prompts' columns, the counts, and room for the images.
function generation.check(start)
  local params = start.params
  generation.look_for_model(start)
  choices.tell_prompts(choices.teller(start), "prompts", params.prompts, "a generator")
  choices.tell_unnamed(choices.teller(start), "prompts", params.prompts, "prompt")
  local rows = choices.look_at_table(start, "prompts", params.prompts, { params.prompts.prompt, params.prompts.id })
  count_faults(params, rows, choices.teller(start))
  local pixels = math.type(params.width) == "integer" and math.type(params.height) == "integer" and params.width * params.height
  -- A PNG file of noise has 3 bytes a pixel, one of a film about 1. How many prompts are repeated is not known yet.
  if pixels and pixels > 0 and params.subset > 0 and params.shards > 0 then
    start:needs(params.subset * pixels // params.shards)
  end
end

local function wrong(name, message, ...)
  error(("params.%s: " .. message):format(name, ...), 0)
end

--- The table's rows that have a prompt, each prompt once.
local function prompts_of(run)
  local options = run.params.prompts
  local all = choices.open_table("prompts", options, { prompt = "prompt", id = "id" })
  local kept = all:dropna(options.prompt):unique(options.prompt)
  run:log("%d prompts (%d rows; without a prompt or with one that occurred before: %d)", #kept, #all, #all - #kept)
  if #kept == 0 then
    wrong(choices.has_folder(options) and "prompts.folder" or "prompts.csv", "%s holds no prompt", choices.filled(options.folder) or options.csv)
  end
  return kept
end

--- A file name for every row: by its id, or by its number from 0 where the table has no such column.
local function file_names(table_of, id_column)
  local has_ids = id_column ~= ""
  if not has_ids then id_column = "id" end
  for _, column in ipairs(table_of.columns) do has_ids = has_ids or column == id_column end
  local names, taken = {}, {}
  for i, row in table_of:rows() do
    local id = has_ids and row[id_column] or tostring(i - 1)
    if not id or id == "" or id:find "[/%c]" or #id > 200 then
      wrong("prompts.id", "row %d: \"%s\" cannot be part of a file name", i, tostring(id))
    end
    local name, number = id, 1
    while taken[name] do
      number = number + 1
      name = ("%s_%d"):format(id, number)
    end
    taken[name] = true
    names[i] = ("SyntheticImg_%s.png"):format(name)
  end
  return names
end

--- What shall be made: a list of `prompt`, `file` and `seed`, and the rows as a table.
local function plan(run)
  local params = run.params
  local all = prompts_of(run)
  local names = file_names(all, params.prompts.id)
  local some = all
  -- Fewer than the table's rows, where prompts occur twice.
  count_faults(params, #all, choices.raise)
  if params.subset > 0 then some = all:sample { n = params.subset, seed = params.subset_seed } end
  if params.shards > 1 then some = some:shard(params.shard, params.shards) end
  local items = {}
  local places = some:positions(all)
  for i, row in some:rows() do
    local place = places[i]
    items[i] = { prompt = row[params.prompts.prompt], file = names[place], seed = run.seed + place - 1 }
  end
  return items, some
end

--- Opens the model of the parameters.
local function open_pipeline(params)
  choices.load_modules(choices.raise, params)
  local _, is_registered = registered(params)
  if params.weights ~= "" and not is_registered then choices.raise(unregistered(params), "weights") end
  return model.pipeline(params.model, pipeline_options(params))
end

local function exists(path)
  local file <close> = io.open(path, "rb")
  return file ~= nil
end

local Job = {}
Job.__index = Job
Job.__close = function(job) job:close() end

--- Opens a job: the prompts, the model, and the settings of its images. `items` and `rows` say what shall be made, where it is
--- not what the parameters' table of prompts says: `prompt`, `file` and `seed` of each image, and a table of as many rows.
function generation.open(run, items, rows)
  local params = run.params
  if not items then items, rows = plan(run) end
  local pipe = open_pipeline(params)
  local settings = settings_for(params, pipe)
  local job = setmetatable({ run = run, items = items, rows = rows, pipe = pipe, settings = settings, made = {}, encoded = 0 }, Job)
  if settings.steps ~= nil and (type(settings.steps) ~= "number" or settings.steps < 1) then
    wrong("steps", "wanted 1 or more, got %s", tostring(settings.steps))
  end
  local plan = is_own(pipe) and pipe:memory()
  if plan then run:log("%s", plan.text) end
  -- What is wrong with the settings, such as a scheduler that the program lacks, is said before the first image.
  if is_own(pipe) and items[1] then
    local ok, message = pcall(pipe.settings, pipe, job:options_of(items[1]))
    if not ok then error("params: " .. choices.reason(message), 0) end
  end
  return job
end

--- Lets go of the model's memory.
function Job:close()
  if is_own(self.pipe) then self.pipe:close() end
  self.pipe = nil
end

--- How many steps of the bar an image is.
function Job:units() return self.settings.steps or 1 end

--- Whether the model has an option of `generate`.
function Job:has(name)
  for _, other in ipairs(is_own(self.pipe) and self.pipe.lacks or {}) do
    if other == name then return false end
  end
  return true
end

--- What one image is made with: the settings of all, its prompt and its seed.
function Job:options_of(item)
  local options = { prompt = item.prompt, seed = item.seed }
  for key, value in pairs(self.settings) do options[key] = value end
  return options
end

--- How many images of a model that writes codes are handed to it at once; it writes those of a few together.
local AHEAD = 256

--- Bytes of encoded texts that stay in the run folder when all its images are made.
local KEPT = 1 << 30

--- Where encoded texts and codes are kept: in the run folder, for a later process and other cells.
function Job:place_of_texts() return self.run:artifact("prompts/any", true):match "^(.*)/" end

--- Encodes the prompts of the images from the i-th on that are not made yet, all that the disk has room for, so that the text
--- encoders come and go once; a model that writes codes writes those of the next images together. Returns the number of the last
--- image that is ready.
function Job:encode_ahead(i, bar)
  local prompts, seeds, places = {}, {}, {}
  local before = self.pipe.encoded_texts
  for place = i, #self.items do
    if not before and #prompts == AHEAD then break end
    if not exists(self.run:artifact("images/" .. self.items[place].file)) then
      prompts[#prompts + 1] = self.items[place].prompt
      seeds[#seeds + 1] = self.items[place].seed
      places[#places + 1] = place
    end
  end
  if not prompts[1] then return #self.items end
  local options = { prompt = prompts, seed = seeds, keep = self:place_of_texts() }
  for key, value in pairs(self.settings) do if key ~= "tiled" then options[key] = value end end
  options.on_progress = function(done, all)
    bar:step(0, before and ("encoding texts, %d of %d"):format(done, all)
      or ("writing codes of the next images, %d %%"):format(100 * done // all))
  end
  local ready = self.pipe:prepare(options)
  if before then
    self.run:log("%d texts encoded, for %d images", self.pipe.encoded_texts - before, ready)
  end
  return places[ready] or #self.items
end

--- Removes encoded texts that take much room, where no cell will make images any more.
function Job:forget_texts()
  for _, cell in ipairs(self.run.cells) do
    if cell.state ~= "done" and cell.state ~= "running" then return end
  end
  if self.pipe.encoded_texts then self.pipe:forget_texts(self:place_of_texts(), KEPT) end
end

--- Makes one image and its file. Steps that an earlier process did are taken up from a file in the run folder.
function Job:make_one(item, path, bar, note)
  local steps, counted = self:units(), nil
  local function count(step, calls)
    local units = step * steps // calls
    if not counted then
      counted = (step - 1) * steps // calls
      bar:skip(counted)
    end
    bar:step(units - counted, note)
    counted = units
  end
  local options, details = self:options_of(item), nil
  options.state = self.run:artifact "unfinished.safetensors"
  local images
  if is_own(self.pipe) then
    details = self.pipe:settings(options)
    options.on_step = function(step, _, calls) count(step, calls) end
    images = self.pipe:generate(options)
  else
    options.callback = function(step, _, _, calls) count(step, calls) end
    images, details = self.pipe:generate(options)
  end
  image.save(path, images[1])
  bar:step(steps - (counted or 0), note)
  details = details or {}
  return { lost = details.lost_tokens and details.lost_tokens[1] or 0, scheduler = details.scheduler or "" }
end

--- Writes the tables of the images that there are: whole, or as they were before.
function Job:write_tables()
  local done, files, pairs_of = {}, {}, {}
  for i, item in ipairs(self.items) do
    if self.made[i] then
      done[#done + 1] = i
      files[#files + 1] = item.file
      pairs_of[#pairs_of + 1] = { item.prompt, item.file }
    end
  end
  self.rows:select(done):with_column("synthetic_filename", files):write(self.csv)
  dataset.table({ "prompt", "img_savename" }, pairs_of):write(self.run:artifact "prompt_INFO.csv")
end

--- Makes every image that is not there yet. Returns the folder of the images and the path of their table.
function Job:make()
  local run, steps = self.run, self:units()
  self.csv = run:artifact "generations_with_metadata.csv"
  local bar <close> = run:progress(#self.items * steps, "steps")
  local written_at, cost = -math.huge, 0
  for i, item in ipairs(self.items) do
    local path = run:artifact("images/" .. item.file)
    self.folder = path:match("^(.*)/")
    local is_new = false
    local function make()
      is_new = true
      if is_own(self.pipe) and i > self.encoded then self.encoded = self:encode_ahead(i, bar) end
      return self:make_one(item, path, bar, ("image %d of %d"):format(i, #self.items))
    end
    local made = run:once("image/" .. item.file, make)
    -- The journal knows the image; someone may have removed its file.
    if not is_new and not exists(path) then make() end
    if not is_new then bar:skip(steps) end
    self.made[i] = made
    -- The tables follow the images as often as costs a twentieth of the time.
    local now = chexgen.time()
    if is_new and now - written_at >= 20 * cost then
      self:write_tables()
      written_at = chexgen.time()
      cost = written_at - now
    end
  end
  self:write_tables()
  if is_own(self.pipe) then self:forget_texts() end
  return self.folder, self.csv
end

--- How many prompts were cut, and by how many tokens in all.
function Job:lost()
  local prompts, tokens = 0, 0
  for _, made in ipairs(self.made) do
    if made.lost > 0 then prompts, tokens = prompts + 1, tokens + made.lost end
  end
  return prompts, tokens
end

return generation
