--- Procedural frontal chest radiographs of patients who do not exist, with captions and labels that say what is drawn.
--- They need no download and belong to nobody: for trying the program out and for testing it, never for training a model
--- or for a claim about real images.

local chexgen = require "chexgen"
local anatomy = require "chexgen.phantom.anatomy"
local canvas = require "chexgen.phantom.canvas"
local dataset = require "chexgen.dataset"
local findings = require "chexgen.phantom.findings"
local image = require "chexgen.image"
local tensor = require "chexgen.tensor"

local phantom = {}

--- The pathologies that can be drawn.
phantom.pathologies = findings.names

local OPTIONS = { n = 16, seed = 42, size = 256, pathologies = findings.names, flawed = false, folder = "" }
local BAND = 64

--- The least and the greatest of each integer that `phantom.dataset` takes; a seed is one of a run.
phantom.limits = { n = { 1, 1000000 }, size = { 64, 2048 }, seed = { 0, 2 ^ 32 - 1 | 0 } }

local function checked(options)
  local found = {}
  for key, value in pairs(OPTIONS) do found[key] = value end
  for key, value in pairs(options) do
    if OPTIONS[key] == nil then
      error(("phantom.dataset: unknown option \"%s\"; known: flawed, folder, n, pathologies, seed, size"):format(key), 3)
    end
    if type(value) ~= type(OPTIONS[key]) then
      error(("phantom.dataset: %s: wanted a %s, got a %s"):format(key, type(OPTIONS[key]), type(value)), 3)
    end
    found[key] = value
  end
  local left = {}
  for _, name in ipairs(findings.names) do left[name] = true end
  for _, name in ipairs(found.pathologies) do
    if not left[name] then
      error(("phantom.dataset: pathologies: \"%s\" cannot be drawn, or stands there twice; known: %s"):format(
        name, table.concat(findings.names, ", ")), 3)
    end
    left[name] = nil
  end
  for _, key in ipairs { "n", "size", "seed" } do
    local low, high = phantom.limits[key][1], phantom.limits[key][2]
    if math.type(found[key]) ~= "integer" or found[key] < low or found[key] > high then
      error(("phantom.dataset: %s: wanted an integer of %d to %d, got %s"):format(key, low, high, found[key]), 3)
    end
  end
  if #found.pathologies == 0 and next(found.pathologies) then error("phantom.dataset: pathologies: wanted a list", 3) end
  if found.folder == "" then error("phantom.dataset: folder: name the folder for the images and their table", 3) end
  return found
end

--- A stream of its own for every purpose, so that films do not depend on how many there are.
local function stream(seed, ...)
  local mixed = seed
  for _, part in ipairs { ... } do mixed = (mixed * 1000003 + part * 7919 + 12345) % 2147483629 end
  return canvas.draw(mixed)
end

--- The mistakes of a generator: two to four of them on a film, drawn by chance.
local function flaws(draw, patient)
  local found = { blur = draw(0.9, 1.5), contrast = draw(0.80, 0.95), checkerboard = 0 }
  if draw:chance(0.45) then
    if draw:chance(0.5) then
      patient.rib_count, patient.rib_gap = 7, patient.rib_gap * 1.40
    else
      patient.rib_count, patient.rib_gap = 13, patient.rib_gap * 0.76
    end
  end
  if draw:chance(0.35) then found.checkerboard = draw(0.012, 0.030) end
  if draw:chance(0.35) then patient.missing_clavicle = draw:chance(0.5) and -1 or 1 end
  if draw:chance(0.20) then patient.mirrored = true end
  if draw:chance(0.35) then found.contrast = draw(0.50, 0.70) end
  if draw:chance(0.35) then found.blur = draw(1.8, 3.0) end
  return found
end

--- The faint pattern that strided convolutions leave, one tile every four pixels.
local function checkerboard(size, amount)
  local cell = tensor.new { { 1, 1, -1, -1 }, { 1, 1, -1, -1 }, { -1, -1, 1, 1 }, { -1, -1, 1, 1 } }
  local tiles = math.ceil(size / 4)
  local grid = cell:reshape(1, 4, 1, 4):expand(tiles, 4, tiles, 4):reshape(tiles * 4, tiles * 4)
  return grid:narrow(1, 1, size):narrow(2, 1, size) * amount
end

--- Lead letters that mark the patient's left, or nothing.
local function marker(scene)
  if not scene.patient.marker then return end
  local c, layer = scene.canvas, scene.canvas:layer()
  c:path(layer, { { 0.90, -0.94 }, { 0.90, -0.84 } }, 0.009, 0.9, "flat", 1)
  c:path(layer, { { 0.90, -0.84 }, { 0.945, -0.84 } }, 0.009, 0.9, "flat", 1)
  scene.added = scene.added + layer
end

--- One film as an image. `patient` is the build, `found` the findings, `draw` the film's own stream.
local function film(size, patient, found, draw, flawed)
  local p = {}
  for key, value in pairs(patient) do p[key] = value end
  p.rib_count, p.flow = 10, 1
  p.diaphragm = p.diaphragm + draw(-0.03, 0.03)
  for _, finding in ipairs(found) do
    if finding.prepare then finding.prepare(p) end
  end
  local quality = flawed and flaws(draw, p) or { blur = 0.55, contrast = 1, checkerboard = 0 }
  local exposure, black = draw(0.88, 1.15), draw(0.0, 0.03)
  local grain = draw(0.008, 0.016)
  local bands = {}
  for first = 1, size, BAND do
    local same = canvas.draw(draw.seed + 1)
    local band = canvas.band(size, first, math.min(BAND, size - first + 1), same, 0.013)
    bands[#bands + 1] = anatomy.film(band, p, same, function(scene)
      for _, finding in ipairs(found) do
        if finding.apply then finding.apply(scene) end
      end
      marker(scene)
    end)
  end
  local picture = canvas.blur(tensor.cat(bands, 1), quality.blur * size / 256)
  picture = picture:clamp(0, 1):pow(exposure * 1.6) * (0.98 - black) + black
  if quality.contrast < 1 then picture = picture * quality.contrast + 0.45 * (1 - quality.contrast) end
  picture = picture + draw:normal { size, size } * (flawed and grain * 0.5 or grain)
  if quality.checkerboard > 0 then picture = picture + checkerboard(size, quality.checkerboard) end
  return image.from_tensor((picture * 255 + 0.5):clamp(0, 255):to("u8"))
end

local OPENINGS = {
  "%s chest radiograph of a %d-year-old %s.", "%s view of the chest, %d-year-old %s.",
  "Frontal (%s) chest film; %d-year-old %s.",
}
local CLOSINGS = {
  ["No Finding"] = {
    "No acute cardiopulmonary process.", "The lungs are clear and the heart is of normal size.",
    "Clear lungs, no effusion and no pneumothorax.", "Normal cardiomediastinal silhouette; no focal airspace disease.",
  },
  other = { "", "The bony thorax is intact.", "No other acute abnormality.", "Otherwise unremarkable." },
}

local function caption(draw, patient, view, found)
  local parts = { draw:choice(OPENINGS):format(view, patient.age, patient.female and "woman" or "man") }
  for _, finding in ipairs(found) do parts[#parts + 1] = finding.words end
  local closing = draw:choice(#found == 0 and CLOSINGS["No Finding"] or CLOSINGS.other)
  if closing ~= "" then parts[#parts + 1] = closing end
  return table.concat(parts, " ")
end

--- CheXpert labels as the annotation tables hold them: a Python dictionary.
local function labels_text(found)
  local positive, none = {}, true
  for _, finding in ipairs(found) do
    none = none and finding.name == "Support Devices"
    for _, name in ipairs(finding.labels) do positive[name] = true end
  end
  if none then positive["No Finding"] = true end
  local parts = {}
  for _, name in ipairs(dataset.pathologies) do
    local value = positive[name] and "1.0" or "None"
    if value == "None" and not none and (name == "Pneumothorax" or name == "No Finding") then value = "0.0" end
    if value == "None" and none and name == "Pleural Effusion" then value = "0.0" end
    parts[#parts + 1] = ("'%s': %s"):format(name, value)
  end
  return "{" .. table.concat(parts, ", ") .. "}"
end

--- What a patient suffers from: a third nothing, the others one to three pathologies.
local function complaints(draw, names)
  local chosen, left = {}, table.move(names, 1, #names, 1, {})
  local count = draw:chance(0.30) and 0 or draw:choice { 1, 1, 1, 2, 2, 3 }
  for _ = 1, math.min(count, #left) do
    local name = table.remove(left, 1 + math.floor(draw() * #left))
    chosen[#chosen + 1] = { name = name, seed = 1 + math.floor(draw() * 1e9) }
  end
  table.sort(chosen, function(a, b) return a.name < b.name end)
  return chosen
end

--- Every film's patient, findings and words. They depend on `seed` only, so that a flawed set answers the same prompts.
local function plan(options)
  local films, seen, number = {}, {}, 0
  while #films < options.n do
    number = number + 1
    local draw = stream(options.seed, 1, number)
    local patient = anatomy.patient(draw)
    local list = complaints(draw, options.pathologies)
    for index = 1, draw:choice { 1, 1, 2, 3 } do
      if #films == options.n then break end
      local found = {}
      for _, complaint in ipairs(list) do
        if index == 1 or draw:chance(0.8) then
          local degree = draw:choice { 1, 2, 2, 3 }
          found[#found + 1] = findings.make(complaint.name, canvas.draw(complaint.seed), degree)
        end
      end
      local view = draw:chance(0.7) and "PA" or "AP"
      local text = caption(draw, patient, view, found)
      for k = 2, math.huge do
        if not seen[text] then break end
        text = ("%s Follow-up film %d."):format(caption(draw, patient, view, found), k)
      end
      seen[text] = true
      films[#films + 1] = { patient = number, build = patient, index = index, found = found, view = view, text = text }
    end
  end
  return films
end

--- Draws frontal chest radiographs into a folder, which is made where it is not there, with their table `annotations.csv`, and
--- returns the dataset: columns `id`, `path`, `view`, `chexpert_labels`, `annotated_prompt`, `patientID`. The same options give the
--- same bytes. Options: `n` films, `seed`, `size` in pixels, `pathologies` (a list of what patients may suffer from; all that can be
--- drawn by default, nothing where empty), `folder`, and `flawed`: the same captions and labels, but other bodies with the mistakes
--- of a generator. `progress(done)` is called after each film where it is given.
---
---     local films = phantom.dataset { n = 64, seed = 1, pathologies = { "Pneumothorax" }, folder = "films" }
function phantom.dataset(options, progress)
  options = checked(options)
  chexgen.make_folder(options.folder)
  local path = options.folder .. "/annotations.csv"
  local rows = {}
  for number, entry in ipairs(plan(options)) do
    local draw = stream(options.seed, options.flawed and 3 or 2, entry.patient, entry.index)
    local build = entry.build
    if options.flawed then
      build = anatomy.patient(draw)
      build.female, build.breast = entry.build.female, entry.build.breast
    end
    local name = ("%s%05d"):format(options.flawed and "g" or "r", number)
    image.save(("%s/%s.png"):format(options.folder, name), film(options.size, build, entry.found, draw, options.flawed))
    rows[number] = { name, name .. ".png", entry.view, labels_text(entry.found), entry.text, ("p%05d"):format(entry.patient) }
    if progress then progress(number) end
  end
  dataset.write_csv(path, { "id", "path", "view", "chexpert_labels", "annotated_prompt", "patientID" }, rows)
  return dataset.csv {
    path = path, image_dir = options.folder, image = "path", prompt = "annotated_prompt", labels = "chexpert_labels",
    id = "id",
  }
end

return phantom
