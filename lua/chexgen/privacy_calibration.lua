--- What real films say of the scores of a study of `chexgen.privacy`: pairs of one patient and of different ones, and the floor, real
--- films that are looked for among those of other patients as the synthetic ones are.

local choices = require "chexgen.choices"
local dataset = require "chexgen.dataset"
local metric = require "chexgen.metric"
local search = require "chexgen.privacy_search"
local tensor = require "chexgen.tensor"

local calibration = {}

local REID, LATENT = search.REID, search.LATENT

--- The names of what is recorded of a calibration, in order.
calibration.columns = { "Calibrated threshold", "Rate above it", "True-positive rate", "Search rate above it", "Search limit",
  "Rate above search limit", "Latent limit", "Rate below latent limit" }

--- The most pairs of each kind that are scored, and the most neighbours that `metric.nearest` gives.
local MOST, MOST_NEIGHBOURS = 100000, 4096

local PATIENT = "patient of the study"

--- The value that a share of a sorted list lies above.
local function quantile(sorted, share) return sorted[math.max(1, #sorted - math.floor(share * #sorted + 1e-9))] end

--- The rows of each patient, and the patients in the order of the table.
local function by_patient(names)
  local of, order = {}, {}
  for i, name in ipairs(names or {}) do
    if not of[name] then of[name], order[#order + 1] = {}, name end
    table.insert(of[name], i)
  end
  return of, order
end

--- Scores of pairs of real films: of one patient (with the patient of each pair), and of different ones, sorted. Pairs of the same
--- bytes are none. Nil without patients or without re-identification.
local function scores_of_pairs(self)
  local encoder = self:encoder(REID)
  if not encoder then return nil end
  if not self.names then return self.run:log("not calibrated: the real table names no patients") end
  local of, order = by_patient(self.names)
  if #order < 2 then return self.run:log("not calibrated: all real films are of one patient") end
  local features, hashes, generator = self:vectors("real", REID), self.hashes.real, tensor.generator(self.run.seed)
  local function scores(a, b)
    return encoder:similarity(features:index(1, tensor.new(a, "i64")), features:index(1, tensor.new(b, "i64"))):totable()
  end
  local found = {}
  -- Patients in random order: where there are more pairs than are scored, none is preferred.
  local a, b, groups = {}, {}, {}
  for _, place in ipairs(tensor.randperm(#order, generator):totable()) do
    local films = of[order[place]]
    for i = 1, #films do
      for j = i + 1, #films do
        if hashes[films[i]] ~= hashes[films[j]] then a[#a + 1], b[#b + 1], groups[#groups + 1] = films[i], films[j], order[place] end
      end
    end
    if #a >= MOST then break end
  end
  if #a > 0 then
    found.genuine, found.genuine_patients = scores(a, b), groups
  else
    self.run:log("no patient of the real table has two films: there are no pairs of one patient")
  end
  -- Every film with the next ones of a shuffled table.
  a, b = {}, {}
  local shuffled = tensor.randperm(#self.names, generator):totable()
  for shift = 1, #self.names - 1 do
    for i = 1, #self.names do
      local one, other = shuffled[i], shuffled[(i + shift - 1) % #self.names + 1]
      if self.names[one] ~= self.names[other] and hashes[one] ~= hashes[other] then a[#a + 1], b[#b + 1] = one, other end
    end
    if #a >= MOST then break end
  end
  if #a == 0 then return self.run:log("not calibrated: all real films of different patients have the same bytes") end
  found.impostor = scores(a, b)
  table.sort(found.impostor)
  return found
end

--- Of each film of the floor, the best score among films of other patients.
local function best_by_reid(self, features, names, of)
  local function hidden(all, first, count)
    for i = 1, count do
      for _, row in ipairs(of[names[first + i - 1]] or {}) do all[i][row] = -1 end
    end
  end
  return search.most_alike(self.run, self:encoder(REID), features, self:vectors("real", REID), 1, hidden)
end

--- Of each film of the floor, the distance to the nearest film of another patient, and its row.
local function nearest_by_latent(self, features, names, of)
  local films = 0
  for _, name in ipairs(names) do films = math.max(films, #(of[name] or {})) end
  local k = math.min(films + 1, #self.real, MOST_NEIGHBOURS)
  local distances, rows = search.nearest(features, self:vectors("real", LATENT), k)
  local best, places = {}, {}
  rows = rows:totable()
  for i, list in ipairs(distances:totable()) do
    for place = 1, k do
      local row = rows[i][place]
      if not self.names or self.names[row] ~= names[i] then
        best[i], places[i] = list[place], row
        break
      end
    end
    -- More films of one patient than can be asked for: those of others are farther than all of these.
    if not best[i] then best[i], places[i] = list[k], 0 end
  end
  return best, places
end

--- The floor: real films that are looked for among those of other patients, held-out ones or some of the table's own. Films whose
--- bytes the table has under another patient are left out. Nil where nothing says which films are of other patients.
local function floor_of(self)
  local run, side, of = self.run, self.held_out and "held_out" or "real", by_patient(self.names)
  local names, chosen = self.names, {}
  if self.held_out then
    names = self.held_names
    for i = 1, #self.held_out do chosen[i] = i end
  else
    if not names then return run:log("no floor: the real table names no patients, and no held-out films are given") end
    local count = math.min(self.params.calibration_films, #self.real)
    chosen = tensor.randperm(#self.real, tensor.generator(run.seed)):narrow(1, 1, count):totable()
  end
  local floor = { side = side, names = {}, shared = 0, copies = 0, own = 0, best = {} }
  local owner, several = {}, {}
  for i, hash in ipairs(self.hashes.real) do
    local name = self.names and self.names[i] or i
    if owner[hash] and owner[hash] ~= name then several[hash] = true end
    owner[hash] = name
  end
  local rows, patients, others = {}, {}, 0
  for _, row in ipairs(chosen) do
    local name, hash = names[row], self.hashes[side][row]
    local own = #(of[name] or {})
    if several[hash] or (owner[hash] and owner[hash] ~= name) then
      floor.copies = floor.copies + 1
    elseif own < #self.real then
      rows[#rows + 1], floor.names[#floor.names + 1] = row, name
      if not patients[name] then
        patients[name], others = true, others + 1
        if self.held_out and own > 0 then floor.shared = floor.shared + 1 end
      end
    end
  end
  if #rows == 0 then return run:log("no floor: no real film can be looked for among those of other patients") end
  floor.patients = others
  local places = tensor.new(rows, "i64")
  local function keep(kind, best, found)
    for i, row in ipairs(found) do
      if self.names and self.names[row] == floor.names[i] then floor.own = floor.own + 1 end
    end
    floor.best[kind] = best
  end
  if self:encoder(REID) then
    local scores, found = best_by_reid(self, self:vectors(side, REID):index(1, places), floor.names, of)
    keep("reid", scores:reshape { #rows }:totable(), found:reshape { #rows }:totable())
  end
  if self:encoder(LATENT) then
    keep("latent", nearest_by_latent(self, self:vectors(side, LATENT):index(1, places), floor.names, of))
  end
  run:log("floor: %d %s films of %d patients, each looked for among the films of other patients; found beside one of their own: %d%s",
    #rows, self.held_out and "held-out" or "real", others, floor.own,
    self.held_out and (" (patients in both tables: %d)"):format(floor.shared) or "")
  if floor.own > 0 then error("the floor compares films with those of their own patients", 0) end
  if floor.copies > 0 then
    run:log("floor: %d films left out, which the real table has under another patient, byte for byte", floor.copies)
  end
  return floor
end

--- What the calibration says of the films, as lines of `calibration.csv` and columns of the results. Returns nil where neither pairs
--- nor a floor are to be had; else `pairs`, `floor`, and `values` by the names of `calibration.columns`.
function calibration.run(self)
  local run, rate = self.run, self.params.false_positive_rate
  local pairs_found, floor = scores_of_pairs(self), floor_of(self)
  if not pairs_found and not floor then return nil end
  local lines, values = {}, {}
  local function add(what, count, value, low, high) lines[#lines + 1] = { what, value, low or "", high or "", count } end
  --- The share of a list above (of distances, below) a limit, with its interval by patients.
  local function share(list, limit, groups, is_distance)
    local passed = {}
    for i, value in ipairs(list) do
      local is_beyond = value > limit
      if is_distance then is_beyond = value < limit end
      passed[i] = is_beyond and 1 or 0
    end
    return metric.share(passed, { groups = groups })
  end
  local function put(column, what, count, found, floor_value)
    add(what, count, found.value, found.low, found.high)
    if column then values[column] = { value = found.value, low = found.low, high = found.high, floor = floor_value } end
  end
  local function at_least(count, what)
    if rate * count >= 1 then return rate end
    run:log("a rate of %g needs %d %s, and there are %d: the limit is passed by one of %d", rate, math.ceil(1 / rate), what, count, count)
    return 1 / count
  end
  -- By films' prompts, and the patients of those.
  local groups_of = {}
  for _, item in ipairs(self.matched) do
    for _, film in ipairs(item.films) do groups_of[film] = item.group end
  end
  for film = 1, #self.synthetic do groups_of[film] = groups_of[film] or self.prompts[film] end
  local found_films = {}
  for kind, found in pairs(self.found) do
    found_films[kind] = {}
    for film = 1, #self.synthetic do found_films[kind][film] = found.scores[film][1] end
  end
  if pairs_found then
    local allowed = at_least(#pairs_found.impostor, "pairs of different patients")
    local threshold = quantile(pairs_found.impostor, allowed)
    put("Calibrated threshold", ("threshold that a share of %g of real pairs of different patients exceeds"):format(allowed),
      #pairs_found.impostor, { value = threshold })
    if pairs_found.genuine then
      put("True-positive rate", "real pairs of one patient above it", #pairs_found.genuine,
        share(pairs_found.genuine, threshold, pairs_found.genuine_patients))
    end
    local best, groups = {}, {}
    for i, item in ipairs(self.matched) do best[i], groups[i] = self.rows[i]["Max_reid_scores"], item.group end
    put("Rate above it", "prompts with a film above it", #best, share(best, threshold, groups))
    local by_chance
    if floor then
      by_chance = share(floor.best.reid, threshold, floor.names)
      put(nil, "floor: real films with a film of another patient above it", #floor.best.reid, by_chance)
    end
    put("Search rate above it", "films with a film of the table above it", #self.synthetic,
      share(found_films.reid, threshold, groups_of), by_chance and by_chance.value)
  end
  -- The best of many scores is high by chance alone: real films among those of other patients say how high.
  for _, kind in ipairs(floor and { "reid", "latent" } or {}) do
    local is_distance = kind == "latent"
    local best = floor.best[kind]
    if best then
      local sorted = {}
      for i, value in ipairs(best) do sorted[i] = is_distance and -value or value end
      table.sort(sorted)
      local allowed = at_least(#best, "real films")
      local limit = quantile(sorted, allowed) * (is_distance and -1 or 1)
      local name = is_distance and "Latent limit" or "Search limit"
      put(name, ("%s that a share of %g of real films %s among other patients"):format(is_distance and "distance" or "score", allowed,
        is_distance and "come nearer than" or "exceeds"), #best, { value = limit })
      local found = share(found_films[kind], limit, groups_of, is_distance)
      put(is_distance and "Rate below latent limit" or "Rate above search limit",
        is_distance and "films that come nearer than that" or "films that exceed that", #self.synthetic, found)
      run:log("films that are nearer to a training film than real ones to those of other patients, by %s: %d of %d",
        is_distance and LATENT or REID, math.floor(found.value * #self.synthetic + 0.5), #self.synthetic)
    end
  end
  dataset.write_csv(run:artifact "calibration.csv", { "what", "value", "low", "high", "n" }, lines)
  for _, line in ipairs(lines) do
    run:log("%-72s %.4f%s (n = %d)", line[1], line[2], line[3] ~= "" and (" [%.4f, %.4f]"):format(line[3], line[4]) or "", line[5])
  end
  return { pairs = pairs_found, floor = floor, values = values }
end

--- The names of the patients of held-out films, where none are known a patient a film. Names that may mean one patient or two in
--- the two tables are an error.
function calibration.held_names(held_out, real, real_names)
  local names = choices.patients(held_out)
  if names and real_names then
    held_out:with_column(PATIENT, names):shared(real:with_column(PATIENT, real_names), PATIENT)
  end
  if names then return names end
  local list = {}
  for i = 1, #held_out do list[i] = ("held-out film %d"):format(i) end
  return list
end

return calibration
