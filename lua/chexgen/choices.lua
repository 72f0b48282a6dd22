--- Checks of parameters that the experiments share.
local chexgen = require "chexgen"
local dataset = require "chexgen.dataset"

local choices = {}

-- What is wrong with a value that must be one of some; nil where it is one.
local function fault(value, known)
  for _, choice in ipairs(known) do
    if value == choice then return nil end
  end
  return ("wanted one of %s, got \"%s\""):format(table.concat(known, ", "), value)
end

-- What is said of a table that no parameter names.
local function unset(key, params)
  local folder = params.folder and (", or a folder of films with --set params.%s.folder=FOLDER"):format(key) or ""
  return ("is not set: name its table, in the YAML or with --set params.%s.csv=FILE%s"):format(key, folder)
end

--- Where prompts of a folder's films come from.
local PROMPTS = { "none", "txt", "name" }

--- Raises a problem of a parameter: what a run does with what its start would only be told.
function choices.raise(text, name) error(("params.%s: %s"):format(name, text), 0) end

--- Tells the problems of a run's start, which are shown together.
function choices.teller(start)
  return function(text, name) start:problem(text, name) end
end

--- Tells a run's start an error that names its parameter, as `raise` makes them; one without a parameter under `otherwise`.
function choices.tell_raised(start, caught, otherwise)
  local text = choices.reason(caught)
  local name, message = text:match "^params%.([%w_.]+): (.*)"
  start:problem(message or text, name or otherwise)
end

--- Tells, by `raise` or a start's teller, that a parameter is none of the values that it may have.
function choices.tell(tell, name, value, known)
  local text = fault(value, known)
  if text then tell(text, name) end
end

--- The text of a caught error, without the script's position before it: where the library lies must not enter results.
function choices.reason(caught)
  local text = tostring(caught):gsub("^[^:\n]+%.lua:%d+: ", "", 1)
  -- Loaders of registered models are a piece of their own.
  return (text:gsub("^model%.register:%d+: ", "", 1))
end

--- The same of an error about an argument of a function, without the argument's name.
function choices.argument_reason(caught)
  local reason = choices.reason(caught)
  local kind, hint = reason:match "^bad argument '[^']*' to '[^']*' %((.*)%)(.*)"
  return kind and kind .. hint or reason:match "^bad argument '[^']*' to '[^']*': (.*)" or reason
end

--- Tells that a number is not between two others; without `high` there is no upper one. With `kind` "integer" it must be one.
function choices.tell_range(tell, name, value, low, high, kind)
  local is_right = type(value) == "number" and value >= low and value <= (high or math.huge)
  if is_right and (kind ~= "integer" or math.type(value) == "integer") then return end
  local wanted = high and ("%s to %s"):format(low, high) or ("%s or more"):format(low)
  tell(("wanted %s%s, got %s"):format(kind == "integer" and "an integer of " or "", wanted, tostring(value)), name)
end

--- Tells the modules of `params.modules` that cannot be loaded, as they register models or encoders; returns whether all are there.
function choices.load_modules(tell, params)
  local complete = true
  for _, name in ipairs(params.modules) do
    local ok, reason = pcall(require, name)
    if not ok then
      complete = false
      tell(("\"%s\" cannot be loaded: %s"):format(name, reason), "modules")
    end
  end
  return complete
end

--- The pathologies that `params.pathologies` asks for: "all", a name or a list of names, `standard` where it is absent. What is none
--- of them is told.
function choices.pathologies(params, tell, standard)
  local list = params.pathologies
  if list == nil then list = standard end
  if list == "all" then return dataset.pathologies end
  if type(list) ~= "table" then list = { list } end
  for _, name in ipairs(list) do
    local known = false
    for _, other in ipairs(dataset.pathologies) do known = known or name == other end
    if not known then
      tell(("\"%s\" is not one of: %s"):format(name, table.concat(dataset.pathologies, ", ")), "pathologies")
    end
  end
  return list
end

--- What a pass may notice of images that are used: the field of what it found, and words for it.
choices.noticed = {
  { "clipped", "have 16-bit samples that were cut to white at 255" }, { "flat", "are of one grey level" },
}

--- What is said of so many images of a side of which something was noticed.
function choices.notice(kind, count, total, side) return ("%d of %d %s images %s"):format(count, total, side, kind[2]) end

--- Tells the log what a pass noticed of the images of a side, and returns it for results; nil where there is nothing.
function choices.log_noticed(run, side, found)
  local notes = {}
  for _, kind in ipairs(choices.noticed) do
    local count = found[kind[1]]:numel()
    if count > 0 then notes[#notes + 1] = choices.notice(kind, count, found.kept:numel(), side) end
  end
  for _, text in ipairs(notes) do run:log("note: %s", text) end
  return choices.filled(table.concat(notes, "; "))
end

--- The key that what is found of some texts is kept by in a run: the first one's place, and what they are. Which there are depends on
--- which films can be used, so that a film which was mended before a run went on moves all others.
function choices.kept_by(what, first, texts)
  return ("%s/%d %s"):format(what, first, chexgen.sha256(table.concat(texts, "\0")):sub(1, 16))
end

--- Writes a table anew under a model's name, among those that runs share; cells of a sweep, which may be of one model, each have
--- their own in the run folder. Returns its path.
function choices.write_table(run, kind, name, columns, rows)
  local is_shared = #run.cells == 1
  local path = is_shared and ("%s/%s_%s.csv"):format(run.params.results, kind, name) or run:artifact(kind .. ".csv")
  dataset.write_csv(path, columns, rows, { shared = is_shared })
  return path
end

--- Adds the columns that tell what numbers are, and which values of them are better.
function choices.add_told(columns, names)
  for _, name in ipairs(names) do
    for _, ending in ipairs { " identity", " direction" } do columns[#columns + 1] = name .. ending end
  end
end

--- Raises that no image is left of a side, where all that a pass found of it were left out, for reasons that were told.
function choices.some_left(side, found)
  if #found.skipped == 0 or found.kept:numel() > 0 then return end
  error(("none of the %d %s images can be used: each was left out for the reason above"):format(#found.skipped, side), 0)
end

--- The patient of every row of a table, by its column of them or else by MIMIC-CXR's paths; nil where there is no name at all.
function choices.patients(ds)
  local names, unnamed = ds:patients()
  if names then return names, unnamed end
  return ds:patients { from = "paths" }
end

--- The patient of every row where a name says who it is, and false where none does; nil where no row has a name.
function choices.known_patients(ds)
  local names, unnamed = choices.patients(ds)
  if not names or #unnamed == #names then return nil end
  for _, row in ipairs(unnamed) do names[row] = false end
  return names
end

--- The numbers from 1 to n.
function choices.count(n)
  local list = {}
  for i = 1, n do list[i] = i end
  return list
end

--- A text, or nil where it is empty.
function choices.filled(text) return text ~= "" and text or nil end

--- The parameters of a section that names films, such as `real`: a table, or a folder in its place; and those of `extra`.
function choices.films(extra)
  local params = {
    csv = "", image_dir = "",
    folder = "",      -- films of this folder and those below it, in place of a table
    pattern = "",     -- which of them, such as *.png
    prompts = "none", -- txt: from the text file beside each film; name: from the films' names
  }
  for key, value in pairs(extra) do params[key] = value end
  return params
end

--- Whether a section names a folder; it takes the place of a table.
function choices.has_folder(params) return params.folder ~= nil and params.folder ~= "" end

--- The parameter that names the films of a section.
function choices.place(key, params) return key .. (choices.has_folder(params) and ".folder" or ".csv") end

--- Whether a section names films at all.
function choices.is_given(params) return params.csv ~= "" or choices.has_folder(params) end

--- Whether the films of a section have prompts: those of a folder need none.
function choices.has_prompts(params) return not choices.has_folder(params) or params.prompts ~= "none" end

--- Tells that the films of a section have no prompts, for which `why` needs them.
function choices.tell_prompts(tell, key, params, why)
  if choices.has_prompts(params) then return end
  tell(("is none, and %s needs prompts: set txt (text files beside the films) or name (the films' names)"):format(why),
    key .. ".prompts")
end

--- The rows of a section with each prompt once; all where they have none.
function choices.each_prompt_once(rows, params)
  return choices.has_prompts(params) and params.prompt ~= "" and rows:unique(params.prompt) or rows
end

--- An error that a parameter caused, under the parameter's name; others as they are. `parameters` has those of the roles.
local function raise_by_role(key, parameters, found, otherwise)
  local role, missing = tostring(found):match "bad argument '(%w+)' to '%w+': (.*)"
  if role then error(("params.%s.%s: %s"):format(key, parameters[role] or role, missing), 0) end
  if otherwise then error(("params.%s.%s: %s"):format(key, otherwise, choices.reason(found)), 0) end
  error(found, 0)
end

-- What is wrong with a role that a folder's films do not have.
local function not_in_folder(name) return ("films of a folder have no column \"%s\": name a table with csv"):format(name) end

local function open_folder(key, params, columns)
  for role, name in pairs(columns) do
    if role ~= "image" and role ~= "prompt" and params[name] ~= "" then
      error(("params.%s.folder: %s"):format(key, not_in_folder(params[name])), 0)
    end
  end
  local options = { path = params.folder, pattern = params.pattern, prompts = params.prompts }
  for _, role in ipairs { "image", "prompt" } do options[role] = choices.filled(params[columns[role] or role]) end
  local ok, found = pcall(dataset.folder, options)
  if ok then return found end
  raise_by_role(key, columns, found, "folder")
end

--- Opens the table of `params.KEY.csv`, or of the films in `params.KEY.folder`. `columns` says which parameter of `params` names
--- the column of each role, as in `{ image = "real" }`; one that is empty names none. A column that a parameter names and the
--- table lacks is an error that says which parameter it is. The films of a folder have no roles but image and prompt.
function choices.open_table(key, params, columns, image_dir)
  if choices.has_folder(params) then return open_folder(key, params, columns) end
  if params.csv == "" then
    error(("params.%s.csv %s"):format(key, unset(key, params)), 0)
  end
  local file, reason = io.open(params.csv)
  if not file then error(("params.%s.csv: %s"):format(key, reason), 0) end
  file:close()
  local options = { path = params.csv, image_dir = choices.filled(image_dir or params.image_dir or "") }
  for role, name in pairs(columns) do options[role] = choices.filled(params[name]) end
  local ok, found = pcall(dataset.csv, options)
  if ok then return found end
  raise_by_role(key, columns, found)
end

-- The look at a folder in place of a table.
local function look_at_folder(start, key, params, columns)
  choices.tell(choices.teller(start), key .. ".prompts", params.prompts, PROMPTS)
  local is_known = false
  for _, name in ipairs(PROMPTS) do is_known = is_known or name == params.prompts end
  for _, name in ipairs(columns) do
    if name ~= "" and name ~= params.image and name ~= params.prompt then
      start:problem(not_in_folder(name), key .. ".folder")
    end
  end
  return start:images(params.folder, { pattern = params.pattern, prompts = is_known and params.prompts or nil }, key .. ".folder")
end

--- Tells a run's start what `open_table` would raise later, and a table without rows; `columns` are names. Returns how many rows
--- there are, nil after a problem.
function choices.look_at_table(start, key, params, columns)
  if choices.has_folder(params) then return look_at_folder(start, key, params, columns) end
  if params.csv == "" then return start:problem(unset(key, params), key .. ".csv") end
  local films
  for _, name in ipairs(columns) do
    -- Tables of which prompts or labels alone are read may have films that are elsewhere.
    if params.image and name == params.image then
      films = { image = name, image_dir = params.image_dir or "", key = key .. ".image_dir" }
    end
  end
  local rows = start:table(params.csv, columns, key .. ".csv", films)
  if rows == 0 then return start:problem(("%s has no rows"):format(params.csv), key .. ".csv") end
  return rows
end

--- The columns of a section that the YAML names by itself, as they are not those of `defaults`: they must be there, whether anything
--- asks for them or not, as one that is misspelt is asked for by nobody.
function choices.named_columns(params, defaults)
  local found = {}
  for key in pairs(choices.films {}) do defaults[key] = nil end
  for key, usual in pairs(defaults) do
    if params[key] and params[key] ~= usual then found[#found + 1] = params[key] end
  end
  table.sort(found)
  return found
end

--- Tells that a section's table has no column named for a role.
function choices.tell_unnamed(tell, key, params, role)
  if params[role] == "" and not choices.has_folder(params) then tell("is empty: name the column", key .. "." .. role) end
end

--- The films of a section whose prompts are those of rows of another.
function choices.with_prompts_of(films, params, others, other_params)
  return films:where_in(params.prompt, others:column(other_params.prompt))
end

--- Tells a run's start that no film of a section has a prompt of another's rows, where both have been opened and have prompts.
function choices.look_at_prompts(start, key, films, params, others, other_params)
  for _, section in ipairs { params, other_params } do
    if not choices.has_prompts(section) or section.prompt == "" then return end
  end
  if films and others and #choices.with_prompts_of(films, params, others, other_params) == 0 then
    start:problem("no film has one of the real films' prompts", choices.place(key, params))
  end
end

--- The rows of a section as `open_table` opens them, for the look before a run; nil where they cannot be opened, which
--- `look_at_table` tells.
function choices.peek(key, params, columns)
  local ok, rows = pcall(choices.open_table, key, params, columns)
  return ok and rows or nil
end

--- Tells a run's start why the labels of some rows cannot be read: one of their cells, or that there are none.
function choices.look_at_labels(start, key, rows)
  local ok, reason = pcall(rows.labels_tensor, rows, { uncertain = 0, missing = 0 })
  if not ok then start:problem(choices.reason(reason), key .. ".labels") end
end

--- Tells a run's start which columns a table lacks: `wanted` are pairs of a parameter and the column that it names.
function choices.look_at_columns(start, params, wanted)
  if #wanted == 0 or choices.has_folder(params) or params.csv == "" then return end
  local ok, rows = pcall(dataset.csv, { path = params.csv })
  if not ok then return end
  local there = {}
  for _, name in ipairs(rows.columns) do there[name] = true end
  for _, pair in ipairs(wanted) do
    if not there[pair[2]] then
      -- The table's own words, which know what may have been meant.
      local _, reason = pcall(rows.column, rows, pair[2])
      start:problem(choices.reason(reason), pair[1])
    end
  end
end

return choices
