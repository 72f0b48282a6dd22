--- Every film among all films of a table: which are nearest, and what real films of the same and of different patients say of it.
--- The functions take the study of `chexgen.privacy`.

local dataset = require "chexgen.dataset"
local metric = require "chexgen.metric"
local tensor = require "chexgen.tensor"

local search = {}

local REID, LATENT = "patient-reid", "rad-dino"

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

--- Looks for every film among all real ones, and writes what is nearest.
function search.films(self)
  local params = self.params
  local k = math.min(params.nearest, #self.real)
  self.found = {}
  if self.encoders[REID] then
    local scores, rows = search.most_alike(
      self.run, self.encoders[REID], self.features.synthetic[REID], self.features.real[REID], k)
    self.found.reid = { scores = scores:totable(), rows = rows:totable() }
  end
  if self.encoders[LATENT] then
    local distances, rows = metric.nearest(self.features.synthetic[LATENT], self.features.real[LATENT], { k = k })
    -- As the reference scales a distance of features.
    distances = distances / math.sqrt(self.features.real[LATENT]:size(2))
    self.found.latent = { scores = distances:totable(), rows = rows:totable() }
  end
  local lines, nearest = {}, {}
  local has_id = params.real.id ~= ""
  for film = 1, #self.films do
    local line = { ["Synthetic Path"] = self.films[film].image_path, ["Prompt"] = self.prompts[film] }
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

--- The value that a share of a sorted list lies above.
local function quantile(sorted, share)
  return sorted[math.max(1, math.min(#sorted, math.ceil((1 - share) * #sorted)))]
end

--- Scores of pairs of real films: of one patient, and of different ones; nil where the table names no patients.
function search.calibrate(self)
  if not self.encoders[REID] then return nil end
  local names = self.real:patients()
  if not names then return self.run:log("not calibrated: the real table names no patients") end
  local of, order = {}, {}
  for i, name in ipairs(names) do
    if not of[name] then of[name], order[#order + 1] = {}, name end
    table.insert(of[name], i)
  end
  if #order < 2 then return self.run:log("not calibrated: all real films are of one patient") end
  local features, encoder, generator = self.features.real[REID], self.encoders[REID], tensor.generator(self.run.seed)
  local function score(a, b)
    local values = encoder:similarity(features:index(1, tensor.new(a, "i64")), features:index(1, tensor.new(b, "i64"))):totable()
    table.sort(values)
    return values
  end
  local a, b = {}, {}
  for _, name in ipairs(order) do
    local films = of[name]
    for i = 1, #films do
      for j = i + 1, #films do
        if #a < 100000 then a[#a + 1], b[#b + 1] = films[i], films[j] end
      end
    end
  end
  local found = { patients = #order, genuine = #a > 0 and score(a, b) or nil }
  if not found.genuine then self.run:log("no patient of the real table has two films: there are no pairs of one patient") end
  -- Every film with the next ones of a shuffled table.
  a, b = {}, {}
  local shuffled = tensor.randperm(#names, generator):totable()
  for shift = 1, #names - 1 do
    for i = 1, #names do
      local one, other = shuffled[i], shuffled[(i + shift - 1) % #names + 1]
      if names[one] ~= names[other] then a[#a + 1], b[#b + 1] = one, other end
    end
    if #a >= 100000 then break end
  end
  found.impostor = score(a, b)
  found.threshold = quantile(found.impostor, self.params.false_positive_rate)
  found.names, found.rows_of = names, of
  return found
end

--- The share of 0 or 1 in a list with its interval by patients.
function search.share(values, groups)
  local found = metric.mean(values, { groups = groups })
  return found.value, found.low and math.max(0, found.low), found.high and math.min(1, found.high)
end

--- The best of many scores is high by chance alone: real films, looked for among those of other patients, say how high.
local function judge_search(self, found, add)
  local count = math.min(self.params.calibration_films, #self.real)
  local chosen = tensor.randperm(#self.real, tensor.generator(self.run.seed)):narrow(1, 1, count)
  local places, names = chosen:totable(), found.names
  -- No film of the same patient, itself among them: proven by name.
  local function hidden(all, first, n)
    for i = 1, n do
      for _, row in ipairs(found.rows_of[names[places[first + i - 1]]]) do all[i][row] = -1 end
    end
  end
  local features = self.features.real[REID]
  local floor = search.most_alike(self.run, self.encoders[REID], features:index(1, chosen), features, 1, hidden)
  local best = floor:reshape { count }:totable()
  table.sort(best)
  local limit = quantile(best, math.max(self.params.false_positive_rate, 1 / count))
  local above, groups, films = {}, {}, 0
  for film = 1, #self.films do
    above[film] = self.found.reid.scores[film][1] > limit and 1 or 0
    groups[film] = names[self.found.reid.rows[film][1]]
    films = films + above[film]
  end
  local rate, low, high = search.share(above, groups)
  add("best score of real films among other patients, at that rate", limit, nil, nil, count)
  add("films whose best score is above that", rate, low, high, #above)
  self.run:log("no film of the %d that set the floor was compared with one of its own patient", count)
  self.run:log("films that are nearer to a training patient than real ones of others: %d of %d", films, #above)
end

--- What the calibration says of the films: how many pass the threshold of a false-positive rate, with an interval by patients,
--- beside how many real films do when they are looked for among those of other patients.
function search.judge(self, found)
  local lines = {}
  local function add(what, value, low, high, n)
    lines[#lines + 1] = { what, value, low or false, high or false, n }
    for i = 3, 4 do if not lines[#lines][i] then lines[#lines][i] = "" end end
  end
  local above, groups = {}, {}
  for i, item in ipairs(self.matched) do
    local _, best = self:summary("reid", item.films, math.max)
    above[i], groups[i] = best > found.threshold and 1 or 0, found.names[item.real]
  end
  local rate, low, high = search.share(above, groups)
  add("threshold at the false-positive rate", found.threshold, nil, nil, #found.impostor)
  if found.genuine then
    local passed = 0
    for _, value in ipairs(found.genuine) do if value > found.threshold then passed = passed + 1 end end
    add("real pairs of one patient above it", passed / #found.genuine, nil, nil, #found.genuine)
  end
  add("prompts with a film above it", rate, low, high, #above)
  found.rate, found.low, found.high = rate, low, high
  if self.found and self.found.reid then judge_search(self, found, add) end
  dataset.write_csv(self.run:artifact "calibration.csv", { "what", "value", "low", "high", "n" }, lines)
  for _, line in ipairs(lines) do
    self.run:log("%-52s %.4f%s (n = %d)", line[1], line[2], line[3] ~= "" and (" [%.4f, %.4f]"):format(line[3], line[4]) or "", line[5])
  end
end

return search
