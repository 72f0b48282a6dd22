--- Every film among all films of a table: which are nearest. `films` takes the study of `chexgen.privacy`.

local choices = require "chexgen.choices"
local dataset = require "chexgen.dataset"
local metric = require "chexgen.metric"
local model = require "chexgen.model"
local tensor = require "chexgen.tensor"

local search = {}

--- The roles of encoders that compare films with films, and the pixels of a side that these come to under `chexgenbench`.
search.REID, search.LATENT, search.SIDE = "reid", "latent", 512

--- The parameters that say which encoder plays which role.
function search.params() return { reid_encoder = "patient-reid", latent_encoder = "rad-dino" } end

--- The encoder of each role.
function search.roles(params) return { reid = params.reid_encoder, latent = params.latent_encoder } end

--- Tells roles that no encoder can play, and encoders that play none; `others` are the names of those that are used otherwise.
function search.faults(params, tell, others)
  local known, names, roles = {}, {}, search.roles(params)
  for _, entry in ipairs(model.encoders()) do known[entry.name] = true end
  local used = {}
  for _, name in ipairs { roles.reid, roles.latent, table.unpack(others or {}) } do used[name], names[#names + 1] = true, name end
  for _, role in ipairs { "reid", "latent" } do
    if not known[roles[role]] then tell(("unknown encoder \"%s\""):format(roles[role]), role .. "_encoder") end
  end
  if roles.reid == roles.latent then tell("is that of params.latent_encoder: name two encoders", "reid_encoder") end
  local given = {}
  for name in pairs(params.encoders) do given[#given + 1] = tostring(name) end
  table.sort(given)
  for _, name in ipairs(given) do
    if not used[name] and known[name] then
      tell(("is not used here; known: %s"):format(table.concat(names, ", ")), "encoders." .. name)
    end
  end
end

--- Raises an error where the encoder that plays the role of re-identification cannot compare films: before it sees all of them.
function search.check_comparing(encoder, params)
  local has, method = pcall(function() return encoder.similarity end)
  if not has or type(method) ~= "function" then
    choices.raise(("%s has no method similarity(a, b, options): it compares no films"):format(params.reid_encoder), "reid_encoder")
  end
  if type(encoder.dim) ~= "number" then return end
  local one = tensor.zeros { 1, encoder.dim }
  local can, fault = pcall(method, encoder, one, one)
  if not can then choices.raise(choices.reason(fault), "reid_encoder") end
end

local REID, LATENT = search.REID, search.LATENT

--- Of each query, the k rows of a database that are most likely of its patient, by a comparing encoder's features: scores and rows
--- from 1, both `[N, k]`. `hidden(scores, first, count)` may take pairs out, the queries from `first` on with all rows, `[count, M]`.
function search.most_alike(run, encoder, queries, database, k, hidden)
  local scores, rows = {}, {}
  local chunk = math.max(1, math.min(256, 2 ^ 25 // database:size(1)))
  local bar <close> = run:progress(queries:size(1), "searching")
  for first = 1, queries:size(1), chunk do
    local count = math.min(chunk, queries:size(1) - first + 1)
    local all = encoder:similarity(queries:narrow(1, first, count), database, { pairs = "all" })
    if hidden then hidden(all, first, count) end
    local best, places = all:topk(k, 2, true)
    scores[#scores + 1], rows[#rows + 1] = best, places
    bar:step(count)
  end
  return tensor.cat(scores, 1), tensor.cat(rows, 1)
end

--- Of each query, the k nearest rows of a database by features: distances as the reference scales them, and rows from 1. They are
--- scaled in f32, or in `dtype`.
function search.nearest(queries, database, k, dtype)
  local distances, rows = metric.nearest(queries, database, { k = k })
  return (dtype and distances:to(dtype) or distances) / math.sqrt(database:size(2)), rows
end

--- Looks for every film among all real ones, and writes what is nearest.
function search.films(self)
  local params = self.params
  local k = math.min(params.nearest, #self.real)
  self.found = {}
  if self:encoder(REID) then
    local scores, rows = search.most_alike(self.run, self:encoder(REID), self:vectors("synthetic", REID), self:vectors("real", REID), k)
    self.found.reid = { scores = scores:totable(), rows = rows:totable() }
  end
  if self:encoder(LATENT) then
    local distances, rows = search.nearest(self:vectors("synthetic", LATENT), self:vectors("real", LATENT), k)
    self.found.latent = { scores = distances:totable(), rows = rows:totable() }
  end
  local lines, nearest = {}, {}
  local has_id = params.real.id ~= ""
  for film = 1, #self.synthetic do
    local line = { ["Synthetic Path"] = self.synthetic[film].image_path, ["Prompt"] = self.prompts[film] }
    for kind, names in pairs { reid = { "Reid", "Reid_score" }, latent = { "Latent", "Latent_distance" } } do
      local found = self.found[kind]
      for place = 1, found and k or 0 do
        local row = self.real[found.rows[film][place]]
        local id = has_id and row[params.real.id] or nil
        local value = self:rounded(found.scores[film][place])
        if place == 1 then line[names[1] .. " Path"], line[names[1] .. " id"], line[names[2]] = row.image_path, id, value end
        nearest[#nearest + 1] = { film, kind, place, row.image_path, id or false, value }
      end
    end
    lines[film] = line
  end
  local path = self:write("search", { "Synthetic Path", "Prompt", "Reid Path", "Reid id", "Reid_score", "Latent Path",
    "Latent id", "Latent_distance" }, lines)
  table.sort(nearest, function(a, b)
    if a[1] ~= b[1] then return a[1] < b[1] end
    if a[2] ~= b[2] then return a[2] > b[2] end
    return a[3] < b[3]
  end)
  for _, line in ipairs(nearest) do line[5] = line[5] or "" end
  dataset.write_csv(self.run:artifact "nearest.csv", { "film", "by", "place", "path", "id", "value" }, nearest)
  self.run:log("the nearest real films of each: %s", path)
end

return search
