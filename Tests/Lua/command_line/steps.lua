-- An experiment whose cells record rows that take a while each, so that a test can stop it in the middle.
local tensor = require "chexgen.tensor"
local chexgen = require "chexgen"

return {
  about = "Rows that take a while.",
  params = { rows = 40, milliseconds = 8, scale = 1.0, results = "" },
  run = function(run)
    local p = run.params
    local generator = tensor.generator(run.seed)
    local base = run:once("base", function() return tensor.randn({ 100 }, tensor.generator(run.seed + 1)) end)
    for i = 1, p.rows do
      local ends = chexgen.time() + p.milliseconds / 1000
      while chexgen.time() < ends do end
      local value = run:once("step " .. i, function() return (base:sum():item() + i) * p.scale end)
      run:record({ step = i, value = value, draw = tensor.randn({ 1 }, generator):item() }, { "step", "value", "draw" })
    end
    if p.results ~= "" then run:publish(p.results .. "/table.csv", { { "Rows", p.rows }, { "Scale", p.scale } }) end
  end,
}
