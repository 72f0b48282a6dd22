local choices = require "chexgen.choices"
local dataset = require "chexgen.dataset"
local fidelity = require "chexgen.fidelity"
local help = require "chexgen.help"
local plot = require "chexgen.plot"

--- Writes the features with how far their means moved, the farthest first.
local function write_ranking(run, moved)
  local path, rows = run:artifact("moved_features.csv"), {}
  for rank, item in ipairs(moved) do rows[rank] = { rank, item.name, item.shift, item.share } end
  dataset.write_csv(path, { "rank", "feature", "shift", "share" }, rows)
  return path
end

--- Draws how far the features moved that moved most, the farthest on top, with the direction beside their names. Where one
--- dwarfs the others the axis is logarithmic.
local function chart(run, moved, count)
  local names, distances = {}, {}
  for rank = 1, count do
    local item = moved[rank]
    names[rank] = item.name .. (item.shift < 0 and " ↓" or " ↑")
    distances[rank] = item.shift ~= 0 and math.abs(item.shift) or 0 / 0
  end
  return plot.bar {
    path = run:artifact("moved_features.svg"), categories = names, horizontal = true, series = { { values = distances } },
    title = "Radiomic features that moved most", logx = distances[1] > 30 * distances[count],
    xlabel = "shift in standard deviations of the real set (↑ greater, ↓ smaller)",
    width = 1000, height = 180 + 28 * count,
  }
end

return {
  about = "The Fréchet Radiomics Distance, which needs no weights, and which radiomic features moved most.",
  params = fidelity.params { protocol = "exact", shown = 15 },
  help = help.texts,
  check = function(start)
    fidelity.check(start)
    choices.tell_range(choices.teller(start), "shown", start.params.shown, 1)
  end,
  run = function(run)
    local params = run.params
    local study = fidelity.open(run)
    study:embed()
    local row, moved = study:measure_all()
    study:show(row)
    if moved and #moved > 0 then
      run:log("%-4s %-52s %10s %8s", "rank", "feature", "shift (sd)", "share")
      local shown = math.min(params.shown, #moved, 200)
      for rank = 1, shown do
        local item = moved[rank]
        run:log("%-4d %-52s %10.3f %7.1f%%", rank, item.name, item.shift, 100 * item.share)
      end
      run:log("all %d features: %s", #moved, write_ranking(run, moved))
      -- The numbers count where no picture can be drawn, for want of gnuplot.
      local drawn, picture = pcall(chart, run, moved, shown)
      run:log(drawn and "the same as a picture: %s" or "no picture of them: %s", drawn and picture or choices.reason(picture))
    end
    study:publish(row, "image_generation_metrics.csv")
  end,
}
