--- A statistic of a script's own, as docs/scripts.md has it.
local metric = require "chexgen.metric"

metric.register {
  name = "mean-shift",
  column = "Mean shift",
  about = "The squared distance between the means of the features.",
  size_bias = "distance",
  low = 0,
  value = function(real, synthetic) return ((real:mean(1) - synthetic:mean(1)) ^ 2):sum():item() end,
}
