local generation = require "chexgen.generation"
local help = require "chexgen.help"

return {
  about = "Images from the prompts of a table, with the reference's names and tables.",
  params = generation.params(),
  help = help.texts,
  untyped = generation.untyped,
  check = generation.check,
  run = function(run)
    local job <close> = generation.open(run)
    local folder, csv = job:make()
    for i, item in ipairs(job.items) do
      local made, settings = job.made[i], job.settings
      run:record({
        image = item.file, seed = item.seed, steps = settings.steps, guidance_scale = settings.guidance_scale,
        scheduler = made.scheduler, lost_tokens = made.lost,
      }, { "image", "seed", "steps", "guidance_scale", "scheduler", "lost_tokens" })
    end
    local prompts, tokens = job:lost()
    if prompts > 0 then run:log("prompts that were too long: %d; tokens cut off at their ends: %d", prompts, tokens) end
    run:log("images: %d, in %s", #job.items, folder)
    run:log("their table: %s", csv)
  end,
}
