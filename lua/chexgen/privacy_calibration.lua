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

--- The rows of each patient, the patients in the order of the table, and all rows that name one.
local function by_patient(names)
  local of, order, named = {}, {}, {}
  for i, name in ipairs(names or {}) do
    if name then
      if not of[name] then of[name], order[#order + 1] = {}, name end
      table.insert(of[name], i)
      named[#named + 1] = i
    end
  end
  return of, order, named
end

--- Scores of pairs of real films: of one patient (with the patient of each pair), and of different ones, sorted. Pairs of the same
--- bytes are none, nor those of a film whose patient is unknown. Nil without patients or without re-identification.
local function scores_of_pairs(self)
  local encoder = self:encoder(REID)
  if not encoder then return nil end
  if not self.names then return self.run:log("not calibrated: the real table names no patients") end
  local of, order, named = by_patient(self.names)
  if #order < 2 then return self.run:log("not calibrated: all real films are of one patient") end
  if #named < #self.real then
    self.run:log("%d of %d real films name no patient: they are in no pair", #self.real - #named, #self.real)
  end
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
        if #a == MOST then goto full end
        if hashes[films[i]] ~= hashes[films[j]] then a[#a + 1], b[#b + 1], groups[#groups + 1] = films[i], films[j], order[place] end
      end
    end
  end
  ::full::
  if #a > 0 then
    found.genuine, found.genuine_patients = scores(a, b), groups
  else
    self.run:log("no patient of the real table has two films of other bytes: there are no pairs of one patient")
  end
  -- Every film with the next ones of a shuffled table, around a circle: each pair once, so those that face each other from one side.
  a, b = {}, {}
  local count = #named
  local shuffled = tensor.randperm(count, generator):totable()
  for shift = 1, count // 2 do
    for i = 1, 2 * shift == count and shift or count do
      if #a == MOST then goto enough end
      local one, other = named[shuffled[i]], named[shuffled[(i + shift - 1) % count + 1]]
      if self.names[one] ~= self.names[other] and hashes[one] ~= hashes[other] then a[#a + 1], b[#b + 1] = one, other end
    end
  end
  ::enough::
  if #a == 0 then return self.run:log("not calibrated: all real films of different patients have the same bytes") end
  found.impostor = scores(a, b)
  table.sort(found.impostor)
  return found
end

--- Of each film of the floor, the best score among the candidates of other patients.
local function best_by_reid(self, features, pool, names)
  local function hidden(all, first, count)
    for i = 1, count do
      for _, place in ipairs(pool.of[names[first + i - 1]] or {}) do all[i][place] = -math.huge end
    end
  end
  return search.most_alike(self.run, self:encoder(REID), features, pool.vectors(REID), 1, hidden)
end

--- Of each film of the floor, the distance to the nearest candidate of another patient, and its place.
local function nearest_by_latent(features, pool, names)
  local films = 0
  for _, name in ipairs(names) do films = math.max(films, #(pool.of[name] or {})) end
  local k = math.min(films + 1, pool.count, MOST_NEIGHBOURS)
  local distances, rows = search.nearest(features, pool.vectors(LATENT), k)
  local best, places = {}, {}
  rows = rows:totable()
  for i, list in ipairs(distances:totable()) do
    for rank = 1, k do
      local place = rows[i][rank]
      if not names[i] or pool.names[place] ~= names[i] then
        best[i], places[i] = list[rank], place
        break
      end
    end
    if not best[i] then
      -- More films of one patient than can be asked for: the others by themselves.
      local others = {}
      for place, name in ipairs(pool.names) do
        if name ~= names[i] then others[#others + 1] = place end
      end
      local found, row = search.nearest(features:narrow(1, i, 1), pool.vectors(LATENT):index(1, tensor.new(others, "i64")), 1)
      best[i], places[i] = found[1][1]:item(), others[row[1][1]:item()]
    end
  end
  return best, places
end

--- The films that those of a floor are looked for among: where patients tell them apart, those that name one.
local function candidates(self, tells_apart)
  if not tells_apart then
    return { count = #self.real, names = {}, of = {}, vectors = function(name) return self:vectors("real", name) end }
  end
  local _, _, named = by_patient(self.names)
  local names, rows = {}, tensor.new(named, "i64")
  for place, row in ipairs(named) do names[place] = self.names[row] end
  return { count = #named, names = names, of = by_patient(names), vectors = function(name)
    local vectors = self:vectors("real", name)
    return #named == #self.real and vectors or vectors:index(1, rows)
  end }
end

--- The films of the floor, as rows of their side: held-out ones, or some of the table's own that name a patient.
local function films_of_floor(self)
  if self.held_out then return choices.count(#self.held_out) end
  local _, _, named = by_patient(self.names)
  local chosen = {}
  local count = math.min(self.params.calibration_films, #named)
  for i, place in ipairs(tensor.randperm(#named, tensor.generator(self.run.seed)):narrow(1, 1, count):totable()) do
    chosen[i] = named[place]
  end
  return chosen
end

--- By their bytes, the films that say nothing of others: a function of a film's bytes and patient.
local function copies_in(self)
  local owner, several = {}, {}
  for i, hash in ipairs(self.hashes.real) do
    local name = self.names and self.names[i] or i
    if owner[hash] and owner[hash] ~= name then several[hash] = true end
    owner[hash] = name
  end
  return function(hash, name) return several[hash] or (owner[hash] and owner[hash] ~= name) end
end

--- The floor: real films that are looked for among those of other patients, held-out ones or some of the table's own. Films whose
--- bytes the table has under another patient, or without one, are left out. Nil where nothing says which films are of other
--- patients. `own` (films that were found beside one of their own patient, which is none) and `shared` (patients of both tables)
--- are there where both tables name patients; without, that held-out films are of others is the user's word alone.
local function floor_of(self)
  local run, side = self.run, self.held_out and "held_out" or "real"
  if not self.held_out and not self.names then
    return run:log("no floor: the real table names no patients, and no held-out films are given")
  end
  local names = self.names
  if self.held_out then names = self.held_names end
  local tells_apart = names ~= nil and self.names ~= nil
  local pool, is_copy = candidates(self, tells_apart), copies_in(self)
  local floor = { side = side, groups = {}, copies = 0, patients = names and 0, own = tells_apart and 0 or nil,
    shared = tells_apart and self.held_out and 0 or nil, best = {} }
  local rows, of_films, seen = {}, {}, {}
  for _, row in ipairs(films_of_floor(self)) do
    local name = names and names[row] or false
    local own = #(pool.of[name] or {})
    if is_copy(self.hashes[side][row], name) then
      floor.copies = floor.copies + 1
    elseif own < pool.count then
      rows[#rows + 1], of_films[#of_films + 1] = row, tells_apart and name
      floor.groups[#rows] = name or row
      if name and not seen[name] then
        seen[name], floor.patients = true, floor.patients + 1
        if floor.shared and own > 0 then floor.shared = floor.shared + 1 end
      end
    end
  end
  if floor.copies > 0 then
    run:log("floor: %d films left out, which the real table has, byte for byte, %s", floor.copies,
      self.names and "under another patient or without one" or "too")
  end
  if #rows == 0 then return run:log("no floor: no real film can be looked for among those of other patients") end
  local places = tensor.new(rows, "i64")
  local function keep(kind, best, found)
    for i, place in ipairs(tells_apart and found or {}) do
      if pool.names[place] == of_films[i] then floor.own = floor.own + 1 end
    end
    floor.best[kind] = best
  end
  if self:encoder(REID) then
    local scores, found = best_by_reid(self, self:vectors(side, REID):index(1, places), pool, of_films)
    keep("reid", scores:reshape { #rows }:totable(), found:reshape { #rows }:totable())
  end
  if self:encoder(LATENT) then
    keep("latent", nearest_by_latent(self:vectors(side, LATENT):index(1, places), pool, of_films))
  end
  local kind = self.held_out and "held-out" or "real"
  if tells_apart then
    run:log("floor: %d %s films of %d patients, each looked for among the films of other patients; found beside one of their own: %d%s",
      #rows, kind, floor.patients, floor.own, floor.shared and (" (patients in both tables: %d)"):format(floor.shared) or "")
    if floor.own > 0 then error("the floor compares films with those of their own patients", 0) end
    if pool.count < #self.real then
      run:log("floor: not looked for among %d real films, whose patients are unknown", #self.real - pool.count)
    end
  else
    run:log("floor: %d %s films, each looked for among all films of the real table; that no patient stands in both is not shown: %s",
      #rows, kind, self.names and "the held-out table names no patients" or "the real table names no patients")
  end
  return floor
end

--- What a floor is made of, for identities.
function calibration.floor_text(floor)
  if not floor then return "none" end
  return ("%d %s films%s"):format(#floor.groups, floor.side, floor.own and "" or " of unknown patients")
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
  --- The limit that the wanted rate of a sorted list passes, of a short list one of them; and the share that does pass it, which is less
  --- where others are level with it.
  local function limit_of(sorted, what)
    local count = #sorted
    local wanted, passed = math.max(1, math.floor(rate * count + 1e-9)), 0
    local limit = sorted[math.max(1, count - wanted)]
    while passed < count and sorted[count - passed] > limit do passed = passed + 1 end
    if rate * count < 1 - 1e-9 then
      run:log("a rate of %g needs %d %s, and there are %d: the limit is passed by %d of them", rate, math.ceil(1 / rate), what, count,
        passed)
    elseif passed < wanted then
      run:log("a rate of %g of %d %s is %d: the limit is passed by %d of them, others are level with it", rate, count, what, wanted,
        passed)
    end
    return limit, passed / count
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
    local threshold, allowed = limit_of(pairs_found.impostor, "pairs of different patients")
    put("Calibrated threshold", ("threshold that a share of %g of real pairs of different patients exceeds"):format(allowed),
      #pairs_found.impostor, { value = threshold })
    if pairs_found.genuine then
      put("True-positive rate", "real pairs of one patient above it", #pairs_found.genuine,
        share(pairs_found.genuine, threshold, pairs_found.genuine_patients))
    end
    local best, groups = {}, {}
    for i, item in ipairs(self.matched) do
      -- As they are: the threshold is not rounded either.
      best[i], groups[i] = -math.huge, item.group
      for _, film in ipairs(item.films) do best[i] = math.max(best[i], self.scores.reid[film]) end
    end
    put("Rate above it", "prompts with a film above it", #best, share(best, threshold, groups), allowed)
    local by_chance
    if floor then
      by_chance = share(floor.best.reid, threshold, floor.groups)
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
      local limit, allowed = limit_of(sorted, "real films")
      if is_distance then limit = -limit end
      local name = is_distance and "Latent limit" or "Search limit"
      put(name, ("%s that a share of %g of real films %s among other patients"):format(is_distance and "distance" or "score", allowed,
        is_distance and "come nearer than" or "exceeds"), #best, { value = limit })
      local found = share(found_films[kind], limit, groups_of, is_distance)
      put(is_distance and "Rate below latent limit" or "Rate above search limit",
        is_distance and "films that come nearer than that" or "films that exceed that", #self.synthetic, found, allowed)
      run:log("films that are nearer to a training film than real ones to those of other patients, by %s: %d of %d",
        self.roles[kind], math.floor(found.value * #self.synthetic + 0.5), #self.synthetic)
    end
  end
  dataset.write_csv(run:artifact "calibration.csv", { "what", "value", "low", "high", "n" }, lines)
  for _, line in ipairs(lines) do
    run:log("%-72s %.4f%s (n = %d)", line[1], line[2], line[3] ~= "" and (" [%.4f, %.4f]"):format(line[3], line[4]) or "", line[5])
  end
  return { pairs = pairs_found, floor = floor, values = values }
end

--- Raises an error where the names of patients of the real films, and of held-out ones, may mean one patient or two.
function calibration.check_names(real, held_out)
  local names, others = choices.patients(real), held_out and choices.patients(held_out)
  if not names then return end
  real = real:with_column(PATIENT, names)
  local function check(other, key)
    local is_clear, fault = pcall(real.shared, real, other, PATIENT)
    if not is_clear then choices.raise(choices.reason(fault), key .. ".patient") end
  end
  check(real, "real")
  if others then check(held_out:with_column(PATIENT, others), "held_out") end
end

--- The held-out films that a floor is made of: those that name a patient, where both tables do so, `calibration_films` at most.
function calibration.held_out(run, real)
  local params = run.params
  local films = choices.open_table("held_out", params.held_out, { image = "image", patient = "patient" })
  local _, _, named = by_patient(choices.known_patients(films))
  if named[1] and #named < #films and choices.known_patients(real) then
    run:log("floor: %d held-out films left out, whose patients are unknown", #films - #named)
    films = films:select(named)
  end
  if #films > params.calibration_films then films = films:sample { n = params.calibration_films, seed = run.seed } end
  return films
end

return calibration
