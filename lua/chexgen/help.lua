--- What the parameters of experiments mean, as `chexgen params` prints it: one text for each, by its dotted name, whichever
--- experiments have it. An experiment gives the texts in its field `help`; where a parameter means something else, or is its own,
--- `help.with` takes its text.

local metric = require "chexgen.metric"
local model = require "chexgen.model"

local help = {}

-- The names of entries.
local function names_of(entries)
  local names = {}
  for i, entry in ipairs(entries) do names[i] = entry.name end
  return names
end

help.texts = {
  -- All studies.
  ["protocol"] = "chexgenbench: the reference's numbers, quirks and all; exact: what the metrics' papers say",
  ["name"] = "the model's name in the tables, their column \"Extra Info\"",
  ["results"] = "the folder of the tables that runs share; each run appends its rows",
  ["on_other_identity"] = "when a shared table holds numbers of another identity: refuse the row, or mark it",
  ["batch"] = "images that a network gets at a time",
  ["on_bad_image"] = "when an image cannot be read: stop, with the list of all such, or skip, list and count them",
  ["encoders"] = "the encoders that are measured with: NAME: { weights: FILE, FOLDER or Hub name, dtype: f32 or bf16, device: cpu }",
  ["modules"] = "Lua modules beside the experiment or its YAML that register encoders, models or statistics",
  ["bootstrap"] = "half-samples of which an interval is made; 0 for no intervals",
  ["floor_splits"] = "splits of the real images of which the floor is made: what perfect images would get; 0 for no floor",

  -- Tables of images.
  ["real.csv"] = "the table of real images, one row an image",
  ["real.image_dir"] = "the folder that the real table's paths begin at",
  ["real.image"] = "the real table's column of image paths",
  ["real.prompt"] = "the real table's column of prompts",
  ["real.labels"] = "the real table's column of CheXpert labels",
  ["real.id"] = "the real table's column that names its rows; the number of the row where empty",
  ["real.folder"] = "a folder of real images, with those below it, in place of a table",
  ["real.pattern"] = "which files of the folder, such as *.png; all images where empty",
  ["real.prompts"] = "where the prompts of the folder's images come from: none, txt (a text file beside each) or name (their names)",
  ["synthetic.csv"] = "the table of synthetic images, one row an image",
  ["synthetic.image_dir"] = "the folder that the synthetic table's paths begin at",
  ["synthetic.image"] = "the synthetic table's column of image paths",
  ["synthetic.prompt"] = "the synthetic table's column of the prompts that the images were made from",
  ["synthetic.labels"] = "the synthetic table's column of CheXpert labels",
  ["synthetic.id"] = "the synthetic table's column that names its rows; the number of the row where empty",
  ["synthetic.folder"] = "a folder of synthetic images, with those below it, in place of a table",
  ["synthetic.pattern"] = "which files of the folder, such as *.png; all images where empty",
  ["synthetic.prompts"] = "where the prompts of the folder's images come from: none, txt (a text file beside each) or name (their names)",

  -- Fidelity.
  ["alignment_encoder"] = "the encoder that films and prompts are compared by: " .. table.concat(model.image_texts, ", "),
  ["settings"] = "settings of statistics that modules register: { NAME: VALUE }",
  ["frd"] = "measure the Fréchet Radiomics Distance, which needs no weights",
  ["radiomics"] = "a YAML file with pyradiomics' settings; the reference's settings where empty",
  ["shown"] = "how many of the features that moved most are printed and drawn",
  ["pathologies"] = "all, one of the fourteen CheXpert pathologies, or a list of them: a row for each",
  ["subgroups"] = "columns of the real table, such as [view, sex]: a row for each of their values",
  ["crosses"] = "pairs of columns or pathologies, such as [[view, sex], [Edema, view]]: a row for each pair of values",
  ["bands"] = "for columns of numbers, the edges between groups: { age: [40, 60, 80] }",

  -- Generation.
  ["model"] = "the generator: a name such as SD-V1-5 (chexgen doctor lists them), a registered one, a folder or a Hub name",
  ["weights"] = "a fine-tuned copy of the model: a folder in diffusers' layout, or a Hub name",
  ["lora"] = "a LoRA file, { path, scale }, or a list of them; merged into the weights",
  ["stream"] = "hold a block of a network at a time, where the weights do not fit into memory",
  ["prompts.csv"] = "the table of prompts",
  ["prompts.prompt"] = "its column of prompts",
  ["prompts.folder"] = "a folder of films, with those below it, in place of the table: their prompts are taken",
  ["prompts.pattern"] = "which films of the folder, such as *.png; all images where empty",
  ["prompts.prompts"] = "where the prompts of the folder's films are: txt (a text file beside each) or name (their names)",
  ["prompts.id"] = "its column that names the files; the column id, or the number of the row, where empty",
  ["negative_prompt"] = "what the images shall not show; used where the guidance scale is above 1",
  ["subset"] = "how many prompts are taken, drawn as the reference draws them; 0 takes all",
  ["subset_seed"] = "the seed of that drawing",
  ["shard"] = "which part of the prompts this run makes, from 1",
  ["shards"] = "how many parts there are, for as many machines",
  ["overflow"] = "when a prompt has too many tokens: truncate it, and count what is lost, or error",
  ["tiled"] = "decode in overlapping tiles: less memory for large images, slightly other values",
  ["steps"] = "steps of the scheduler; the model's own where not set",
  ["guidance_scale"] = "the weight of the prompt; the model's own where not set, 1 is the prompt alone with half the work",
  ["scheduler"] = "ddim, ddpm, pndm, euler, euler_ancestral, dpm_solver_multistep or flow_match_euler; the model's own where not set",
  ["width"] = "pixels, a multiple of 8; the model's own where not set",
  ["height"] = "pixels, a multiple of 8; the model's own where not set",
  ["eta"] = "the weight of fresh noise in every step of ddim, 0 to 1",
  ["sheet.images"] = "images of each cell on the contact sheet",
  ["sheet.size"] = "pixels of each of them",

  -- Privacy.
  ["n"] = "prompts of the real table that are looked at, drawn as the reference draws them; 0 takes all",
  ["seeds"] = "with a model: the seeds of the films that are made of each prompt",
  ["thresholds"] = "scores; how many films are strictly above each is counted",
  ["search"] = "compare with every film of the real table, not only with the prompt's own, and calibrate by its patients",
  ["nearest"] = "with search: how many of the nearest films are listed",
  ["false_positive_rate"] = "with search: the share of pairs of different patients that the calibrated threshold takes for one",
  ["reid_encoder"] = "the encoder that says how likely two films are of one patient; a registered one with a method similarity",
  ["latent_encoder"] = "the encoder whose features distances are taken of",
  ["calibration_films"] = "with search: at most so many real films are looked for among those of other patients",
  ["real.patient"] = "the real table's column of patients; where empty found by name, or in MIMIC-CXR's paths",
  ["compat"] = "also what the reference computes by mistake, in columns of their own",
  ["gallery"] = "how many of the most suspicious pairs are shown side by side",

  -- Curation.
  ["columns"] = "keep by columns of the table: { quality: { none_of: [Low Quality] }, score: { at_least: 0.5 } }",
  ["alignment"] = "keep by the cosine of film and prompt: { at_least: 0.3 }",
  ["reid"] = "keep by the highest probability that a real film is of the same patient: { at_most: 0.85 }",
  ["distance"] = "keep by the distance to the nearest real film, of RAD-DINO's features: { at_least: 0.1 }",
  ["balance"] = "the most films of a pathology: { cap: 1000, pathologies: all, or a list }",
  ["files"] = "how the films come into the run folder: hardlink, symlink, copy or none",

  -- Reports.
  ["films.csv"] = "the table of films with their reports",
  ["films.image_dir"] = "the folder that its paths begin at",
  ["films.image"] = "its column of image paths",
  ["films.report"] = "its column of what radiologists wrote",
  ["films.reason"] = "its column of indications, which the reference's question names; none where empty",
  ["films.view"] = "its column of views; films of every view where empty",
  ["films.method"] = "its column of how reports were made; all where empty",
  ["films.folder"] = "a folder of films, with those below it, in place of a table",
  ["films.pattern"] = "which files of the folder, such as *.png; all images where empty",
  ["films.prompts"] = "where the reports of the folder's films come from: txt (a text file beside each) or name (their names)",
  ["views"] = "the views that count; all where empty",
  ["methods"] = "the ways of making reports that count; all where empty",
  ["percentage"] = "the share of the films that the adapter was trained on, which goes into the names of the tables",
  ["prompt"] = "the question about a film in training, and under exact in the test",
  ["model.name"] = "which vision-language model: " .. table.concat(names_of(model.vision_languages()), ", "),
  ["model.base"] = "the language model: a folder, or a Hub name in the local cache",
  ["model.adapter"] = "the LoRA's folder, with LLaVA's config.json and non_lora_trainables.bin",
  ["model.projector"] = "the projector's file; the adapter's where empty",
  ["model.vision"] = "what sees: a folder with open_clip's .json and .pt",
  ["reports.csv"] = "a table of reports that exist already, in place of films that a model writes reports of",
  ["reports.report"] = "its column of generated reports",
  ["reports.reference"] = "its column of what radiologists wrote",
  ["labelers"] = "what says what reports state: chexbert and radgraph, each { weights: FILE, tokenizer: FOLDER }, or {} for the Hub's",
  ["max_new_tokens"] = "the most tokens of a report",
  ["held_out.csv"] = "a table of films whose loss is measured behind each epoch; none where empty",
  ["held_out.image_dir"] = "the folder that its paths begin at",
  ["held_out.image"] = "its column of image paths",
  ["held_out.report"] = "its column of what radiologists wrote",
  ["held_out.reason"] = "its column of indications, which training does not read",
  ["held_out.view"] = "its column of views; films of every view where empty",
  ["held_out.method"] = "its column of how reports were made; all where empty",
  ["held_out.folder"] = "a folder of such films, with those below it, in place of a table",
  ["held_out.pattern"] = "which files of the folder, such as *.png; all images where empty",
  ["held_out.prompts"] = "where the reports of the folder's films come from: txt (a text file beside each) or name (their names)",
  ["start"] = "an adapter's folder whose matrices training begins with; fresh ones where empty",
  ["rank"] = "channels of the adapter beside each linear layer",
  ["alpha"] = "the adapter's product is multiplied by alpha / rank",
  ["dropout"] = "the share of an adapter's inputs that is dropped in training",
  ["accumulation"] = "batches a step",
  ["warmup"] = "the share of the steps that the learning rate rises in; then it falls as a cosine to 0",
  ["max_length"] = "the longest text in tokens, the film's included; longer ones are cut",
  ["checkpoint_every"] = "steps between two checkpoints, from which a run goes on",

  -- Classification.
  ["setting"] = "what is trained on: all_original, all_synthetic, mixed or augmented",
  ["synthetic_share"] = "of mixed: the share of synthetic films, 0 to 1",
  ["train.csv"] = "the table of the training, one row a study",
  ["train.real_dir"] = "the folder that paths of real films begin at",
  ["train.synthetic_dir"] = "the folder that paths of synthetic films begin at",
  ["train.real"] = "its column of real films",
  ["train.synthetic"] = "its column of synthetic films",
  ["train.labels"] = "its column of CheXpert labels",
  ["train.id"] = "its column that names the rows; where empty the column id, if mixed needs one",
  ["train.patient"] = "its column of patients; where empty found by name, or in MIMIC-CXR's paths",
  ["test.csv"] = "the table of the test, real films alone",
  ["test.image_dir"] = "the folder that its paths begin at",
  ["test.image"] = "its column of image paths",
  ["test.labels"] = "its column of CheXpert labels",
  ["test.patient"] = "its column of patients; where empty found by name, or in MIMIC-CXR's paths",
  ["network"] = "what is trained: " .. table.concat(model.classifiers, ", "),
  ["validation"] = "what the training sets aside for validation: a share below 1, or a number of rows",
  ["epochs"] = "passes over the training films",
  ["learning_rate"] = "the optimizer's learning rate at the start",
  ["weight_decay"] = "the optimizer's weight decay",
  ["optimizer"] = "adam, adamw or sgd, as PyTorch has them",
  ["schedule"] = "how the learning rate changes: plateau, cosine, step or constant",
  ["clip_norm"] = "the largest norm of a gradient; 0 does not clip",
  ["augment"] = "flip training films, and turn them by up to 10 degrees",
  ["uncertain"] = "what the label -1 counts as in training: 0 to 1, or ignore; 0 where not set",
  ["missing"] = "what no mention counts as in training: 0 to 1, or ignore; 0 where not set",
  ["test_uncertain"] = "what the label -1 counts as in the test: 0 or 1",
  ["test_missing"] = "what no mention counts as in the test: 0 or 1",
  ["threshold"] = "the probability from which a film counts as positive",
  ["save_predictions"] = "keep the probabilities of every test film as an artifact",
}

--- A sentence of a declaration as a text among the others.
local function as_text(about)
  local text = about:gsub("%.$", "")
  -- An abbreviation stays as it is.
  return text:find "^%u%u" and text or (text:gsub("^%u", string.lower))
end

-- What statistics have of their own, as they declare it.
for _, setting in ipairs(metric.settings()) do
  if not help.texts[setting.parameter] then help.texts[setting.parameter] = as_text(setting.about) end
end

-- Parts of models that lie in several places.
for _, part in ipairs(model.pipeline_places()) do
  if not help.texts[part.name] then help.texts[part.name] = ("of %s: %s"):format(part.family, as_text(part.about)) end
end

-- What families of generators take of their own, as they say it, and which do.
for _, option in ipairs(model.pipeline_options()) do
  local text = as_text(option.about)
  if not help.texts[option.name] then
    help.texts[option.name] = option.classes[1] and ("%s; of %s"):format(text, table.concat(option.classes, ", ")) or text
  end
end

--- The texts with those of one experiment over them.
function help.with(own)
  local texts = {}
  for name, text in pairs(help.texts) do texts[name] = text end
  for name, text in pairs(own) do texts[name] = text end
  return texts
end

return help
