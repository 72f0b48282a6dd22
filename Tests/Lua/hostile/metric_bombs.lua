-- Sizes and settings of metrics that make no sense are errors.
-- options: --limit-memory 600
-- expect: 0 refused
local tensor, metric = require "chexgen.tensor", require "chexgen.metric"
local generator = tensor.generator(1)
local f = tensor.randn({ 20, 4 }, generator)
local big = math.maxinteger
local nan = f:clone()
nan[3][2] = 0 / 0
local ways = {
  function() metric.moments(big) end,
  function() metric.moments(1 << 31) end,
  function() metric.moments(0) end,
  function() metric.moments(-1) end,
  function() metric.moments(4):update(tensor.randn({ 20, 5 }, generator)) end,
  function() metric.moments(4):merge(metric.moments(5)) end,
  function() metric.moments(4):mean() end,
  function() metric.moments(4):covariance() end,
  function() metric.fid(f, metric.moments(4)) end,
  function() metric.fid(f, tensor.randn({ 20, 5 }, generator)) end,
  function() metric.fid(f, tensor.randn({ 1, 4 }, generator)) end,
  function() metric.fid(f, tensor.zeros { 0, 4 }) end,
  function() metric.fid(f, tensor.zeros { 4, 0 }) end,
  function() metric.fid(f, tensor.zeros { 4 }) end,
  function() metric.fid(f, nan) end,
  function() metric.fid(tensor.ones({ 1, 1 }):expand(1 << 20, 1 << 20), f) end,
  function() metric.kid(f, f, { subset_size = 21 }) end,
  function() metric.kid(f, f, { subset_size = 0 }) end,
  function() metric.kid(f, f, { subset_size = -1 }) end,
  function() metric.kid(f, f, { subset_size = 10, subsets = 0 }) end,
  function() metric.kid(f, f, { subset_size = 10, subsets = big }) end,
  function() metric.kid(f, f, { subset_size = 10, degree = -1 }) end,
  function() metric.kid(f, f, { subset_size = 10, seed = -1 }) end,
  function() metric.kid(f, f, { subset_size = 10, seed = 1 << 32 }) end,
  function() metric.kid(f, f, { subset_size = 10, gamma = 0 / 0 }) end,
  function() metric.kid(f, nan, { subset_size = 10 }) end,
  function() metric.inception_score(f, { splits = 0 }) end,
  function() metric.inception_score(f, { splits = 2, seed = -1 }) end,
  function() metric.inception_score(f, { splits = 2, seed = 1 << 32 }) end,
  function() metric.inception_score(nan, { splits = 2 }) end,
  function() metric.prdc(f, f, { k = 0 }) end,
  function() metric.prdc(f, f, { k = big }) end,
  function() metric.prdc(f, f, { k = -3 }) end,
  function() metric.prdc(f, f, { k = 20 }) end,
  function() metric.prdc(f, nan) end,
  function() metric.bootstrap(f, f, { metrics = { "fid" }, replicates = big }) end,
  function() metric.bootstrap(f, f, { metrics = { "fid" }, replicates = 0 }) end,
  function() metric.bootstrap(f, f, { metrics = { "fid" }, level = 2 }) end,
  function() metric.bootstrap(f, f, { metrics = { "fid" }, level = 0 / 0 }) end,
  function() metric.bootstrap(f, f, { metrics = { "fit" } }) end,
  function() metric.bootstrap(f, f, { metrics = { "fid" }, groups = { "a" } }) end,
  function() metric.floor(f, { metrics = { "fid" }, splits = big }) end,
  function() metric.floor(f, { metrics = { "fid" }, splits = 0 }) end,
  function() metric.floor(f, { metrics = { "fid" }, size = -1 }) end,
  function() metric.floor(f, { metrics = { "fid" }, groups = {} }) end,
  function() metric.round(1, 400) end,
  function() metric.round("x") end,
}
for index, way in ipairs(ways) do
  local ok, reason = pcall(way)
  assert(not ok, "way " .. index .. " did not fail")
  assert(type(reason) == "string" and #reason < 500)
end
print("refused")
