local help = require "chexgen.help"
local training = require "chexgen.report_training"

return {
  about = "Fine-tuning of LLaVA-Rad on films and their reports: a LoRA and the projector, on a share of the films.",
  params = training.params(),
  help = help.with { ["batch"] = "films whose reports' tokens make one loss",
    ["prompt"] = "the question about every film",
    ["protocol"] = "what becomes of 16-bit films that 8 bits cut to white: chexgenbench counts them, exact refuses them",
    ["percentage"] = "the share of the films that is trained on, drawn by the seed; a smaller share is part of a larger",
    ["clip_norm"] = "the largest norm of all gradients together; 0 does not clip",
    ["learning_rate"] = "the learning rate at its highest, behind the warm-up",
    ["model.projector"] = "the projector's file that training begins with" },
  check = training.check,
  run = training.run,
}
