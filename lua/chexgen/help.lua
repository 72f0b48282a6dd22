--- What the parameters of experiments mean, as `chexgen params` prints it: one text for each, by its dotted name, whichever
--- experiments have it. An experiment gives the texts in its field `help`; where a parameter means something else, or is its own,
--- `help.with` takes its text.

local help = {}

help.texts = {
  -- All studies.
  ["protocol"] = "chexgenbench: the reference's numbers, quirks and all; exact: what the metrics' papers say",
  ["name"] = "the model's name in the tables, their column \"Extra Info\"",
  ["results"] = "the folder of the tables that runs share; each run appends its rows",
  ["on_other_identity"] = "when a shared table holds numbers of another identity: refuse the row, or mark it",
  ["batch"] = "images that a network gets at a time",
  ["on_bad_image"] = "when an image cannot be read: stop, with the list of all such, or skip, list and count them",
  ["encoders"] = "the encoders that are measured with: NAME: { weights: FILE, FOLDER or Hub name, dtype: f32 or bf16 }",
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
  ["nearest_k"] = "neighbours that precision, recall, density and coverage look at",
  ["kid_subsets"] = "exact: subsets that KID averages over",
  ["kid_subset_size"] = "exact: images of each of KID's subsets; chexgenbench takes one subset as large as the smaller set",
  ["inception_splits"] = "parts that the Inception Score averages over",
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
  ["max_sequence_length"] = "tokens that a prompt may have, of models that let one choose",
  ["instruction"] = "what is put before the prompt: Sana's own instruction (true), none (false), or a text",
  ["system_prompt"] = "what is put before the prompt, of models that have a system prompt",
  ["cfg_trunc_ratio"] = "the share of the steps, from the first, in which the guidance scale works; of Lumina 2",
  ["cfg_normalization"] = "scale the guided answer to the length of the prompt's answer; of Lumina 2",
  ["sheet.images"] = "images of each cell on the contact sheet",
  ["sheet.size"] = "pixels of each of them",

  -- Privacy.
  ["n"] = "prompts of the real table that are looked at, drawn as the reference draws them; 0 takes all",
  ["seeds"] = "with a model: the seeds of the films that are made of each prompt",
  ["thresholds"] = "scores; how many films are strictly above each is counted",
  ["search"] = "compare with every film of the real table, not only with the prompt's own, and calibrate by its patients",
  ["nearest"] = "with search: how many of the nearest films are listed",
  ["false_positive_rate"] = "with search: the share of pairs of different patients that the calibrated threshold takes for one",
  ["calibration_films"] = "with search: at most so many real films are looked for among those of other patients",
  ["compat"] = "also count what the reference computes by mistake, in a column of its own",
  ["gallery"] = "how many of the most suspicious pairs are shown side by side",

  -- Curation.
  ["columns"] = "keep by columns of the table: { quality: { none_of: [Low Quality] }, score: { at_least: 0.5 } }",
  ["alignment"] = "keep by BioViL-T's cosine of film and prompt: { at_least: 0.3 }",
  ["reid"] = "keep by the highest probability that a real film is of the same patient: { at_most: 0.85 }",
  ["distance"] = "keep by the distance to the nearest real film, of RAD-DINO's features: { at_least: 0.1 }",
  ["balance"] = "the most films of a pathology: { cap: 1000, pathologies: all, or a list }",
  ["files"] = "how the films come into the run folder: hardlink, symlink, copy or none",

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
  ["network"] = "resnet18, resnet34, resnet50, resnet101 or densenet121",
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

--- The texts with those of one experiment over them.
function help.with(own)
  local texts = {}
  for name, text in pairs(help.texts) do texts[name] = text end
  for name, text in pairs(own) do texts[name] = text end
  return texts
end

return help
