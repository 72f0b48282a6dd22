--- Findings on a phantom: where they lie, what they do to the film, and a radiologist's words for them.

local canvas = require "chexgen.phantom.canvas"

local step = canvas.step

local findings = {}

--- The pathologies that can be drawn, in CheXpert's order.
findings.names = {
  "Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Lung Lesion", "Pleural Effusion", "Pneumothorax",
  "Support Devices",
}

local SIZES = { "small", "moderate", "large" }
local DEGREES = { "mild", "moderate", "severe" }

--- A side of the patient: its word, and its sign on the picture, where the patient's left is on the right.
local function side_of(draw)
  if draw:chance(0.5) then return { word = "right", sign = -1 } end
  return { word = "left", sign = 1 }
end

local function half(scene, side) return side.sign > 0 and scene.lungs.left or 1 - scene.lungs.left end

--- Replaces air by tissue or fluid where `mask` is 1, by the share `amount`.
local function fill(scene, mask, amount)
  scene.air = scene.air * (1 - mask * amount)
  scene.vessels = scene.vessels * (1 - mask * amount)
end

local kinds = {}

kinds["Cardiomegaly"] = function(_, degree)
  local growth = ({ 1.14, 1.26, 1.38 })[degree]
  return {
    labels = { "Cardiomegaly" },
    words = ({ "Mildly enlarged cardiac silhouette.", "Moderate cardiomegaly.", "Severe cardiomegaly." })[degree],
    prepare = function(patient) patient.heart = patient.heart * growth end,
  }
end

kinds["Pleural Effusion"] = function(draw, degree)
  local side = side_of(draw)
  local height = ({ 0.10, 0.24, 0.44 })[degree]
  return {
    labels = { "Pleural Effusion" },
    words = ("%s %s pleural effusion with blunting of the costophrenic angle."):format(SIZES[degree], side.word),
    apply = function(scene)
      local c = scene.canvas
      local dome = side.sign > 0 and scene.patient.domes.left or scene.patient.domes.right
      local border = (c.abs_x - 0.25):relu():pow(2) * -(0.25 + 0.8 * height) + (dome + 0.10 - height)
      local fluid = step(c.y - border, 0.016) * scene.lungs.mask * half(scene, side)
      fill(scene, fluid, 0.93)
    end,
  }
end

kinds["Consolidation"] = function(draw, degree)
  local side = side_of(draw)
  local zone = draw:choice {
    { word = "upper lobe", x = 0.40, y = -0.42 }, { word = "mid lung", x = 0.45, y = -0.05 },
    { word = "lower lobe", x = 0.44, y = 0.27 },
  }
  local rx, ry = 0.17 + 0.05 * degree, 0.11 + 0.045 * degree
  local x, y, turn = zone.x + draw(-0.06, 0.06), zone.y + draw(-0.05, 0.05), draw(-0.4, 0.4)
  -- What airspace opacity is called differs between readers of real films, and so do its labels.
  local reading = draw:choice {
    { labels = { "Lung Opacity" }, words = "%s airspace opacity in the %s %s." },
    { labels = { "Consolidation", "Lung Opacity" }, words = "%s consolidation in the %s %s with air bronchograms." },
    { labels = { "Lung Opacity", "Pneumonia" }, words = "%s airspace opacity in the %s %s, consistent with pneumonia." },
    { labels = { "Consolidation", "Lung Opacity", "Pneumonia" },
      words = "%s consolidation in the %s %s with air bronchograms, consistent with pneumonia." },
  }
  return {
    labels = reading.labels,
    words = reading.words:format(({ "Patchy", "Focal", "Dense" })[degree], side.word, zone.word),
    apply = function(scene)
      local c = scene.canvas
      local rough = c:noise(scene.draw, 14) * 0.22 + c:noise(scene.draw, 30) * 0.10
      local mask = step(1 - c:radius(side.sign * x, y, rx, ry, turn) + rough, 0.16) * scene.lungs.mask
      local bronchi = scene.vessels * mask
      fill(scene, mask, 0.62 + 0.08 * degree)
      scene.added = scene.added - bronchi * 0.09
    end,
  }
end

kinds["Pneumothorax"] = function(draw, degree)
  local side = side_of(draw)
  local gap = ({ 0.07, 0.13, 0.22 })[degree]
  return {
    labels = { "Pneumothorax" },
    words = ("%s %s apical pneumothorax with a visible pleural line."):format(SIZES[degree], side.word),
    apply = function(scene)
      local c = scene.canvas
      local lower = step(c.y - 0.25, 0.12)
      local from_wall = scene.lungs.inset - (1 - lower * 0.75) * gap
      local from_top = c.y - (scene.patient.apex + 0.02 + gap * 1.5)
      -- The smaller of both distances, rounded off where they are alike: the tip of the lung.
      local depth = (((from_wall:clamp(-1, 1) * -10):exp() + (from_top:clamp(-1, 1) * -10):exp()):log() + 0.4) * -0.1
      local inside = step(depth + 0.04, 0.006)
      local lung = scene.lungs.mask * half(scene, side)
      local free = lung * (1 - inside)
      scene.air = scene.air + free * 0.16
      scene.vessels = scene.vessels * (1 - free)
      scene.air = scene.air * (1 - lung * inside * 0.10 * degree)
      scene.added = scene.added + lung * inside * (1 - inside) * 0.30
    end,
  }
end

kinds["Lung Lesion"] = function(draw, degree)
  local side = side_of(draw)
  local radius = ({ 0.035, 0.055, 0.090 })[degree] * draw(0.9, 1.1)
  local zone = draw:choice { { word = "upper", y = -0.38 }, { word = "mid", y = -0.02 }, { word = "lower", y = 0.24 } }
  local x, y = draw(zone.word == "lower" and 0.50 or 0.34, 0.58), zone.y + draw(-0.06, 0.06)
  return {
    labels = { "Lung Lesion" },
    words = ("%s in the %s %s lung zone."):format(
      ({ "A small nodule", "A rounded nodule", "A spiculated mass" })[degree], side.word, zone.word),
    apply = function(scene)
      local c = scene.canvas
      local rough = c:noise(scene.draw, 34) * 0.14
      local mask = step(1 - c:radius(side.sign * x, y, radius, radius * 0.92, 0.3) + rough, 0.13) * scene.lungs.mask
      scene.added = scene.added + mask * 0.19
    end,
  }
end

kinds["Edema"] = function(_, degree)
  local strength = ({ 0.30, 0.45, 0.60 })[degree]
  return {
    labels = { "Edema" },
    words = ({
      "Mild pulmonary vascular congestion and interstitial edema.",
      "Moderate pulmonary edema with perihilar haze and Kerley B lines.",
      "Severe alveolar pulmonary edema in a bat-wing distribution.",
    })[degree],
    prepare = function(patient) patient.flow = patient.flow * (1.15 + 0.1 * degree) end,
    apply = function(scene)
      local c = scene.canvas
      local dx, dy = (c.abs_x - 0.30) * (1 / 0.30), (c.y - 0.05) * (1 / 0.45)
      local haze = ((dx * dx + dy * dy) * -0.9):exp() * scene.lungs.mask
      local rough = c:noise(scene.draw, 26) * 0.20 + c:noise(scene.draw, 60) * 0.14
      scene.air = scene.air * (1 - (haze * (rough + 1)):clamp(0, 1) * strength)
      local lines = c:layer()
      for _, sign in ipairs { -1, 1 } do
        for i = 0, degree + 2 do
          local y = 0.12 + 0.055 * i
          c:tube(lines, sign * 0.66, y, sign * 0.735, y + 0.004, 0.006, 0.8)
        end
      end
      scene.added = scene.added + lines * scene.lungs.mask * 0.07
    end,
  }
end

kinds["Atelectasis"] = function(draw, degree)
  local side = side_of(draw)
  local rise = 0.03 + 0.025 * degree
  local tilt = draw(-0.05, 0.05)
  return {
    labels = { "Atelectasis" },
    words = ("%s %s basilar atelectasis with elevation of the hemidiaphragm."):format(
      ({ "Linear", "Plate-like", "Extensive" })[degree], side.word),
    prepare = function(patient)
      local key = side.sign > 0 and "raised_left" or "raised_right"
      patient[key] = (patient[key] or 0) - rise
    end,
    apply = function(scene)
      local c = scene.canvas
      local dome = side.sign > 0 and scene.patient.domes.left or scene.patient.domes.right
      local layer = c:layer()
      for i = 1, degree do
        local y = dome - 0.04 - 0.055 * i
        c:tube(layer, side.sign * 0.27, y + tilt, side.sign * (0.66 - 0.05 * i), y - tilt, 0.013, 0.9)
      end
      scene.added = scene.added + layer * scene.lungs.mask * (1 - scene.heart * 0.9) * 0.23
    end,
  }
end

--- Lines, tubes and boxes: what they look like, and the words.
local devices = {
  { "An endotracheal tube ends above the carina.", function(c, layer)
    c:path(layer, { { 0.0, -1.05 }, { 0.004, -0.75 }, { -0.008, -0.40 } }, 0.013, 0.16, "flat", 4)
    c:path(layer, { { 0.007, -1.05 }, { 0.011, -0.75 }, { -0.001, -0.42 } }, 0.004, 0.36, "flat", 4)
  end },
  { "An enteric tube passes below the diaphragm into the stomach.", function(c, layer)
    c:path(layer, { { 0.02, -1.05 }, { 0.028, -0.5 }, { 0.04, 0.0 }, { 0.05, 0.45 }, { 0.17, 0.70 }, { 0.34, 0.74 } },
      0.008, 0.30, "flat", 5)
  end },
  { "A right internal jugular central venous catheter ends in the superior vena cava.", function(c, layer)
    c:path(layer, { { -0.21, -1.02 }, { -0.17, -0.72 }, { -0.13, -0.45 }, { -0.12, -0.10 } }, 0.007, 0.30, "flat", 5)
  end },
  { "A left chest wall pacemaker has leads in the right atrium and right ventricle.", function(c, layer)
    c:path(layer, { { 0.50, -0.50 }, { 0.63, -0.48 } }, 0.080, 0.75, "flat", 1)
    c:path(layer, { { 0.50, -0.57 }, { 0.30, -0.60 }, { 0.06, -0.50 }, { -0.11, -0.25 }, { -0.13, 0.10 },
      { -0.10, 0.18 } }, 0.007, 0.50, "flat", 5)
    c:path(layer, { { 0.52, -0.58 }, { 0.30, -0.62 }, { 0.04, -0.50 }, { -0.12, -0.20 }, { -0.08, 0.25 },
      { 0.18, 0.40 } }, 0.007, 0.50, "flat", 5)
  end },
  { "Median sternotomy wires are intact.", function(c, layer)
    for i = 0, 5 do
      local y = -0.36 + 0.115 * i
      c:path(layer, { { -0.035, y }, { 0.0, y - 0.022 }, { 0.035, y }, { 0.0, y + 0.022 }, { -0.035, y } },
        0.005, 0.45, "flat", 3)
    end
  end },
}

kinds["Support Devices"] = function(draw)
  local device = draw:choice(devices)
  return {
    labels = { "Support Devices" }, words = device[1],
    apply = function(scene)
      local layer = scene.canvas:layer()
      device[2](scene.canvas, layer)
      scene.added = scene.added + layer
    end,
  }
end

--- A finding: `labels` (CheXpert names), `words`, and where they are needed `prepare(patient)`, called before the film is
--- drawn, and `apply(scene)`. `degree` is 1, 2 or 3.
function findings.make(name, draw, degree)
  local finding = kinds[name](draw, degree)
  finding.name, finding.degree = name, DEGREES[degree]
  finding.words = finding.words:sub(1, 1):upper() .. finding.words:sub(2)
  return finding
end

return findings
