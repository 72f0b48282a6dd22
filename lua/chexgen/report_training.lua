--- Fine-tuning of a vision-language model, LLaVA-Rad where the parameters name no other, on films and their reports, as the
--- reference measures what generated films are worth: a LoRA on the language model and the projector as a whole, on a share of
--- the films.

local choices = require "chexgen.choices"
local dataset = require "chexgen.dataset"
local reporting = require "chexgen.reporting"

local training = {}

--- The parameters with their defaults, which are the reference's.
function training.params()
  local model = reporting.model()
  model.adapter = nil
  return {
    protocol = "chexgenbench",
    -- The indication is no part of the question that is trained.
    films = reporting.films { reason = "" },
    held_out = reporting.films { reason = "" },
    views = { "AP", "PA" },
    methods = { "rule-based" },
    percentage = 100,
    prompt = reporting.QUESTION,
    model = model,
    start = "",
    rank = 64,
    alpha = 128,
    dropout = 0.05,
    epochs = 5,
    batch = 16,
    accumulation = 1,
    learning_rate = 1e-4,
    warmup = 0.03,
    weight_decay = 0,
    clip_norm = 1,
    max_length = 2048,
    checkpoint_every = 50,
    on_bad_image = "stop",
  }
end

--- What a parameter is called among the options of `fit`, where it is not the same.
local OPTIONS = { rank = "rank", alpha = "alpha", dropout = "dropout", epochs = "epochs", batch = "batch", accumulation = "accumulation",
  learning_rate = "learning_rate", warmup = "warmup", weight_decay = "weight_decay", clip_norm = "clip", max_length = "max_length",
  checkpoint_every = "checkpoint_every" }

--- The look before a run.
function training.check(start)
  local params, tell = start.params, choices.teller(start)
  choices.tell(tell, "protocol", params.protocol, { "chexgenbench", "exact" })
  choices.tell(tell, "on_bad_image", params.on_bad_image, { "stop", "skip" })
  if not params.prompt:find "%S" then tell("wanted a question about the film", "prompt") end
  choices.tell_range(tell, "percentage", params.percentage, 0.001, 100)
  for name, most in pairs { rank = 4096, epochs = 100000, batch = 4096, accumulation = 4096, max_length = 1 << 20, checkpoint_every = 1 << 30 } do
    choices.tell_range(tell, name, params[name], 1, most, "integer")
  end
  choices.tell_range(tell, "alpha", params.alpha, 1e-6, 1e6)
  choices.tell_range(tell, "dropout", params.dropout, 0, 0.99)
  choices.tell_range(tell, "warmup", params.warmup, 0, 1)
  for _, name in ipairs { "learning_rate", "weight_decay", "clip_norm" } do choices.tell_range(tell, name, params[name], 0) end
  reporting.model_faults(params.model, tell)
  reporting.look_at_films(start, "films", params.films)
  if choices.is_given(params.held_out) then reporting.look_at_films(start, "held_out", params.held_out) end
  reporting.look_at_model(start, params.model)
  if params.start ~= "" then start:weights(params.start, "start", { file = "adapter_config.json" }) end
end

--- Films with their question and reports, as `fit` takes them.
local function conversations(run, key)
  local films = run.params[key]
  local rows = reporting.rows(run, films, run.params, key)
  local reports = rows:column(films.report)
  for i = 1, #rows do reports[i] = tostring(reports[i]) end
  return { images = rows, prompt = run.params.prompt, answer = reports }
end

--- Trains, keeps the adapter among the artifacts, and records each epoch.
function training.run(run)
  local params = run.params
  local checkpoint = run:artifact "checkpoint.safetensors"
  local history = run:once("training", function()
    local options = { train = conversations(run, "films"), fraction = params.percentage / 100, seed = run.seed, checkpoint = checkpoint,
      start = choices.filled(params.start), protocol = params.protocol, on_bad_image = params.on_bad_image }
    if choices.is_given(params.held_out) then options.validation = conversations(run, "held_out") end
    for parameter, option in pairs(OPTIONS) do options[option] = params[parameter] end
    options.on_epoch = function(epoch)
      run:log("epoch %d: loss %.4f%s", epoch.epoch, epoch.train_loss,
        epoch.validation_loss and (", held out %.4f"):format(epoch.validation_loss) or "")
    end
    local rad = reporting.open_model(params.model)
    local history = rad:fit(options)
    -- The folder lies beside its own description, which names it to the run.
    local description = run:artifact "adapter/adapter_config.json"
    rad:save((description:gsub("/adapter_config%.json$", "")))
    return history
  end)
  os.remove(checkpoint)
  for _, bad in ipairs(history.skipped) do run:log("left out: %s", bad.reason) end
  if #history.skipped > 0 then dataset.write_csv(run:artifact "skipped.csv", { "index", "path", "reason" }, history.skipped) end
  local steps = {}
  for i, step in ipairs(history.steps) do steps[i] = { step.step, step.epoch, step.loss, step.learning_rate, step.gradient_norm } end
  dataset.write_csv(run:artifact "steps.csv", { "step", "epoch", "loss", "learning_rate", "gradient_norm" }, steps)
  for _, epoch in ipairs(history.epochs) do
    run:record({ ["Epoch"] = epoch.epoch, ["Training loss"] = epoch.train_loss, ["Held-out loss"] = epoch.validation_loss,
      ["Percentage"] = params.percentage, ["Images left out"] = #history.skipped, ["Protocol"] = params.protocol,
      ["Note"] = choices.filled(table.concat(history.notes, "; ")),
      ["Training loss direction"] = "lower", ["Held-out loss direction"] = epoch.validation_loss and "lower" },
      { "Epoch", "Training loss", "Held-out loss", "Percentage", "Images left out", "Protocol", "Training loss direction",
        "Held-out loss direction", "Note" })
  end
end

return training
