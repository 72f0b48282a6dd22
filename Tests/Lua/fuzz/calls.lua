-- Calls every function and method of the modules with random arguments: chexgen run calls.lua SEED SECONDS. Whatever they
-- are, a call ends in a result or in an error that pcall catches. The stubs say what there is to call, so that what is new
-- is called, too. What was called last stands in the file arg[3], where it is given: a crash leaves it there.
local seed, seconds, trail = math.tointeger(tonumber(arg[1])), tonumber(arg[2]), arg[3]
print("seed " .. seed)
math.randomseed(seed)
local chexgen = require "chexgen"
local tensor, image, dataset, metric = chexgen.tensor, chexgen.image, chexgen.dataset, chexgen.metric
local random = math.random

local function pick(list) return list[random(#list)] end

--- The functions `M.name` and the methods `Class:name` of a module, with the types of their parameters, and the keys of
--- their options.
local options = {}
local function members(module)
  local found, types, class = {}, {}, nil
  for line in io.lines(arg[0]:match "^(.*)Tests/Lua/" .. "lua/meta/" .. module .. ".lua") do
    local declared = line:match "^%-%-%-@class (%S+)"
    local field, kind = line:match "^%-%-%-@field ([%w_]+)%?? (%S+)"
    local parameter = line:match "^%-%-%-@param %S+ (%S+)"
    local owner, mark, name = line:match "^function (%w+)([.:])([%w_]+)%("
    if declared then
      class = {}
      options[declared] = class
    elseif field and class then
      class[#class + 1] = { name = field, type = kind }
    elseif parameter then
      types[#types + 1] = parameter
    elseif owner then
      found[#found + 1] = { owner = owner, is_method = mark == ":", name = name, types = types }
      types = {}
    end
  end
  return found
end

local calls = {}
-- Called more often than others, as few of their arguments fit.
local often = { bootstrap = 30, floor = 30, measure = 30, classification_intervals = 30, inception_score = 30 }
for name, module in pairs { tensor = tensor, image = image, dataset = dataset, metric = metric } do
  for _, member in ipairs(members("chexgen." .. name)) do
    member.module = module
    for _ = 1, often[member.name] or 1 do calls[#calls + 1] = member end
  end
end
assert(#calls > 100)

local numbers = { 0, 1, -1, 2, 3, 4, 5, 7, 17, 64, 0.5, 1.5, -0.0, 1e-300, 1e300, 0 / 0, 1 / 0, -1 / 0, 255, 256, 1 << 31, (1 << 31) - 1,
  1 << 32, 1 << 40, 1 << 46, 1 << 47, 1 << 62, 2.0 ^ 53, 2.0 ^ 63, math.maxinteger, math.mininteger, -(1 << 40) }
local small = { 0, 1, 1, 2, 2, 3, 5, 17 }
-- Of options that say how often something long is done: few times, or as often as nothing may be done.
local counts = { 0, 1, 2, 2, 3, 4, 5, -1, 1 << 31, 1 << 40, math.maxinteger, math.maxinteger - 1, math.mininteger }
local repeated = { replicates = true, splits = true, floor_splits = true, subsets = true, subset_size = true, k = true, size = true }
local statistics = { "fid", "kid", "inception-score", "precision", "recall", "density", "coverage" }
local words = { "", "f32", "f64", "i64", "u8", "bool", "x", "bilinear", "rgb", "nearest", "path", "chexgenbench", "exact", "\255", ("y"):rep(5000) }

local function sizes()
  local list = {}
  for i = 1, random(0, 4) do list[i] = random(20) == 1 and pick(numbers) or pick(small) end
  return list
end

local function new_tensor()
  -- What can be the features of images, or the probabilities of classes.
  if random(4) == 1 then return tensor.rand({ random(2, 17), random(2) }, tensor.generator(random(99))) end
  local list = sizes()
  local ok, made = pcall(random(2) == 1 and tensor.ones or tensor.zeros, list, pick(tensor.dtypes))
  if not ok then made = tensor.rand({ pick(small), pick(small) }, tensor.generator(random(99))) end
  -- Views of it: turned, cut, repeated, sometimes beyond any memory.
  for _ = 1, random(0, 2) do
    local way = random(5)
    local seen, view = pcall(function()
      if way == 1 then return made:transpose(random(-2, 2), random(-2, 2)) end
      if way == 2 then return made:narrow(1, random(3), random(0, 3)) end
      if way == 3 then return made:unsqueeze(1):expand(pick(small), -1, -1, -1) end
      if way == 4 then return made:unsqueeze(1):expand(pick(numbers), -1) end
      return made:reshape(-1)
    end)
    if seen and type(view) == "userdata" then made = view end
  end
  return made
end

local pool = {}
local shared -- a tensor of the call at hand: two sets of features have as many columns
local makers = {
  Image = function() return image.from_tensor(tensor.zeros({ random(9), random(9), pick { 1, 3, 4 } }, "u8")) end,
  Dataset = function()
    return dataset.table({ "path", "a" }, { { "x.png", "1" }, { "y.png", "2" }, { "z.png", "2" } }):head(random(0, 4))
  end,
  Moments = function() return metric.moments(random(4)) end,
  Generator = function() return tensor.generator(random(9)) end,
  Tensor = function()
    if shared and random(2) == 1 then return shared end
    if #pool < 60 or random(2) == 1 then pool[#pool % 60 + 1] = new_tensor() end
    shared = pick(pool)
    return shared
  end,
}
local kinds = { "Tensor", "Tensor", "Tensor", "Image", "Dataset", "Moments", "Generator" }
local function object() return makers[pick(kinds)]() end

local function list_of(make)
  local list = {}
  for i = 1, random(0, 4) do list[i] = make() end
  return list
end

value = function(depth)
  local way = random(14)
  if way <= 3 then return pick(numbers) end
  if way <= 5 then return pick(small) end
  if way <= 9 then return object() end
  if way == 10 then return pick(words) end
  if way == 11 then return random(2) == 1 end
  if way == 12 and depth < 3 then return list_of(function() return value(depth + 1) end) end
  if way == 13 then return random(2) == 1 and sizes() or { n = pick(numbers), seed = pick(numbers), k = pick(small), width = pick(small),
    height = pick(small), test = pick(numbers), subset_size = pick(small), subsets = pick(small), filter = pick(words) } end
  if way == 14 then return function() return pick(numbers) end end
  return nil
end

--- A value that a declared type mostly takes.
local function fitting(kind, depth)
  if random(12) == 1 or depth > 3 then return value(depth) end
  kind = kind:match "^[^|]+"
  if options[kind] and #options[kind] > 0 and not makers[kind] then
    local given = {}
    for _, key in ipairs(options[kind]) do
      if key.name == "metrics" or key.name == "statistics" then
        given[key.name] = random(9) > 1 and list_of(function() return pick(statistics) end) or fitting(key.type, depth + 1)
      elseif repeated[key.name] then
        -- Seldom not there: by default some things are done hundreds of times.
        if random(8) > 1 then given[key.name] = random(9) > 1 and pick(counts) or fitting(key.type, depth + 1) end
      elseif random(2) == 1 then
        given[key.name] = fitting(key.type, depth + 1)
      end
    end
    return given
  end
  local element = kind:match "^(.*)%[%]$"
  if element then return list_of(function() return fitting(element, depth + 1) end) end
  if makers[kind] then return makers[kind]() end
  if kind == "integer" or kind == "number" then return random(6) == 1 and pick(numbers) or pick(small) end
  if kind == "boolean" then return random(2) == 1 end
  if kind == "string" then return pick(words) end
  if kind:sub(1, 1) == '"' then return kind:sub(2, -2) end
  if kind:sub(1, 3) == "fun" then return function() return pick(numbers) end end
  return random(2) == 1 and sizes() or value(depth)
end

local function note(text)
  if not trail then return end
  local file = assert(io.open(trail, "w"))
  file:write(text, "\n")
  file:close()
end

local function describe(thing)
  local ok, text = pcall(function()
    return type(thing) == "userdata" and thing.shape and ("%s %s"):format(thing:dtype(), table.concat(thing:shape(), "x")) or tostring(thing)
  end)
  return ok and text:sub(1, 60) or type(thing)
end

local operators = {
  function(a, b) return a + b end, function(a, b) return a - b end, function(a, b) return a * b end, function(a, b) return a / b end,
  function(a, b) return a ^ b end, function(a) return -a end, function(a) return #a end, function(a, b) return a == b end,
  function(a, b) return a[b] end, function(a, b, c) a[b] = c end, function(a) return tostring(a) end, function(a) a:close() end,
}

local start, count, failed = chexgen.time(), 0, 0
while chexgen.time() - start < seconds do
  local arguments = {}
  shared = nil
  local call = pick(calls)
  local given = random(10) == 1 and random(0, 4) or random(math.min(1, #call.types), #call.types)
  for i = 1, given do arguments[i] = call.types[i] and fitting(call.types[i], 0) or value(0) end
  local ok, result
  if random(8) == 1 then
    local operator = random(#operators)
    note("operator " .. operator)
    ok, result = pcall(operators[operator], object(), value(0), value(0))
  else
    local receiver = call.is_method and ((random(20) == 1 or not makers[call.owner]) and object() or makers[call.owner]()) or nil
    if trail then
      local texts = {}
      for i = 1, given do texts[i] = describe(arguments[i]) end
      note(("%s:%s(%s) of %s"):format(call.owner, call.name, table.concat(texts, ", "), describe(receiver)))
    end
    ok, result = pcall(function()
      if call.is_method then return receiver[call.name](receiver, table.unpack(arguments, 1, given)) end
      return call.module[call.name](table.unpack(arguments, 1, given))
    end)
  end
  count = count + 1
  if not ok then
    failed = failed + 1
    assert(type(result) == "string" or result == nil or type(result) == "number", "an error of type " .. type(result))
  elseif type(result) == "userdata" and random(4) == 1 then
    pool[random(1, 60)] = result
    for i = #pool, 1, -1 do if pool[i] == nil then pool[i] = new_tensor() end end
  end
end
print(("%d calls, %d refused"):format(count, failed))
