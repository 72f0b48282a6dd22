--- Every film among all films of a table: which are nearest. `films` takes the study of `chexgen.privacy`.

local dataset = require "chexgen.dataset"
local metric = require "chexgen.metric"
local tensor = require "chexgen.tensor"

local search = {}

--- The encoders that compare films with films, and the pixels of a side that they come to under `chexgenbench`.
search.REID, search.LATENT, search.SIDE = "patient-reid", "rad-dino", 512

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

--- Of each query, the k nearest rows of a database by features: distances as the reference scales them, and rows from 1.
function search.nearest(queries, database, k)
  local distances, rows = metric.nearest(queries, database, { k = k })
  return distances / math.sqrt(database:size(2)), rows
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
