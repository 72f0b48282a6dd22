-- chexgen.metric as scripts see it.
local dataset = require "chexgen.dataset"
local metric = require "chexgen.metric"
local tensor = require "chexgen.tensor"
local harness = require "harness"
local test, equal, close, raises = harness.test, harness.equal, harness.close, harness.raises
local scratch = SCRATCH or arg[#arg]

local generator = tensor.generator(7)
local real = tensor.randn({ 60, 4 }, generator)
local synthetic = tensor.randn({ 50, 4 }, generator) * 1.5 + 1

local function moments(features) return metric.moments(4):update(features) end

test("Fréchet distance", function()
  close(metric.fid(real, real), 0, 1e-9)
  close(metric.fid(real, real + 2), 16, 1e-4)
  close(metric.fid(real, synthetic), metric.fid(synthetic, real), 1e-9)
  close(metric.fid(moments(real), synthetic), metric.fid(real, synthetic), 1e-9)
  close(metric.fid(moments(real), moments(synthetic)), metric.fid(real, synthetic), 1e-9)
  -- One dimension: (mean - mean)² + (deviation - deviation)².
  local a, b = tensor.new { { 0 }, { 2 } }, tensor.new { { 1 }, { 7 } }
  close(metric.fid(a, b), 9 + (2 ^ 0.5 - 18 ^ 0.5) ^ 2, 1e-9)
  raises(function() metric.fid(real) end, "synthetic", "Tensor or Moments")
  raises(function() metric.fid("x", real) end, "real", "string")
  raises(function() metric.fid(real, real[1]) end, "synthetic")
  raises(function() metric.fid(real, tensor.zeros { 5, 3 }) end, "4", "3")
  local bad = real:clone()
  bad[3][1] = 1 / 0
  raises(function() metric.fid(bad, real) end, "real", "3")
end)

test("moments", function()
  local whole = moments(real)
  equal(whole.count, 60)
  close(whole:mean(), real:to("f64"):mean(1):totable(), 1e-9)
  local centred = real:to "f64" - real:to("f64"):mean(1)
  close(whole:covariance(), (centred:transpose():matmul(centred) / 59):totable(), 1e-9)
  local parts = moments(real:narrow(1, 1, 13)):merge(moments(real:narrow(1, 14, 47)))
  assert(parts:mean() == whole:mean() and parts:covariance() == whole:covariance(), "shards give the whole's answer")
  whole:save(scratch .. "/moments")
  local loaded = metric.load_moments(scratch .. "/moments")
  equal(loaded.count, 60)
  assert(loaded:covariance() == whole:covariance())
  raises(function() metric.moments() end, "D")
  raises(function() metric.moments "x" end, "D", "integer")
  raises(function() whole:update(tensor.zeros { 2, 5 }) end, "5")
  raises(function() whole:update {} end, "features", "Tensor")
  raises(function() whole:merge(real) end, "other", "Moments", "Tensor")
  raises(function() whole:save() end, "path")
  raises(function() metric.load_moments(scratch .. "/none") end, "none")
  local file = assert(io.open(scratch .. "/moments", "rb"))
  local bytes = file:read "a"
  file:close()
  for _, length in ipairs { 0, 8, #bytes // 2, #bytes - 1 } do
    local cut = assert(io.open(scratch .. "/cut", "wb"))
    cut:write(bytes:sub(1, length))
    cut:close()
    raises(function() metric.load_moments(scratch .. "/cut") end, "cut")
  end
end)

test("kernel inception distance", function()
  local mean, std = metric.kid(real, synthetic, { subsets = 10, subset_size = 40 })
  assert(mean > 0 and std > 0)
  local again = metric.kid(real, synthetic, { subsets = 10, subset_size = 40, seed = 42 })
  equal(again, mean)
  assert(metric.kid(real, synthetic, { subsets = 10, subset_size = 40, seed = 1 }) ~= mean)
  -- The unbiased estimator for two points in one dimension, by hand: kernel (x y + 1)³.
  local x, y = tensor.new { { 1 }, { 2 } }, tensor.new { { 0 }, { 3 } }
  local got = metric.kid(x, y, { subsets = 1, subset_size = 2 })
  close(got, 27 + 1 - 2 * (1 + 64 + 1 + 343) / 4, 1e-9)
  close(metric.kid(x, y, { subsets = 1, subset_size = 2, degree = 1, gamma = 2, coef = 0 }), 4 + 0 - 2 * (0 + 6 + 0 + 12) / 4, 1e-9)
  metric.kid(real, synthetic, { subsets = 2, subset_size = 40, protocol = "exact" })
  raises(function() metric.kid(real, synthetic, { subset_size = 51 }) end, "subset_size", "50")
  raises(function() metric.kid(real, synthetic) end, "subset_size", "1000")
  raises(function() metric.kid(real, synthetic, { subset = 3 }) end, "subset", "subsets")
  raises(function() metric.kid(real, synthetic, { protocol = "fast" }) end, "protocol", "exact")
  raises(function() metric.kid(real, 3) end, "synthetic", "Tensor")
end)

test("inception score", function()
  local mean, std = metric.inception_score(tensor.zeros { 20, 5 }, { splits = 2 })
  close(mean, 1, 1e-9)
  close(std, 0, 1e-9)
  close(metric.inception_score(tensor.eye(4) * 1000, { splits = 1 }), 4, 1e-6)
  metric.inception_score(real, { splits = 3, seed = 1, protocol = "exact" })
  -- Six images in ten splits score 1 whatever they show.
  local six = tensor.randn({ 6, 20 }, tensor.generator(1))
  raises(function() metric.inception_score(six, { protocol = "exact" }) end, "6 images in 10 splits")
  assert(metric.inception_score(six, { protocol = "exact", splits = 1 }) > 1)
  raises(function() metric.inception_score() end, "logits", "Tensor")
  raises(function() metric.inception_score(real, { splits = 0 }) end, "splits")
  raises(function() metric.inception_score(real, { splits = math.maxinteger, protocol = "exact" }) end, "splits must be")
end)

test("precision, recall, density, coverage", function()
  local same = metric.prdc(real, real)
  equal({ same.precision, same.recall, same.coverage }, { 1.0, 1.0, 1.0 })
  local far = metric.prdc(real, real + 100, { k = 3 })
  equal({ far.precision, far.recall, far.density, far.coverage }, { 0.0, 0.0, 0.0, 0.0 })
  -- Points on a line, k = 1: radii are 1, 1, 2; the first synthetic point lies in two balls, the other in none.
  local line = metric.prdc(tensor.new { { 0 }, { 1 }, { 3 } }, tensor.new { { 0.5 }, { 9 } }, { k = 1 })
  equal({ line.precision, line.recall }, { 0.5, 1.0 })
  close(line.density, 1.0, 1e-9)
  close(line.coverage, 2 / 3, 1e-9)
  raises(function() metric.prdc(real, synthetic, { k = 60 }) end, "k")
  raises(function() metric.prdc(real, synthetic, { k = 0 }) end, "k")
  raises(function() metric.prdc(real, tensor.zeros { 9, 3 }) end, "3")
end)

test("bootstrap", function()
  local all = { "fid", "kid", "precision", "recall", "density", "coverage" }
  local found = metric.bootstrap(real, synthetic, { metrics = all, replicates = 20 })
  for _, name in ipairs(all) do
    assert(found[name].low <= found[name].estimate and found[name].estimate <= found[name].high, name)
    equal(found[name].replicates, 20)
  end
  close(found.fid.estimate, metric.fid(real, synthetic), 1e-9)
  local groups = {}
  for i = 1, 60 do groups[i] = "p" .. i // 3 end
  local by_patient = metric.bootstrap(real, synthetic, { metrics = { "fid" }, groups = groups, replicates = 20, level = 0.5 })
  assert(by_patient.fid.low ~= found.fid.low and not by_patient.kid)
  raises(function() metric.bootstrap(real, synthetic, {}) end, "metrics")
  raises(function() metric.bootstrap(real, synthetic, { metrics = { "fd" } }) end, "metrics", "fd", "fid")
  raises(function() metric.bootstrap(real, synthetic, { metrics = { "fid" }, groups = { "a" } }) end, "60")
  raises(function() metric.bootstrap(real, synthetic, { metrics = { "fid" }, replicates = 0 }) end, "replicates")
  raises(function() metric.bootstrap(real, synthetic, { metrics = { "recall" }, k = math.maxinteger }) end, "k must be")
end)

test("floor", function()
  local found = metric.floor(real, { metrics = { "fid", "kid", "coverage" }, splits = 2 })
  assert(found.fid > 0 and found.coverage > 0.9)
  equal(found.kid, 0)
  -- The fewer the images, the larger the distance of perfect ones.
  assert(metric.floor(real, { metrics = { "fid" }, size = 10 }).fid > found.fid)
  equal(metric.floor(real:narrow(1, 1, 3), { metrics = { "fid" } }).fid, nil)
  raises(function() metric.floor(real, {}) end, "metrics")
  raises(function() metric.floor(real, { metrics = { "fid" }, split = 2 }) end, "split", "splits")
  for _, name in ipairs { "fid", "coverage" } do
    raises(function() metric.floor(real, { metrics = { name }, size = math.maxinteger }) end, "size", "1000000000")
    raises(function() metric.floor(real, { metrics = { name }, k = math.maxinteger }) end, "k must be 1 to 1000000")
    raises(function() metric.floor(real, { metrics = { name }, splits = math.maxinteger }) end, "splits", "100000")
  end
  equal(metric.floor(real, { metrics = { "coverage" }, k = 1000000 }).coverage, nil)
end)

-- Sums with settings overflow nowhere, and a loop over one ends.
test("settings have bounds", function()
  for name, range in pairs(metric.bounds) do
    assert(metric.defaults[name] >= range[1] and metric.defaults[name] <= range[2], name)
    for _, value in ipairs { range[1] - 1, range[2] + 1, math.maxinteger, math.mininteger } do
      for _, way in ipairs { "exact", "chexgenbench" } do
        raises(function()
          metric.measure(real, synthetic, { statistics = { "fid", "kid", "coverage", "inception-score" }, protocol = way, [name] = value })
        end, name .. " must be")
      end
    end
  end
end)

local identity = { encoder = "gauss", weights = "none", preprocessing = "none", output = "features", dtype = "f32", device = "cpu" }

test("statistics", function()
  local names = {}
  for i, entry in ipairs(metric.statistics()) do
    names[i] = entry.name
    assert(entry.about ~= "" and (entry.direction == "lower" or entry.direction == "higher"))
  end
  equal(table.concat(names, " "), "fid inception-score kid precision recall density coverage frd")
  equal(metric.statistics()[1].column, "FID")
  equal(metric.statistics()[2].compares_with_real, false)
end)

test("measure", function()
  local found = metric.measure(real, synthetic,
    { statistics = { "fid", "kid", "precision" }, identity = identity, protocol = "exact", replicates = 20, floor_splits = 2 })
  close(found.fid.value, metric.fid(real, synthetic), 1e-12)
  assert(found.fid.low <= found.fid.value and found.fid.value <= found.fid.high)
  assert(found.fid.limit.value < found.fid.value and found.fid.limit.low < found.fid.limit.high and found.fid.floor > 0)
  equal({ found.fid.half_samples, found.kid.limit }, { 20 })
  local mean, std = metric.kid(real, synthetic, { subset_size = 50, protocol = "exact" })
  equal({ found.kid.value, found.kid.std }, { mean, std })
  equal(found.precision.identity, "metric=precision; protocol=exact; encoder=gauss; weights=none; preprocessing=none; "
    .. "output=features; dtype=f32; device=cpu; estimator=nearest-neighbour-balls; n_real=60; n_synthetic=50; seed=none; details.k=5")
  assert(found.kid.identity:find("details.subset_size=50; details.subsets=100", 1, true))
  assert(found.fid.limit.identity:find("linear in 1/N", 1, true))
  -- A row without a patient stands for itself.
  local groups = {}
  for i = 1, 60 do groups[i] = i % 7 ~= 0 and "p" .. i // 4 or false end
  local grouped = metric.measure(real, synthetic, { statistics = { "fid" }, groups = groups, replicates = 20 })
  assert(grouped.fid.low ~= found.fid.low and grouped.fid.identity == nil)
  -- What there are too few images for is said, and the others are measured.
  local few = metric.measure(real:narrow(1, 1, 4), synthetic, { statistics = { "fid", "precision" } })
  assert(few.fid.value > 0 and few.precision.value == nil and few.precision.note:find "needs 6 images on each side")
  local logits = tensor.randn({ 6, 20 }, tensor.generator(3))
  local score = metric.measure(logits, logits, { statistics = { "inception-score" }, protocol = "exact" })["inception-score"]
  assert(score.value == nil and score.note:find "needs 11 images; there are 6", score.note)
  score = metric.measure(logits, logits, { statistics = { "inception-score" } })["inception-score"]
  assert(score.value == 1 and score.note:find "6 images in 10 splits is 1" and score.low == nil)
  raises(function() metric.measure(real, synthetic, { statistics = { "fud" } }) end, "statistics", "fud", "fid")
  raises(function() metric.measure(real, synthetic, { statistics = { "fid" }, identity = { encoder = "x" } }) end, "identity.device")
  raises(function() metric.measure(real, tensor.zeros { 5, 3 }, { statistics = { "fid" } }) end, "columns")
end)

test("register", function()
  local calls = 0
  metric.register { name = "mean-shift", column = "Mean shift", size_bias = "distance", low = 0,
    value = function(a, b, settings)
      calls = calls + 1
      equal({ a:size(2), settings.k }, { real:size(2), 5 })
      return ((a:mean(1) - b:mean(1)) ^ 2):sum():item()
    end }
  local entries = metric.statistics()
  equal(entries[#entries].name, "mean-shift")
  local found = metric.measure(real, synthetic,
    { statistics = { "mean-shift" }, identity = identity, replicates = 10, floor_splits = 2 })["mean-shift"]
  close(found.value, ((real:mean(1) - synthetic:mean(1)) ^ 2):sum():item(), 1e-12)
  assert(found.low <= found.value and found.value <= found.high and found.limit.value < found.value and found.floor > 0)
  equal(calls, 1 + 10 + 2 * 3)
  assert(found.identity:find("metric=mean-shift", 1, true) and found.identity:find "estimator=script %x+;")
  -- Once more under its name it takes its own place; the program's own stay what they are.
  metric.register { name = "mean-shift", column = "Mean shift", value = function() return 0 / 0 end }
  raises(function() metric.measure(real, synthetic, { statistics = { "mean-shift" } }) end, "mean-shift", "nan")
  raises(function() metric.register { name = "fid", column = "Mine", value = print } end, "\"fid\" is the name of another statistic")
  raises(function() metric.register { name = "mine", column = "FID", value = print } end, "column")
  raises(function() metric.register { name = "mine", column = "Mine" } end, "value")
  metric.register { name = "failing", column = "Failing", value = function() error "on purpose" end }
  raises(function() metric.measure(real, synthetic, { statistics = { "failing" } }) end, "on purpose")
end)

test("a statistic with settings of its own", function()
  local seen
  local function entry(settings)
    return { name = "powered", column = "Powered", settings = settings, value = function(_, _, given)
      seen = given
      return given.power * given.rounds
    end }
  end
  local rounds = { name = "rounds", default = 3, low = 1, high = 9, about = "How often." }
  metric.register(entry { { name = "power", default = 2.0, low = 0.5, high = 4.0 }, rounds })
  local list = metric.settings()
  equal({ list[1].name, list[1].parameter, list[#list].name, list[#list].about }, { "splits", "inception_splits", "rounds", "How often." })
  equal({ math.type(list[#list].default), list[#list - 1].high }, { "integer", 4.0 })
  local function measure(settings)
    return metric.measure(real, synthetic,
      { statistics = { "powered", "recall" }, identity = identity, replicates = 0, floor_splits = 0, settings = settings })
  end
  equal(measure().powered.value, 6)
  local found = measure { power = 1.5, rounds = 4, k = 3 }
  equal({ found.powered.value, seen.power, seen.rounds, seen.k }, { 6.0, 1.5, 4, 3 })
  assert(found.powered.identity:find("power=1.5", 1, true) and found.powered.identity:find("rounds=4", 1, true))
  -- What another statistic declares is nothing to a number.
  assert(not found.recall.identity:find("power", 1, true) and found.recall.identity:find("k=3", 1, true))
  equal(metric.floor(real, { metrics = { "powered" }, splits = 1, settings = { power = 4 } }).powered, 12)
  raises(function() measure { power = 5 } end, "power must be 0.5 to 4.0, got 5.0")
  raises(function() measure { rounds = 2.5 } end, "rounds must be a whole number")
  raises(function() measure { powr = 1 } end, "unknown setting 'powr'", "power")
  raises(function() metric.register(entry { rounds, rounds }) end, "rounds")
  raises(function() metric.register(entry { { name = "k", default = 1, low = 1, high = 2 } }) end, "\"k\"")
  raises(function() metric.register(entry { { name = "seed", default = 1, low = 1, high = 2 } }) end, "\"seed\"")
  raises(function() metric.register(entry { { name = "odd", default = 9, low = 1, high = 2 } }) end, "odd must be 1 to 2")
  raises(function() metric.register(entry { { name = "odd" } }) end, "settings")
end)

test("classification", function()
  -- The numbers are scikit-learn 1.6.1's.
  local p = tensor.new { { 0.9, 0.2, 0.6 }, { 0.4, 0.8, 0.1 }, { 0.7, 0.3, 0.3 }, { 0.1, 0.6, 0.2 }, { 0.55, 0.1, 0.7 } }
  local y = tensor.new { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 1, 0 }, { 1, 0, 0 }, { 1, 0, 0 } }
  local scores = metric.classification(p, y, { names = { "a", "b", "c" } })
  close(scores.accuracy, 0.6, 1e-12)
  close(scores.subset_accuracy, 0.2, 1e-12)
  close(scores.precision_micro, 3 / 7, 1e-12)
  close(scores.recall_micro, 0.6, 1e-12)
  close(scores.f1_micro, 0.5, 1e-12)
  close(scores.precision_macro, 7 / 18, 1e-12)
  close(scores.recall_macro, 7 / 18, 1e-12)
  close(scores.f1_macro, 7 / 18, 1e-12)
  close(scores.auc_macro, 2 / 3, 1e-12)
  close(scores.per_class[1].auc, 0.5, 1e-12)
  close(scores.per_class.b.auc, 5 / 6, 1e-12)
  equal(scores.per_class.c.auc, nil)
  equal(scores.per_class[3].name, "c")
  equal(scores.per_class.a.support, 3)
  equal(scores.per_class.a.true_positives, 2)
  equal(scores.per_class.c.false_positives, 2)
  equal(metric.classification(p, y).per_class[2].name, "class 2")
  equal(metric.classification(tensor.rand { 3, 14 }, tensor.zeros { 3, 14 }).per_class[1].name, "Atelectasis")
  close(metric.classification(p, y, { threshold = 0.95 }).recall_micro, 0, 0)
  raises(function() metric.classification(p, y:narrow(1, 1, 4)) end, "5", "4")
  raises(function() metric.classification(p, y + 1) end, "label", "2")
  raises(function() metric.classification(p, y, { names = { "a" } }) end, "names", "3")
  raises(function() metric.classification(p, y, { treshold = 1 }) end, "treshold", "threshold")
end)

test("intervals of classification", function()
  local order = tensor.generator(4)
  local p, y = tensor.rand({ 60, 3 }, order), tensor.rand({ 60, 3 }, order):gt(0.6):to "f32"
  p = p * 0.7 + y * 0.3
  y[{ 1, 1 }] = 1
  local scores = metric.classification(p, y)
  local found = metric.classification_intervals(p, y, { replicates = 50, seed = 1 })
  for _, name in ipairs { "accuracy", "precision_micro", "recall_micro", "f1_micro", "precision_macro", "recall_macro",
    "f1_macro", "auc_macro" } do
    close(found[name].estimate, scores[name], 1e-12)
    assert(found[name].low < scores[name] and scores[name] < found[name].high, name)
    equal(found[name].replicates, 50)
  end
  for i, class in ipairs(found.per_class) do
    for _, name in ipairs { "precision", "recall", "f1", "auc" } do
      close(class[name].estimate, scores.per_class[i][name], 1e-12)
    end
  end
  local all = {}
  for i = 1, 60 do all[i] = "one patient" end
  close(metric.classification_intervals(p, y, { groups = all }).accuracy.std, 0, 1e-12)
  equal(metric.classification_intervals(p, p * 0).per_class[1].auc, nil)
  -- A prediction at the threshold is positive, as with the reference.
  equal(metric.classification(tensor.new { { 0.5 } }, tensor.new { { 1 } }).accuracy, 1.0)
  raises(function() metric.classification_intervals(p, y, { groups = { "a" } }) end, "1 groups", "60")
  raises(function() metric.classification_intervals(p, y, { replicates = 0 }) end, "replicates", "0")
  raises(function() metric.classification_intervals(p, y:narrow(1, 1, 5)) end, "5")
end)

test("ROC curve", function()
  local fpr, tpr, thresholds = metric.roc_curve({ 0.9, 0.8, 0.7, 0.6, 0.5, 0.1 }, { 1, 0, 1, 0, true, false })
  close(fpr, { 0, 0, 1 / 3, 1 / 3, 2 / 3, 2 / 3, 1 }, 1e-12)
  close(tpr, { 0, 1 / 3, 1 / 3, 2 / 3, 2 / 3, 1, 1 }, 1e-12)
  equal(thresholds[1]:item(), 1 / 0)
  equal(thresholds[2]:item(), 0.9)
  local same = metric.roc_curve(tensor.new({ 0.9, 0.8, 0.7, 0.6, 0.5, 0.1 }, "f64"), tensor.new { 1, 0, 1, 0, 1, 0 })
  assert(same == fpr)
  raises(function() metric.roc_curve({ 1, 2 }, { 1, 1 }) end, "both labels")
  raises(function() metric.roc_curve({ 1, 2 }, { 1 }) end, "2", "1")
  raises(function() metric.roc_curve({ 1, 2 }, { 1, 2 }) end, "labels", "2")
  raises(function() metric.roc_curve({ 1, "x" }, { 1, 0 }) end, "scores", "string")
  raises(function() metric.roc_curve(tensor.zeros { 2, 2 }, { 1, 0 }) end, "scores", "one dimension")
end)

test("confusion matrix", function()
  local counts, labels = metric.confusion_matrix({ 1, 2, 2, 0, 5 }, tensor.new({ 1, 2, 0, 0, 2 }, "i64"))
  local expected = tensor.new({ { 1, 0, 1, 0 }, { 0, 1, 0, 0 }, { 0, 0, 1, 1 }, { 0, 0, 0, 0 } }, "i64")
  assert(counts == expected, tostring(counts))
  assert(labels == tensor.new({ 0, 1, 2, 5 }, "i64"))
  raises(function() metric.confusion_matrix({ 1 }, { 1, 2 }) end, "1", "2")
  raises(function() metric.confusion_matrix({ 1.5 }, { 1 }) end, "predictions", "1.5")
end)

test("radiomics and FRD", function()
  local image = require "chexgen.image"
  local paths = { real = {}, synthetic = {} }
  local order = tensor.generator(3)
  for side, list in pairs(paths) do
    for i = 1, 17 do
      local noise = tensor.rand({ 24, 32, 1 }, order) * (side == "real" and 60 or 120)
      local ramp = tensor.arange(0, 24 * 32):reshape(24, 32, 1) / 8
      list[i] = ("%s/%s%02d.png"):format(scratch, side, i)
      image.save(list[i], image.from_tensor((noise + ramp):to "u8"))
    end
  end
  local names, values = metric.radiomics(paths.real[1])
  equal(#names, 385)
  equal(names[1], "original_firstorder_10Percentile")
  equal(values:dim(), 1)
  local _, same = metric.radiomics(image.load(paths.real[1]))
  assert(same == values)
  local few, two = metric.radiomics(paths.real[1],
    { settings = { featureClass = { ngtdm = { "Contrast" } }, imageType = { Original = {}, Wavelet = { wavelet = "haar" } } } })
  equal(#few, 5)
  equal(two:numel(), 5)

  local real = metric.radiomics_table(paths.real)
  local made = metric.radiomics_table(dataset.images(paths.synthetic))
  equal(#real, 17)
  equal(#real.names, 398)
  equal(real.paths[2], paths.real[2])
  equal(#real.skipped, 0)
  close(real:tensor():narrow(2, 14, 385)[1], values:totable(), 0)
  local value, details = metric.frd(real, made, { protocol = "exact" })
  equal(details.features, 385)
  equal(details.real, 17)
  close(value, 0.5 * math.log(details.squared_distance), 1e-9)
  assert(math.abs(details.moved[1].shift) >= math.abs(details.moved[2].shift) and details.moved[1].share <= 1)
  assert(details.identity:find("ln d", 1, true))
  local reference, of = metric.frd(paths.real, dataset.images(paths.synthetic))
  equal(of.real, 16)
  equal(#of.dropped, 2)
  equal({ of.dropped[1].path, of.dropped[1].kind }, { paths.real[17], "chunks" })
  close(reference, metric.frd(real, made, { chunks = true }), 1e-9)
  equal(metric.frd(real, real, { protocol = "exact" }), -math.huge)

  made:save(scratch .. "/made.csv")
  local loaded = metric.load_radiomics(scratch .. "/made.csv")
  assert(loaded:tensor() == made:tensor())
  close(metric.frd(real, scratch .. "/made.csv", { protocol = "exact" }), value, 1e-9)
  equal(real:select({ 3, 1 }).paths, { paths.real[3], paths.real[1] })
  equal(#real:select(tensor.new({ 2 }, "i64")), 1)

  image.save(scratch .. "/flat.png", image.from_tensor(tensor.zeros({ 20, 20, 1 }, "u8")))
  raises(function() metric.radiomics(scratch .. "/flat.png") end, "every pixel is 0")
  -- A flat picture is no bad image: it has a row without features, which a distance leaves out.
  local with_flat = metric.radiomics_table { paths.real[1], scratch .. "/flat.png", paths.real[2] }
  equal({ #with_flat, #with_flat.skipped }, { 3, 0 })
  equal({ with_flat.flat:totable(), with_flat.clipped:totable() }, { { 2 }, {} })
  local _, left = metric.frd(with_flat:select { 2, 3, 1 }, made, { protocol = "exact" })
  equal({ left.real, #left.dropped, left.dropped[1].path, left.dropped[1].kind }, { 2, 1, scratch .. "/flat.png", "features" })
  assert(left.dropped[1].reason:find "every pixel is 0")
  raises(function() metric.radiomics_table { paths.real[1], scratch .. "/none.png" } end, "none.png", "1 of 2")
  equal(#metric.radiomics_table({ paths.real[1], scratch .. "/none.png" }, { on_bad_image = "skip" }).skipped, 1)
  raises(function() metric.radiomics(paths.real[1], { settings = { setting = { binwidth = 5 } } }) end, "binwidth")
  raises(function() metric.radiomics(tensor.full({ 8, 8 }, 0 / 0)) end, "nan")
  raises(function() real:select { 18 } end, "17 rows")
  raises(function() metric.frd(real:select { 1 }, made) end, "1 real")
  raises(function() metric.load_radiomics(scratch .. "/none.csv") end, "none.csv")
end)

test("helpers", function()
  -- Python: round(2.675, 2), round(0.5, 0), round(0.0005, 3).
  equal(metric.round(2.675, 2), 2.67)
  equal(metric.round(0.5, 0), 0.0)
  equal(metric.round(0.0005), 0.001)
  raises(function() metric.round(1, 16) end, "digits")
  raises(function() metric.round() end, "value")
  local line = metric.identity { metric = "fid", seed = 42, details = { k = 5 } }
  assert(line:find "fid" and line:find "42")
  equal(line, metric.identity { seed = 42, metric = "fid", details = { k = 5 } })
  assert(line:find("details.k=5", 1, true) and line:find("device=cpu", 1, true))
  raises(function() metric.identity {} end, "metric")
  raises(function() metric.identity "x" end, "fields", "table")
end)

harness.report()
