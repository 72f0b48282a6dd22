--- Drawing on a square grid of coordinates with tensor operations: soft shapes, tubes and smooth noise.
--- x runs from -1 (left of the picture, the patient's right) to 1, y from -1 (top) to 1.

local tensor = require "chexgen.tensor"

local canvas = {}

local Canvas = {}
Canvas.__index = Canvas

--- A step from 0 to 1 where `t` crosses zero, `width` wide.
function canvas.step(t, width) return (t * (1 / width)):sigmoid() end

--- The union of two soft masks: of two layers the greater.
function canvas.union(a, b) return a + (b - a):relu() end

--- Numbers that a seed decides: `draw()` in [0, 1), `draw(low, high)` uniform, `draw:choice(list)`, `draw:chance(p)`.
local Draw = {}
Draw.__index = Draw
Draw.__call = function(self, low, high)
  if self.next > #self.values then
    self.values, self.next = tensor.rand({ 256 }, self.generator):totable(), 1
  end
  local value = self.values[self.next]
  self.next = self.next + 1
  return low and low + (high - low) * value or value
end

function Draw:choice(list) return list[1 + math.floor(self() * #list)] end
function Draw:chance(probability) return self() < probability end
function Draw:normal(shape) return tensor.randn(shape, self.generator) end

function canvas.draw(seed)
  return setmetatable({ generator = tensor.generator(seed), values = {}, next = 1, seed = seed }, Draw)
end

--- The matrix whose rows weigh all `size` pixels by a normal distribution of `sigma` pixels, each row summing to 1.
local function blur_matrix(size, sigma)
  local p = tensor.arange(size)
  local d = (p:reshape(size, 1) - p:reshape(1, size)) * (1 / sigma)
  local weights = (d * d * -0.5):exp()
  return weights / weights:sum(2, true)
end

--- A picture blurred by `sigma` pixels.
function canvas.blur(picture, sigma)
  local matrix = blur_matrix(picture:size(1), sigma)
  return matrix:matmul(picture):matmul(matrix:transpose(1, 2))
end

--- The matrix that spreads `count` values evenly over `size` pixels with overlapping bells.
local spreads = {}
local function spread_matrix(size, count)
  local key = size .. "/" .. count
  if not spreads[key] then
    local d = tensor.linspace(0, count - 1, size):reshape(size, 1) - tensor.arange(count):reshape(1, count)
    local weights = (d * d * -1.2):exp()
    spreads[key] = weights / weights:sum(2, true)
  end
  return spreads[key]
end

--- The rows `first` to `first + rows - 1` of a picture of `size` pixels a side. `warp` bends all that is drawn on it, so
--- that no two sides are mirror images. A picture is drawn in such bands, which stay in the processor's cache; the same
--- stream of numbers must be given for each.
function canvas.band(size, first, rows, draw, warp)
  local self = setmetatable({ size = size, first = first, rows = rows }, Canvas)
  local line = tensor.linspace(-1, 1, size)
  self.x = self:noise(draw, 5) * warp + line:reshape(1, size)
  self.y = self:noise(draw, 5) * warp + line:narrow(1, first, rows):reshape(rows, 1)
  self.abs_x = self.x:abs()
  return self
end

--- Smooth noise of about unit size, with `count` bumps along a side of the picture.
function Canvas:noise(draw, count)
  local matrix = spread_matrix(self.size, count)
  local columns = draw:normal({ count, count }):matmul(matrix:transpose(1, 2))
  return matrix:narrow(1, self.first, self.rows):matmul(columns) * 1.6
end

--- A layer of zeros.
function Canvas:layer() return tensor.zeros { self.rows, self.size } end

--- The pixels whose coordinates may lie in a rectangle: a function that gives the view of them in any layer, or nil where
--- the band holds none of them.
function Canvas:window(left, top, right, bottom)
  local margin = 0.04
  local function range(low, high)
    local first = math.max(1, math.floor((low - margin + 1) / 2 * self.size))
    local last = math.min(self.size, math.ceil((high + margin + 1) / 2 * self.size))
    return first, math.max(0, last - first + 1)
  end
  local row, rows = range(top, bottom)
  local column, columns = range(left, right)
  local last = math.min(row + rows, self.first + self.rows) - 1
  row = math.max(row, self.first)
  rows, row = last - row + 1, row - self.first + 1
  if rows <= 0 or columns <= 0 then return nil end
  return function(picture) return picture:narrow(1, row, rows):narrow(2, column, columns) end
end

--- Writes `patch` over a view of a picture.
function canvas.put(view, patch) view:unsqueeze(1)[1] = patch end

--- The radius from an ellipse's centre, 1 at its rim; `turn` in radians, clockwise on the picture.
function Canvas:radius(cx, cy, rx, ry, turn, view)
  local x, y = self.x, self.y
  if view then x, y = view(x), view(y) end
  local dx, dy = x - cx, y - cy
  local c, s = math.cos(turn or 0), math.sin(turn or 0)
  local along, across = (dx * c + dy * s) * (1 / rx), (dy * c - dx * s) * (1 / ry)
  return (along * along + across * across):sqrt()
end

--- A filled ellipse whose rim is `soft` wide.
function Canvas:ellipse(cx, cy, rx, ry, turn, soft)
  return canvas.step(1 - self:radius(cx, cy, rx, ry, turn), soft / math.min(rx, ry))
end

--- Adds an ellipse to a layer, at the cost of its own pixels only.
function Canvas:add_ellipse(layer, cx, cy, rx, ry, turn, soft, amount)
  local reach = math.max(rx, ry) + 4 * soft
  local view = self:window(cx - reach, cy - reach, cx + reach, cy + reach)
  if not view then return end
  local mask = canvas.step(1 - self:radius(cx, cy, rx, ry, turn, view), soft / math.min(rx, ry))
  canvas.put(view(layer), view(layer) + mask * amount)
end

--- Draws a straight tube into a layer, keeping the greater value; `profile` "round" fades out, "flat" has an edge.
function Canvas:tube(layer, x1, y1, x2, y2, radius, amount, profile)
  local reach = profile == "flat" and radius + 0.02 or radius * 2.2
  local view = self:window(math.min(x1, x2) - reach, math.min(y1, y2) - reach,
    math.max(x1, x2) + reach, math.max(y1, y2) + reach)
  if not view then return end
  local length = math.max(math.sqrt((x2 - x1) ^ 2 + (y2 - y1) ^ 2), 1e-6)
  local ux, uy = (x2 - x1) / length, (y2 - y1) / length
  local x, y, below = view(self.x), view(self.y), view(layer)
  local along = x * ux + (y * uy - (x1 * ux + y1 * uy))
  local across = x * -uy + (y * ux + (x1 * uy - y1 * ux))
  along = along - along:clamp(0, length)
  local squares = along * along + across * across
  local mask
  if profile == "flat" then
    mask = ((squares:sqrt() - radius) * -250):sigmoid()
  else
    mask = (squares * (-0.7 / (radius * radius)) + math.log(amount)):exp()
  end
  if profile == "flat" then mask = mask * amount end
  canvas.put(below, canvas.union(below, mask))
end

--- Draws a tube through a list of points `{x, y}`, smoothed by Catmull and Rom's spline.
function Canvas:path(layer, points, radius, amount, profile, pieces)
  pieces = pieces or 4
  local last
  for i = 1, #points - 1 do
    local a, b = points[math.max(1, i - 1)], points[i]
    local c, d = points[i + 1], points[math.min(#points, i + 2)]
    for k = (i == 1 and 0 or 1), pieces do
      local t = k / pieces
      local p = {}
      for axis = 1, 2 do
        p[axis] = 0.5 * (2 * b[axis] + (c[axis] - a[axis]) * t
          + (2 * a[axis] - 5 * b[axis] + 4 * c[axis] - d[axis]) * t ^ 2
          + (3 * b[axis] - a[axis] - 3 * c[axis] + d[axis]) * t ^ 3)
      end
      if last then self:tube(layer, last[1], last[2], p[1], p[2], radius, amount, profile) end
      last = p
    end
  end
end

return canvas
