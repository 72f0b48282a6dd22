-- Reports: their metrics, and what says what they state.
local dataset = require "chexgen.dataset"
local metric = require "chexgen.metric"
local model = require "chexgen.model"
local tensor = require "chexgen.tensor"
local harness = require "harness"
local small = require "small_labeler"
local test, equal, close, raises = harness.test, harness.equal, harness.close, harness.raises
local scratch = SCRATCH or arg[#arg]

local written = { "No pleural effusion. The heart is normal.", "Mild edema, 1.5 cm nodule.", "" }
local found = { "No pleural effusion. The heart is enlarged.", "Mild edema.", "Clear lungs." }

test("BLEU", function()
  -- sacrebleu 2.6.0.
  close(metric.bleu(found, written), 59.02155515587521, 1e-9)
  close(metric.bleu(found, written, { n = 1 }), 68.6038455689853, 1e-9)
  equal(metric.bleu(written, written), 100.0)
  equal({ metric.bleu({ "" }, { "x" }) }, { 0.0 })
  local score, interval = metric.bleu(found, written, { n = 1, replicates = 500 })
  equal({ interval.median, interval.replicates }, { score, 500 })
  assert(interval.low < interval.high)
  raises(function() metric.bleu(found, { "x" }) end, "candidates has 3 rows, references 1")
  raises(function() metric.bleu({}, {}) end, "bleu", "no rows")
  raises(function() metric.bleu({ "a", 3 }, { "a", "b" }) end, "candidates", "2")
  raises(function() metric.bleu(found, written, { n = 17 }) end, "17")
  raises(function() metric.bleu(found, written, { replicates = -1 }) end, "replicates", "-1")
  raises(function() metric.bleu(found, written, { seed = -1 }) end, "seed")
end)

test("ROUGE-L", function()
  local mean, scores, interval = metric.rouge_l(found, written)
  equal({ scores:dtype(), scores:shape(), interval }, { "f64", { 3 }, nil })
  close(scores, { 6 / 7, 1 / 2, 0 }, 1e-12)
  close(mean, (6 / 7 + 1 / 2) / 3, 1e-12)
  equal(select(3, metric.rouge_l(written, written, { replicates = 20 })).replicates, 20)
  raises(function() metric.rouge_l(found, "x") end, "references")
  raises(function() metric.rouge_l({ "a" }, { "a", "b" }) end, "rouge_l", "references 2")
end)

test("F1 of CheXbert's classes", function()
  local a, b = tensor.zeros({ 3, 14 }, "i64"), tensor.zeros({ 3, 14 }, "i64")
  local edema, fracture = 4, 6
  equal({ dataset.pathologies[edema], dataset.pathologies[fracture] }, { "Edema", "Fracture" })
  a[{ 1, edema }], a[{ 2, edema }], a[{ 3, fracture }] = 1, 3, 1
  b[{ 1, edema }], b[{ 2, edema }], b[{ 3, fracture }] = 1, 1, 2
  local f = metric.f1_chexbert(a, b)
  -- One right, one missed, one too many.
  close(f.micro_14, 2 / 4, 1e-12)
  close(f.macro_14, (2 / 3) / 14, 1e-12)
  close(f.micro_5, 2 / 3, 1e-12)
  close(f.macro_5, (2 / 3) / 5, 1e-12)
  equal({ f.micro_4, f.macro_4 }, { 0.0, 0.0 })
  equal(f.per_class.Edema.support, 2)
  close(f.per_class.Edema.recall, 0.5, 0)
  equal(f.intervals, nil)
  local positive = metric.f1_chexbert(a, b, { uncertain = "positive", replicates = 50 })
  close(positive.per_class.Edema.f1, 1, 0)
  equal(positive.intervals.micro_14.replicates, 50)
  raises(function() metric.f1_chexbert(a, b + 3) end, "references", "row 1", "4")
  raises(function() metric.f1_chexbert(a, b:narrow(1, 1, 2)) end, "candidates has 3 rows, references 2")
  raises(function() metric.f1_chexbert(a:narrow(2, 1, 5), b) end, "candidates", "[3, 5]")
  raises(function() metric.f1_chexbert(a, b, { uncertain = "maybe" }) end, "uncertain", "positive")
end)

test("F1-RadGraph", function()
  local function report(...) return { entities = { ... } } end
  local one = report({ tokens = "Effusion", label = "OBS-DP", first = 2, last = 2, relations = { { "located_at", 2 } } },
    { tokens = "left", label = "ANAT-DP", relations = {} })
  local two = report({ tokens = "effusion", label = "OBS-DP", relations = { { "located_at", 2 } } },
    { tokens = "left", label = "ANAT-DP" })
  local mean, rewards = metric.f1_radgraph({ one, one, one }, { one, two, report() })
  close(rewards, { 1, 0.5, 0 }, 1e-12)
  close(mean, 0.5, 1e-12)
  equal(rewards:dtype(), "f64")
  close(metric.f1_radgraph({ one }, { two }, { reward = "simple" }), 0.5, 1e-12)
  -- Relations are compared in lower case.
  close(metric.f1_radgraph({ one }, { two }, { reward = "complete" }), 1, 1e-12)
  equal(select(3, metric.f1_radgraph({ one, two }, { two, two }, { replicates = 9 })).replicates, 9)
  raises(function() metric.f1_radgraph({ one }, { {} }) end, "references[1].entities")
  raises(function() metric.f1_radgraph({ one, report { tokens = "x" } }, { one, one }) end, "candidates[2].entities[1].label")
  raises(function() metric.f1_radgraph({ report { tokens = "x", label = "y", relations = { { "z", 7 } } } }, { one }) end,
    "entity 7 of 1")
  raises(function() metric.f1_radgraph({ report { tokens = "x", label = "y", relations = { { 1 } } } }, { one }) end,
    "relations[1]")
  raises(function() metric.f1_radgraph({ one }, { one }, { reward = "all" }) end, "reward", "partial")
end)

test("findings of reports", function()
  local words = small.make(scratch)
  local labeler = model.labeler("chexbert", { weights = scratch .. "/chexbert.safetensors", tokenizer = scratch .. "/vocab.txt" })
  equal({ labeler.name, labeler.dtype, labeler.identity.encoder }, { "chexbert", "f32", "chexbert" })
  local texts = { "No pleural effusion.", "", "Mild edema.", " \n ", ("word "):rep(600), "no\tpleural  EFFUSION." }
  local classes = labeler:labels(texts)
  equal({ classes:shape(), classes:dtype() }, { { 6, 14 }, "i64" })
  assert(classes:ge(0):all() and classes:le(3):all())
  equal(classes[1]:totable(), classes[6]:totable())
  equal(classes[2]:totable(), classes[4]:totable())
  equal(labeler:labels("Mild edema."):totable(), { classes[3]:totable() })
  equal(labeler:labels({}):shape(), { 0, 14 })
  equal(metric.f1_chexbert(classes, classes).per_class[dataset.pathologies[1]].support,
    math.tointeger(classes:eq(1):to("i64"):sum(1)[1]:item()))
  local folder = model.labeler("chexbert", { weights = scratch .. "/chexbert.safetensors", tokenizer = scratch, dtype = "bf16" })
  equal({ folder.dtype, folder:labels(texts):shape() }, { "bf16", { 6, 14 } })
  raises(function() labeler:labels { "fine", 3 } end, "texts", "2")
  raises(function() model.labeler "radchex" end, "name", "chexbert")
  raises(function() model.labeler("chexbert", { weights = scratch .. "/none.pth" }) end, "none.pth")
  raises(function() model.labeler("chexbert", { weights = scratch .. "/chexbert.safetensors", tokenizer = scratch .. "/none" }) end, "none")
  local short = small.weights(words - 1)
  tensor.save(scratch .. "/short.safetensors", short)
  raises(function() model.labeler("chexbert", { weights = scratch .. "/short.safetensors", tokenizer = scratch }) end, "tokens")
  short["module.linear_heads.13.bias"] = nil
  tensor.save(scratch .. "/missing.safetensors", short)
  raises(function() model.labeler("chexbert", { weights = scratch .. "/missing.safetensors", tokenizer = scratch }) end, "missing.safetensors")
end)

test("entities of reports", function()
  local place = { weights = scratch .. "/chexbert.safetensors", tokenizer = scratch }
  raises(function() model.labeler("chexbert", place):annotate "No edema." end, "annotate", "chexbert", "labels")
  raises(function() model.labeler("radgraph", place) end, "chexbert.safetensors", "tar archive")
  raises(function() model.labeler("radgraph", { weights = scratch .. "/none.tar.gz" }) end, "none.tar.gz")
end)

harness.report()
