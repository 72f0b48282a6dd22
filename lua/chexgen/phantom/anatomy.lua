--- A frontal chest radiograph of a patient who does not exist: how much each part weakens the rays, added up.

local canvas = require "chexgen.phantom.canvas"

local step, union = canvas.step, canvas.union

local anatomy = {}

--- The build of a patient, from a stream of numbers.
function anatomy.patient(draw)
  local female = draw:chance(0.5)
  return {
    female = female,
    age = math.floor(draw(24, 88)),
    chest_width = draw(0.74, 0.82),
    apex = draw(-0.83, -0.75),
    diaphragm = draw(0.42, 0.60),
    lift = draw(0.02, 0.06), -- how much higher the right dome stands
    heart = draw(0.90, 1.06),
    heart_turn = draw(0.45, 0.70),
    aorta = draw(0.075, 0.10),
    fat = draw(0, 1),
    breast = female and draw(0.5, 1) or 0,
    rib_slope = draw(0.10, 0.15),
    rib_gap = draw(0.128, 0.142),
    rib_width = draw(0.021, 0.027),
    clavicle = draw(0.12, 0.22),
    bubble = draw(0.08, 0.14),
    marker = draw:chance(0.75),
  }
end

--- How far from the middle the chest wall stands at height `y` (a number or a tensor).
local function wall(p, y)
  local low = 0.35
  local q = (low - y) * (1 / (low - p.apex))
  if type(q) == "number" then
    q = math.min(1, math.max(0, q))
    return 0.30 + (p.chest_width - 0.30) * math.sqrt(1 - q ^ 1.8)
  end
  q = q:clamp(0, 1)
  return (1 - q:pow(1.8)):sqrt() * (p.chest_width - 0.30) + 0.30, q
end

--- The body against the air around it, and how thick it is.
local function body(c, p)
  local edge = 0.90 + 0.05 * p.fat
  local half = step(-0.30 - c.y, 0.07) * 0.45 + step(c.y - 0.45, 0.12) * 0.04 + edge
  local inset = half - c.abs_x
  local slope = (c.abs_x - 0.17):relu()
  local top = slope * 0.40 + (c.abs_x - 0.80):relu():pow(2) * 2.4 - 1.12 + 0.10 * (1 - p.fat)
    + step(c.abs_x - 0.20, 0.03) * 0.10
  local below = c.y - top
  local mask = step(inset, 0.008) * step(below, 0.010)
  local thickness = (1 - (inset:relu() * (-1 / 0.10)):exp()) * (1 - (below:relu() * (-1 / 0.10)):exp() * 0.7)
  local shading = step(c.y - 0.45, 0.18) * 0.22 + 0.74 + 0.10 * p.fat
  return mask, mask * thickness * shading
end

--- Where air fills the lungs: the soft mask, and the depth of air behind each point.
local function lungs(c, p)
  local reach, q = wall(p, c.y)
  local inner = 0.30 - (1 - q:pow(4)):clamp(0, 1):sqrt() * 0.19
  local left = step(c.x, 0.02)
  local dome = (left * (p.domes.left - p.domes.right)) + p.domes.right
  local off = c.abs_x - 0.36
  local floor = dome + off:relu():pow(2) * 1.05 + (-off):relu():pow(2) * 0.55
  local inset = reach - c.abs_x
  local above = step(floor - c.y, 0.009)
  local mask = step(inset, 0.010) * step(c.abs_x - inner, 0.014) * above
  local depth = (1 - (inset:relu() * (-1 / 0.13)):exp() * 0.75) * (1 - ((floor - c.y):relu() * (-1 / 0.10)):exp() * 0.35)
  return { mask = mask, depth = depth, above = above, inset = inset, left = left }
end

--- Heart, great vessels and the soft tissue between the lungs.
local function mediastinum(c, p)
  local side = p.mirrored and -1 or 1
  local h = p.heart
  local base = p.domes.left
  local cy = base - 0.20 * h
  local ventricle = c:ellipse(0.15 * side * h, cy, 0.40 * h, 0.27 * h, p.heart_turn * side, 0.013)
  local atrium = c:ellipse(-0.07 * side, cy - 0.03, 0.19 * h, 0.28 * h, 0, 0.015)
  local outflow = c:ellipse(0.06 * side, cy - 0.27 * h, 0.155, 0.24, 0.12 * side, 0.015)
  local heart = union(union(ventricle, atrium), outflow)
  local knob = c:ellipse(0.125 * side, -0.33, p.aorta, p.aorta * 1.1, 0, 0.010)
  local trunk = step(0.125 - (c.x - 0.005 * side):abs(), 0.014) * step(0.3 - c.y, 0.1)
  local column = union(knob, trunk)
  local descending = step(0.055 - (c.x - 0.115 * side):abs(), 0.012) * step(c.y + 0.33, 0.02) * 0.35
  return heart, column, descending
end

--- The spine with its discs and pedicles, and the airways before it.
local function spine(c)
  local bone = step(0.085 - c.abs_x, 0.010)
  local wave = ((c.y * 0.94 + 1.06):pow(1.15) * 8.2)
  local phase = wave - (wave - 0.5):to("i64"):to("f32") - 0.5
  local disc = (phase * phase * -60):exp()
  local body_of = bone * (1 - disc * 0.40)
  local pedicle = (((c.abs_x - 0.052) * 45):pow(2) * -1):exp() * (((phase:abs() - 0.32) * 9):pow(2) * -1):exp()
  local process = ((c.abs_x * 60):pow(2) * -1):exp() * (((phase:abs() - 0.45) * 7):pow(2) * -1):exp()
  return body_of + pedicle * 0.4 + process * 0.3
end

local function airways(c, p)
  local layer = c:layer()
  local side = p.mirrored and -1 or 1
  c:path(layer, { { 0.0, -1.05 }, { 0.004, -0.7 }, { -0.012 * side, -0.45 }, { -0.015 * side, -0.22 } }, 0.040, 1, "round", 2)
  c:tube(layer, -0.015 * side, -0.23, -0.13 * side, -0.07, 0.026, 0.75)
  c:tube(layer, -0.015 * side, -0.23, 0.15 * side, -0.09, 0.023, 0.65)
  return layer
end

--- Ribs: each an arc behind, from the spine outward, and a fainter one in front, falling towards the breast bone.
local function ribs(c, p)
  local layer = c:layer()
  for i = 1, p.rib_count do
    local from = p.apex - 0.02 + (i - 1) * p.rib_gap + 0.002 * i * i
    local drop = 0.11 + p.rib_slope * (0.4 + 0.13 * i)
    local middle = from + drop
    local reach = wall(p, middle) + 0.012
    local front = 0.12 + 0.035 * i
    local view = c:window(-1, from - 0.08, 1, middle + front + 0.04)
    if view then
      local x, y = view(c.abs_x), view(c.y) - middle
      local behind = step(-y, 0.008)
      local inverse = behind * (1 / drop ^ 2 - 1 / front ^ 2) + 1 / front ^ 2
      local gx, gy = x * (1 / reach ^ 2), y * inverse
      local radius = (gx * x + gy * y):sqrt()
      local distance = ((radius - 1) * radius / ((gx * gx + gy * gy):sqrt() + 1e-4)):abs()
      local width = p.rib_width * (i <= 2 and 0.85 or 1)
      local rim = (distance * (1 / width)):clamp(0, 1):pow(2) * 0.55 + 0.55
      local band = step(width - distance, 0.005) * rim
      local seen_behind = behind * step(x - 0.085, 0.02)
      local seen_front = (1 - behind) * step(x - 0.36 - 0.02 * (i % 3), 0.05) * (i >= 8 and 0 or 0.62)
      local fade = i >= 10 and 0.6 or 1
      canvas.put(view(layer), view(layer) + band * (seen_behind + seen_front) * fade)
    end
  end
  return layer
end

--- Collar bones, shoulder blades and the heads of the upper arms.
local function shoulders(c, p)
  local layer = c:layer()
  for _, side in ipairs { -1, 1 } do
    if p.missing_clavicle ~= side then
      local rise = p.clavicle + 0.012 * side
      local x, y = 0.085, -0.52 + 0.012 * side
      c:path(layer, { { side * x, y }, { side * 0.26, y - rise * 0.45 }, { side * 0.48, y - rise * 0.72 },
        { side * 0.70, y - rise * 1.05 } }, 0.030, 0.85, "flat", 4)
      c:path(layer, { { side * x, y + 0.008 }, { side * 0.13, y - rise * 0.06 } }, 0.040, 0.85, "flat", 1)
    end
    local blade = c:layer()
    c:path(blade, { { side * 0.86, -0.50 }, { side * 0.80, -0.25 }, { side * 0.71, -0.02 }, { side * 0.66, -0.18 },
      { side * 0.64, -0.42 }, { side * 0.72, -0.60 } }, 0.018, 0.28, "round", 2)
    c:path(blade, { { side * 0.68, -0.56 }, { side * 0.80, -0.70 }, { side * 0.95, -0.74 } }, 0.028, 0.40, "round", 1)
    layer = union(layer, blade)
    c:add_ellipse(layer, side * 0.99, -0.56, 0.13, 0.13, 0, 0.012, 0.55)
  end
  return layer
end

--- Vessels that branch from the hila and thin out towards the wall, and the hila themselves.
local function vessels(c, p, draw)
  local layer = c:layer()
  local function branch(x, y, angle, length, radius, depth)
    local bend = draw(-0.5, 0.5)
    if depth == 0 then
      local turn = angle + bend * 0.5
      c:tube(layer, x, y, x + math.cos(turn) * length, y + math.sin(turn) * length, radius * 0.9, 0.20 + 30 * radius)
      return
    end
    local mx, my = x + math.cos(angle) * length * 0.5, y + math.sin(angle) * length * 0.5
    local ex = mx + math.cos(angle + bend) * length * 0.5
    local ey = my + math.sin(angle + bend) * length * 0.5
    local amount = 0.22 + 34 * radius
    c:tube(layer, x, y, mx, my, radius, amount)
    c:tube(layer, mx, my, ex, ey, radius * 0.88, amount)
    branch(ex, ey, angle + bend + draw(0.1, 0.7), length * draw(0.55, 0.95), radius * 0.66, depth - 1)
    branch(ex, ey, angle + bend - draw(0.1, 0.7), length * draw(0.55, 0.95), radius * 0.72, depth - 1)
  end
  local side_heart = p.mirrored and -1 or 1
  for _, side in ipairs { -1, 1 } do
    local hx, hy = side * 0.19, (side == side_heart and -0.10 or -0.05)
    for _, turn in ipairs { -1.25, -0.80, -0.30, 0.15, 0.55, 0.90, 1.25 } do
      local angle = turn + draw(-0.15, 0.15)
      local direction = side > 0 and angle or math.pi - angle
      local lower = turn > 0.4
      branch(hx, hy + turn * 0.05, direction, draw(0.14, 0.23), (lower and 0.020 or 0.015) * p.flow, 2)
    end
    c:add_ellipse(layer, hx, hy, 0.055, 0.10, side * -0.25, 0.03, 0.35)
    c:add_ellipse(layer, hx + side * 0.015, hy + 0.11, 0.033, 0.09, side * -0.25, 0.02, 0.30)
  end
  return layer:clamp(0, 1)
end

--- Draws a film: a tensor [size, size] of brightness in 0 … 1 before noise. `findings(scene)` may change the scene, which
--- holds what each layer weakens the rays by.
function anatomy.film(c, p, draw, findings)
  local scene = { canvas = c, patient = p, draw = draw }
  p.domes = { right = p.diaphragm - p.lift + (p.raised_right or 0), left = p.diaphragm + (p.raised_left or 0) }
  scene.body, scene.thickness = body(c, p)
  scene.lungs = lungs(c, p)
  scene.heart, scene.column, scene.descending = mediastinum(c, p)
  scene.air = scene.lungs.mask * scene.lungs.depth
  scene.vessels = vessels(c, p, draw)
  scene.added = c:layer()
  findings(scene)

  local bones = ribs(c, p) * 0.135 + shoulders(c, p) * 0.19 + spine(c) * 0.15
  local texture = c:noise(draw, 48) * 0.011 + c:noise(draw, 9) * 0.020
  local covered = union(scene.heart * 0.80, scene.column * 0.92)
  local lung = scene.air * (1 - covered)
  local weakening = scene.thickness - lung * 0.60 + scene.lungs.mask * (1 - covered) * (scene.vessels * 0.135 + texture)
  weakening = weakening + union(scene.heart * (scene.lungs.above * 0.16 + 0.03), scene.column * 0.10) + scene.descending * 0.10
  weakening = weakening - airways(c, p) * 0.17 + scene.body * (bones + texture)
  weakening = weakening + scene.added
  if p.breast > 0 then
    for _, side in ipairs { -1, 1 } do
      local shadow = c:layer()
      c:add_ellipse(shadow, side * 0.46, 0.20, 0.36, 0.34, side * 0.2, 0.030, 0.085 * p.breast)
      weakening = weakening + shadow * scene.body
    end
  end
  local bubble = c:layer()
  local side = p.mirrored and -1 or 1
  c:add_ellipse(bubble, side * 0.36, p.domes.left + 0.05 + p.bubble * 0.6, p.bubble * 1.2, p.bubble * 0.62, 0, 0.022, 0.24)
  weakening = weakening - bubble
  return (1 - ((weakening:relu() + 0.012) * -1.95):exp()), scene
end

return anatomy
