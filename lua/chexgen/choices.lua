--- Checks of parameters that the experiments share.
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
local function unset(key) return ("is not set: name its table, in the YAML or with --set params.%s.csv=FILE"):format(key) end

--- Raises a problem of a parameter: what a run does with what its start would only be told.
function choices.raise(text, name) error(("params.%s: %s"):format(name, text), 0) end

--- Tells the problems of a run's start, which are shown together.
function choices.teller(start)
  return function(text, name) start:problem(text, name) end
end

--- Tells, by `raise` or a start's teller, that a parameter is none of the values that it may have.
function choices.tell(tell, name, value, known)
  local text = fault(value, known)
  if text then tell(text, name) end
end

--- The text of a caught error, without the script's position before it: where the library lies must not enter results.
function choices.reason(caught) return (tostring(caught):gsub("^[^:\n]+%.lua:%d+: ", "", 1)) end

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

--- The numbers from 1 to n.
function choices.count(n)
  local list = {}
  for i = 1, n do list[i] = i end
  return list
end

--- A text, or nil where it is empty.
function choices.filled(text) return text ~= "" and text or nil end

--- Opens the table of `params.KEY.csv`. `columns` says which parameter of `params` names the column of each role, as in
--- `{ image = "real" }`; one that is empty names none. A column that a parameter names and the table lacks is an error that
--- says which parameter it is.
function choices.open_table(key, params, columns, image_dir)
  if params.csv == "" then
    error(("params.%s.csv %s"):format(key, unset(key)), 0)
  end
  local file, reason = io.open(params.csv)
  if not file then error(("params.%s.csv: %s"):format(key, reason), 0) end
  file:close()
  local options = { path = params.csv, image_dir = choices.filled(image_dir or params.image_dir or "") }
  for role, name in pairs(columns) do options[role] = choices.filled(params[name]) end
  local ok, found = pcall(dataset.csv, options)
  if ok then return found end
  local role, missing = tostring(found):match "bad argument '(%w+)' to 'csv': (.*)"
  if role then error(("params.%s.%s: %s"):format(key, columns[role] or role, missing), 0) end
  error(found, 0)
end

--- Tells a run's start what `open_table` would raise later; `columns` are names. Returns how many rows there are, nil after a
--- problem.
function choices.look_at_table(start, key, params, columns)
  if params.csv ~= "" then return start:table(params.csv, columns, key .. ".csv") end
  start:problem(unset(key), key .. ".csv")
end

return choices
