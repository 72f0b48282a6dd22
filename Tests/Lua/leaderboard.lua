-- Models in the order of a metric, published ones and one's own.
local leaderboard = require "chexgen.leaderboard"
local harness = require "harness"
local test, equal, close, raises = harness.test, harness.equal, harness.close, harness.raises
local scratch = SCRATCH or arg[#arg]

local FID = "FID (RadDino)"
local IDENTITY = "metric=fid; protocol=exact; encoder=rad-dino; weights=none; preprocessing=p; output=features; dtype=f32; "
  .. "device=cpu; estimator=frechet-f64; n_real=10; n_synthetic=%d; seed=none"

test("the published rows", function()
  local rows = leaderboard.published()
  equal(#rows, 11)
  equal({ rows[1].model, rows[1].rank, rows[1].size, rows[1].year, rows[1][FID] }, { "Sana", 1, "0.60B", 2025, 54.23 })
  equal({ rows[11].model, rows[11][FID], rows[11].protocol, rows[11].published }, { "SD V2", 194.72, "chexgenbench", true })
  assert(rows[1].source:find "2505.10496")
  local ranked, groups = leaderboard.rank(rows, FID)
  equal({ #ranked, groups, ranked[1].model, ranked[1].place, ranked[11].place }, { 11, 1, "Sana", 1, 11 })
  for i, row in ipairs(ranked) do equal(row.place, row.rank, i) end
end)

local function own(model, value, n)
  return { model = model, protocol = "exact", numbers = { [FID] = { value = value, low = value - 1, high = value + 1, floor = 3,
    real = 10, synthetic = n, identity = IDENTITY:format(n) } } }
end

test("the better end is what rows say", function()
  local function told(model, value, direction)
    return { model = model, numbers = { Mine = { value = value, direction = direction } } }
  end
  local ranked = leaderboard.rank({ told("a", 1, "higher"), told("b", 2) }, "Mine")
  equal({ ranked[1].model, ranked[2].model, ranked[2].direction }, { "b", "a", "higher" })
  equal(leaderboard.rank({ told("a", 1, "lower"), told("b", 2) }, "Mine")[1].model, "a")
  raises(function() leaderboard.rank({ told("a", 1, "lower"), told("b", 2, "higher") }, "Mine") end, "disagree", "Mine")
  raises(function() leaderboard.rank({ told("a", 1, "up") }, "Mine") end, "direction", "up")
end)

test("numbers of different identity are not ranked together", function()
  local rows = leaderboard.published()
  rows[#rows + 1], rows[#rows + 2], rows[#rows + 3] = own("a", 60, 10), own("b", 50, 10), own("c", 40, 20)
  local ranked, groups = leaderboard.rank(rows, FID)
  equal({ #ranked, groups }, { 14, 3 })
  equal({ ranked[1].model, ranked[12].model, ranked[12].place, ranked[12].group }, { "Sana", "c", 1, 2 })
  equal({ ranked[13].model, ranked[13].place, ranked[14].model, ranked[14].place }, { "b", 1, "a", 2 })
  equal({ ranked[13].low, ranked[13].high, ranked[13].floor, ranked[13].synthetic }, { 49.0, 51.0, 3.0, 10 })
  assert(ranked[1].group_title:find "Published" and ranked[13].group_title:find "rad%-dino")
  local mixed, one = leaderboard.rank(rows, FID, { mixed = true })
  equal({ one, mixed[1].model, mixed[2].model, mixed[3].model }, { 1, "c", "b", "Sana" })
  assert(mixed[2].differs:find "n_synthetic 10" and mixed[3].differs:find "published", mixed[2].differs)
  assert(mixed[1].group_title:find "mixed")
end)

test("rows of one's own", function()
  local rows = { { model = "x", score = 1 }, { model = "y", score = 3 }, { model = "z", score = 3 }, { model = "w" } }
  raises(function() leaderboard.rank(rows, "score") end, "score", "lower or higher")
  local ranked = leaderboard.rank(rows, "score", { order = "higher" })
  equal({ #ranked, ranked[1].model, ranked[1].place, ranked[2].place, ranked[3].place }, { 3, "y", 1, 1, 3 })
  raises(function() leaderboard.rank(rows, "scores") end, "scores", "score")
  raises(function() leaderboard.rank({ { score = 1 } }, "score") end, "row 1", "model")
  raises(function() leaderboard.rank({ { model = "x", numbers = { a = { value = 1, identity = "rubbish" } } } }, "a") end, "identity")
  equal(#leaderboard.kendall(rows), 0)
end)

test("whether metrics agree", function()
  local rows = {}
  for i, pair in ipairs { { 1, 3 }, { 2, 1 }, { 3, 4 }, { 4, 2 }, { 5, 5 } } do
    rows[i] = { model = "m" .. i, FID = pair[1], KID = pair[2], Recall = -pair[1] }
  end
  local found = leaderboard.kendall(rows)
  equal(#found, 3)
  for _, pair in ipairs(found) do
    local names = pair.first .. " " .. pair.second
    equal(pair.models, 5)
    -- SciPy: kendalltau([1, 2, 3, 4, 5], [3, 1, 4, 2, 5]) is 0.4; Recall is better where it is higher.
    if names == "FID Recall" then equal({ pair.tau, pair.low, pair.high }, { 1.0, 1.0, 1.0 }) else close(pair.tau, 0.4, 1e-12) end
    assert(pair.low <= pair.tau and pair.tau <= pair.high and pair.low >= -1)
  end
  equal(leaderboard.kendall(rows, { seed = 3 })[1].tau, found[1].tau)
  raises(function() leaderboard.kendall(rows, { replicates = 0 }) end, "replicates")
end)

test("runs are read", function()
  raises(function() leaderboard.read(scratch .. "/nowhere") end, "nowhere")
end)

harness.report()
