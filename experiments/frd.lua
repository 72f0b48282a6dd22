local fidelity = require "chexgen.fidelity"

--- Writes the features with how far their means moved, the farthest first.
local function write_ranking(run, moved)
  local path = run:artifact("moved_features.csv")
  local file <close> = assert(io.open(path, "w"))
  file:write("rank,feature,shift,share\n")
  for rank, item in ipairs(moved) do
    file:write(("%d,%s,%.17g,%.17g\n"):format(rank, item.name, item.shift, item.share))
  end
  return path
end

return {
  about = "The Fréchet Radiomics Distance, which needs no weights, and which radiomic features moved most.",
  params = fidelity.params { protocol = "exact", shown = 15 },
  run = function(run)
    local params = run.params
    local study = fidelity.open(run)
    study:embed()
    local row = study:measure()
    local moved = row.moved
    study:show(row)
    if moved then
      run:log("%-4s %-52s %10s %8s", "rank", "feature", "shift (sd)", "share")
      for rank = 1, math.min(params.shown, #moved) do
        local item = moved[rank]
        run:log("%-4d %-52s %10.3f %7.1f%%", rank, item.name, item.shift, 100 * item.share)
      end
      run:log("all %d features: %s", #moved, write_ranking(run, moved))
    end
    study:publish(row, "image_generation_metrics.csv")
  end,
}
