--- Groups of films by the values of a table's columns (view, sex, bands of age), by pathologies, and by crosses of two of them.

local choices = require "chexgen.choices"
local dataset = require "chexgen.dataset"

local subgroups = {}

local is_pathology = {}
for _, name in ipairs(dataset.pathologies) do is_pathology[name] = true end

--- The columns that the parameters name, each once for a parameter, in order: pairs of the parameter and the column.
local function columns_of(params)
  local seen, list = {}, {}
  local function add(key, name)
    if type(name) ~= "string" or is_pathology[name] or seen[key .. name] then return end
    seen[key .. name], list[#list + 1] = true, { key, name }
  end
  for _, name in ipairs(params.subgroups) do add("subgroups", name) end
  for _, pair in ipairs(params.crosses) do
    for _, name in ipairs(type(pair) == "table" and pair or {}) do add("crosses", name) end
  end
  return list
end

--- Whether a cross names two columns or pathologies.
local function is_pair(pair)
  return type(pair) == "table" and #pair == 2 and pair[1] ~= pair[2] and type(pair[1]) == "string" and type(pair[2]) == "string"
end

--- What is wrong with the parameters, told by `choices.raise` or a start's teller.
function subgroups.faults(params, tell)
  for _, name in ipairs(params.subgroups) do
    if type(name) ~= "string" then
      tell(("wanted names of columns, got %s"):format(tostring(name)), "subgroups")
    elseif is_pathology[name] then
      tell(("\"%s\" is a pathology: name it in pathologies"):format(name), "subgroups")
    end
  end
  for _, pair in ipairs(params.crosses) do
    if not is_pair(pair) then
      tell("wanted pairs of columns or pathologies, such as [view, sex] or [Edema, view]", "crosses")
    end
  end
  local used, names = {}, {}
  for _, pair in ipairs(columns_of(params)) do
    if not used[pair[2]] then used[pair[2]], names[#names + 1] = true, pair[2] end
  end
  local banded = {}
  for name in pairs(params.bands) do banded[#banded + 1] = tostring(name) end
  table.sort(banded)
  for _, name in ipairs(banded) do
    local edges, last = params.bands[name], -math.huge
    -- Bands that nobody asks for would be passed over in silence.
    if not used[name] then
      tell(("no subgroup or cross is by \"%s\"; they are by: %s"):format(name, names[1] and table.concat(names, ", ") or "none"),
        "bands." .. name)
    end
    if type(edges) == "table" and #edges == 0 then tell("is empty: give the edges between groups", "bands." .. name) end
    for _, edge in ipairs(type(edges) == "table" and edges or { edges }) do
      if type(edge) ~= "number" or edge <= last then
        tell("wanted rising numbers, such as [40, 60, 80]", "bands." .. name)
        break
      end
      last = edge
    end
  end
end

--- The look before a run.
function subgroups.check(start)
  local params = start.params
  subgroups.faults(params, choices.teller(start))
  local columns = columns_of(params)
  if #columns > 0 and choices.has_folder(params.real) then
    start:problem("films of a folder have no columns: name a table with real.csv", columns[1][1])
  end
  choices.look_at_columns(start, params.real, columns)
end

--- A number as bands name it.
local function text(number) return ("%.6g"):format(number) end

--- The group of a value: its band where the column has some; nil for a value that is missing or, where numbers are wanted, none.
local function label(value, edges)
  if value == nil or value == "" then return nil end
  if not edges then return tostring(value), tostring(value) end
  local number = tonumber(value)
  if not number then return nil end
  local place = 1
  for i, edge in ipairs(edges) do if number >= edge then place = i + 1 end end
  local name
  if place == 1 then
    name = "<" .. text(edges[1])
  elseif place > #edges then
    name = ">=" .. text(edges[#edges])
  else
    name = text(edges[place - 1]) .. "-" .. text(edges[place])
  end
  return name, place
end

--- The groups of one column or pathology: `name`, and `holds(row)`.
local function groups_of(rows, name, bands)
  if is_pathology[name] then
    return { { name = name, holds = function(row) return row.labels and row.labels[name] == 1 or false end } }
  end
  local edges = bands[name]
  if edges and type(edges) ~= "table" then edges = { edges } end
  local seen, list = {}, {}
  for _, row in rows:rows() do
    local found, order = label(row[name], edges)
    if found and not seen[found] then
      seen[found] = true
      list[#list + 1] = { name = ("%s=%s"):format(name, found), order = order,
        holds = function(other) return label(other[name], edges) == found end }
    end
  end
  table.sort(list, function(a, b) return a.order < b.order end)
  return list
end

--- The groups that the parameters ask for, in order: of each column, then of each cross.
function subgroups.of(rows, params)
  local list = {}
  for _, name in ipairs(params.subgroups) do
    for _, group in ipairs(groups_of(rows, name, params.bands)) do list[#list + 1] = group end
  end
  for _, pair in ipairs(params.crosses) do
    for _, first in ipairs(groups_of(rows, pair[1], params.bands)) do
      for _, second in ipairs(groups_of(rows, pair[2], params.bands)) do
        list[#list + 1] = { name = first.name .. ", " .. second.name,
          holds = function(row) return first.holds(row) and second.holds(row) end }
      end
    end
  end
  return list
end

return subgroups
