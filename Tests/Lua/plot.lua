-- chexgen.plot as scripts see it.
local plot = require "chexgen.plot"
local tensor = require "chexgen.tensor"
local harness = require "harness"
local test, equal, raises = harness.test, harness.equal, harness.raises
local scratch = SCRATCH or arg[#arg]

local function bytes(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

local curve = { label = "a", x = { 1, 2, 3 }, y = tensor.new { 1, 0 / 0, 3 }, error = { 0.1, 0.2, 0.3 } }
local drawn = {
  line = { series = { curve, { y = { 3, 2, 1 } } }, logx = true, title = "t", xlabel = "x", ylabel = "y" },
  scatter = { series = { curve }, logy = true, legend = "top left" },
  bar = { categories = { "p", "q" }, series = { { label = "s", values = { 1, -2 }, error = { 0.1, 0.2 } } }, horizontal = true },
  histogram = { series = { { label = "h", values = { 1, 2, 2, 3 } }, { values = tensor.arange(9) } }, bins = 4, density = true },
  heatmap = { values = tensor.eye(3), rows = { "a", "b", "c" }, columns = { "a", "b", "c" }, label = "l", annotate = true },
}

-- Where gnuplot is missing, the error says how to get it, and only what is refused before is tested.
local has_gnuplot, reason = pcall(plot.line, { path = scratch .. "/try.svg", series = { { y = { 1, 2 } } } })
if not has_gnuplot then
  print("gnuplot is not installed: pictures are not tested")
  assert(tostring(reason):find("apt-get install gnuplot-nox", 1, true), reason)
end

test("pictures", function()
  equal(require("chexgen").plot, plot)
  if not has_gnuplot then return end
  local starts = { svg = "<?xml", png = "\x89PNG\r\n", pdf = "%PDF-" }
  for kind, options in pairs(drawn) do
    for ending, start in pairs(starts) do
      options.path, options.width, options.height = ("%s/%s.%s"):format(scratch, kind, ending), 400, 300
      equal(plot[kind](options), options.path)
      local first = bytes(options.path)
      equal(first:sub(1, #start), start)
      plot[kind](options)
      assert(bytes(options.path) == first, kind .. "." .. ending .. " differs the second time")
    end
  end
  plot.histogram { path = scratch .. "/one.svg", values = { 1, 2, 2 }, font_size = 20 }
  plot.heatmap { path = scratch .. "/nested.svg", values = { { 1, 0 / 0 }, { 2, 3 } }, low = 0, high = 4 }
end)

test("texts are drawn as they stand", function()
  if not has_gnuplot then return end
  local text = [[100 % "a" 'b' `c` \d {e}_f & <g> é]]
  plot.bar { path = scratch .. "/text.svg", title = text, categories = { text }, series = { { values = { 1 } } } }
  local _, count = bytes(scratch .. "/text.svg"):gsub("100 %% ", "")
  assert(count >= 2, count)
end)

test("what cannot be drawn is refused", function()
  local path = scratch .. "/no.svg"
  local some = { { y = { 1, 2 } } }
  raises(function() plot.line { series = some } end, "path")
  raises(function() plot.line { path = scratch .. "/a.gif", series = some } end, ".svg", "a.gif")
  raises(function() plot.line { path = path } end, "series")
  raises(function() plot.line { path = path, series = {} } end, "series")
  raises(function() plot.line { path = path, series = { { x = { 1 }, y = { 1, 2 } } } } end, "series[1].x", "2")
  raises(function() plot.line { path = path, series = { { y = { "a" } } } } end, "y")
  raises(function() plot.line { path = path, series = { { why = { 1 } } } } end, "why")
  raises(function() plot.line { path = path, series = some, width = 20000 } end, "width", "20000")
  raises(function() plot.line { path = path, series = some, height = 0 } end, "height")
  raises(function() plot.line { path = path, series = some, legend = "left" } end, "legend", "above")
  raises(function() plot.line { path = path, series = { { y = { 1, 0 } } }, logy = true } end, "series[1].y[2]", "logy")
  raises(function() plot.scatter { path = path, series = { { y = { 0 / 0 } } } } end, "finite")
  raises(function() plot.scatter { path = path, series = { { y = tensor.eye(2) } } } end, "series[1].y", "[2, 2]")
  raises(function() plot.bar { path = path, categories = { "a" }, series = { { values = { 1, 2 } } } } end, "series[1].values")
  raises(function() plot.histogram { path = path } end, "values", "series")
  raises(function() plot.histogram { path = path, values = { 1 }, bins = 0 } end, "bins")
  raises(function() plot.heatmap { path = path, values = { { 1, 2 }, { 3 } } } end, "values")
  raises(function() plot.heatmap { path = path, values = tensor.zeros { 3 } } end, "values", "[3]")
  raises(function() plot.heatmap { path = path, values = { { 1 } }, rows = { "a", "b" } } end, "rows")
  raises(function() plot.line { path = "/no/such/place.svg", series = some } end, "/no/such/place.svg")
  raises(function() plot.line { path = "/tmp/chexgen-outside.svg", series = some } end, "/tmp/chexgen-outside.svg")
  assert(not io.open(path), "a refused picture left a file")
end)
