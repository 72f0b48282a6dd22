-- chexgen.dataset as scripts see it. Choices of rows are pandas' and scikit-learn's.
local dataset = require "chexgen.dataset"
local tensor = require "chexgen.tensor"
local harness = require "harness"
local test, equal, raises = harness.test, harness.equal, harness.raises
local scratch = SCRATCH or arg[#arg]

local function written(name, text)
  local path = scratch .. "/" .. name
  local file <close> = assert(io.open(path, "w"))
  file:write(text)
  return path
end

local TABLE = [[
path,patientID,prompt,labels,view
p1/a.png,p1,"Edema, mild","{'Edema': 1.0, 'Pneumonia': 0.0}",PA
p1/b.png,p1,"No
finding",{},AP
p2/a.png,p2,"Edema, mild","{'Edema': -1.0}",PA
p3/a.png,p3,"A ""quoted"" word","{'Pneumonia': 1.0}",
]]
local path = written("table.csv", TABLE)
local ds = dataset.csv { path = path, image_dir = "images", image = "path", prompt = "prompt", labels = "labels", patient = "patientID" }

test("reading", function()
  equal(#ds, 4)
  equal(ds.columns, { "path", "patientID", "prompt", "labels", "view" })
  equal(ds[1].path, "p1/a.png")
  equal(ds[2].prompt, "No\nfinding")
  equal(ds[-1].prompt, 'A "quoted" word')
  equal(ds[1].image_path, "images/p1/a.png")
  equal(ds[1].labels.Edema, 1)
  equal(ds[1].labels.Pneumonia, 0)
  equal(ds[3].labels.Edema, -1)
  equal(ds[2].labels.Edema, nil)
  equal(ds[4].view, nil)
  equal(ds[5], nil)
  equal(ds[0], nil)
  assert(tostring(ds):find "4 rows" and tostring(ds[1]):find "p1/a.png")
  equal(#dataset.pathologies, 14)
  equal(ds:image_paths()[4], "images/p3/a.png")
  equal(ds:patients(), { "p1", "p1", "p2", "p3" })
  equal(dataset.images({ "x.png", "y.png" })[2].path, "y.png")
  equal(dataset.images({ "x.png" }):patients(), nil)
  local seen = {}
  for index, row in ds:rows() do seen[index] = row.path end
  equal(seen, { "p1/a.png", "p1/b.png", "p2/a.png", "p3/a.png" })
  local crlf = written("crlf.csv", "\xEF\xBB\xBFa,b\r\n1,\"x\r\ny\"\r\n2,z")
  equal(dataset.csv({ path = crlf }):column "b", { "x\r\ny", "z" })
end)

test("reading goes wrong", function()
  raises(function() dataset.csv {} end, "path")
  raises(function() dataset.csv { path = path, img = "path" } end, "img")
  raises(function() dataset.csv(path) end, "options", "table")
  raises(function() dataset.csv { path = scratch .. "/none.csv" } end, "none.csv")
  raises(function() dataset.csv { path = path, image = "pth" } end, "pth", "path")
  raises(function() dataset.csv { path = written("ragged.csv", "a,b\n1,2\n1,2,3\n") } end, "ragged.csv", "3")
  raises(function() dataset.csv { path = written("short.csv", "a,b\n1\n") } end, "short.csv", "2")
  raises(function() dataset.csv { path = written("open.csv", 'a,b\n1,"2\n') } end, "open.csv", "2")
  raises(function() dataset.csv { path = written("twice.csv", "a,a\n1,2\n") } end, "twice.csv", "a")
  raises(function() dataset.csv { path = written("empty.csv", "") } end, "empty.csv")
  raises(function()
    dataset.csv { path = written("code.csv", 'l\n"__import__(\'os\').system(\'id\')"\n'), labels = "l" }[1].labels.x = 1
  end, "code.csv")
  raises(function() dataset.images { "a", 1 } end, "paths[2]", "string")
  raises(function() return ds.colums end, "colums")
  raises(function() return ds[1].nothing end, "nothing")
  raises(function() ds[1] = 3 end)
  raises(function() ds[1].path = "x" end)
end)

test("choosing rows", function()
  equal(ds:unique("prompt"):column "path", { "p1/a.png", "p1/b.png", "p3/a.png" })
  equal(ds:filter(function(row) return row.view == "PA" end):column "path", { "p1/a.png", "p2/a.png" })
  equal(#ds:filter(function() return 0 end), 4)
  equal(#ds:filter(function() return nil end), 0)
  equal(#ds:with_label("Edema", 1), 1)
  equal(#ds:with_label("Edema", -1), 1)
  equal(#ds:with_label("Edema"), 2)
  equal(#ds:where_in("prompt", ds:with_label("Edema", 1):column "prompt"), 2)
  equal(#ds:where_in("path", {}), 0)
  equal(ds:dropna("view"):column "view", { "PA", "AP", "PA" })
  equal(ds:column("view")[4], false)
  equal(ds:head(2):column "path", { "p1/a.png", "p1/b.png" })
  equal(#ds:head(), 4)
  equal(ds:select({ 3, 1 }):column "path", { "p2/a.png", "p1/a.png" })
  equal(ds:select(tensor.new({ 4 }, "i64")):column "path", { "p3/a.png" })
  equal(#ds:concat(ds:head(1)), 5)
  equal(ds:select({ 3, 1 }):positions(ds):totable(), { 3, 1 })
  raises(function() ds:unique "promt" end, "promt", "prompt")
  raises(function() ds:column() end, "column")
  raises(function() ds:filter "PA" end, "keep", "function")
  raises(function() ds:filter(function() error "mine" end) end, "mine", "dataset.lua")
  raises(function() ds:with_label("Edama", 1) end, "Edama", "Edema")
  raises(function() ds:with_label("Edema", 2) end, "value")
  raises(function() ds:where_in("prompt", "x") end, "values", "list")
  raises(function() ds:where_in("promt", {}) end, "promt")
  raises(function() ds:dropna "x" end, "x")
  raises(function() ds:head "x" end, "n", "integer")
  raises(function() ds:select { 5 } end, "rows", "5")
  raises(function() ds:concat(dataset.images { "a" }) end, "column")
  raises(function() ds:concat {} end, "other", "Dataset")
  raises(function() ds:head(1):positions(dataset.images { "z" }) end)
  raises(function() ds:positions(ds:head(1)) end, "row 2")
  raises(function() ds:positions(3) end, "parent", "Dataset")
end)

test("random choices are pandas' and scikit-learn's", function()
  local names = {}
  for i = 1, 10 do names[i] = tostring(i) end
  local ten = dataset.images(names)
  equal(ten:sample({ n = 4, seed = 42 }):column "path", { "9", "2", "6", "1" })
  local train, held_out = ten:split { test = 0.3, seed = 42 }
  equal(train:column "path", { "1", "8", "3", "10", "5", "4", "7" })
  equal(held_out:column "path", { "9", "2", "6" })
  train, held_out = ds:split { test = 0.5, seed = 1, by = "patientID" }
  equal(#train + #held_out, 4)
  for _, patient in ipairs(train:patients()) do
    for _, other in ipairs(held_out:patients()) do assert(patient ~= other, "a patient on both sides") end
  end
  equal({ #ten:shard(1, 3), #ten:shard(2, 3), #ten:shard(3, 3) }, { 4, 3, 3 })
  equal(ten:shard(2, 3):column "path", { "5", "6", "7" })
  raises(function() ten:sample { n = 11 } end, "11", "10")
  raises(function() ten:sample {} end, "n")
  raises(function() ten:sample { n = 2, sed = 1 } end, "sed", "seed")
  raises(function() ten:split {} end, "test")
  raises(function() ten:split { test = 0 } end, "test")
  raises(function() ten:split { test = 0.5, by = "x" } end, "x")
  raises(function() ten:shard(4, 3) end, "4")
  raises(function() ten:shard(1) end, "n")
end)

test("blank cells give lists without holes", function()
  local blanks = dataset.csv { path = written("blanks.csv",
    "path,subject_id,prompt\nfiles/p10/p10000032/s1/a.png,,x\nb.png,,\nc.png,10000032.0,NA\nd.png,p10000032,y\n"),
    image = "path" }
  equal(blanks:column "prompt", { "x", false, false, "y" })
  equal(#blanks:column "prompt", 4)
  local patients, unnamed = blanks:patients()
  equal(unnamed, { 2 })
  equal({ #patients, patients[1], patients[3], patients[4] }, { 4, "10000032", "10000032", "10000032" })
  assert(patients[2]:find "row 2" and patients[2]:find "blanks.csv", patients[2])
  equal(blanks:patients({ from = "paths" })[1], "10000032")
  equal(dataset.images({ "x.png" }):patients { from = "paths" }, nil)
  -- pandas' isin: a blank among the values finds the blanks.
  equal(#blanks:where_in("prompt", blanks:column "prompt"), 4)
  equal(blanks:where_in("prompt", { "x", false }):column "path", { "files/p10/p10000032/s1/a.png", "b.png", "c.png" })
  equal(#blanks:where_in("prompt", { "x" }), 1)
  equal(#blanks:where_in("prompt", {}), 0)
  raises(function() blanks:where_in("prompt", { true }) end, "values", "boolean")
  -- And it can be given back.
  equal(blanks:with_column("again", blanks:column "prompt"):column "again", { "x", false, false, "y" })
  equal(dataset.table({ "a", "b" }, { { 1, false }, { false, "z" } }):column "b", { false, "z" })
  -- A patient stays on one side, a row without one is a patient of its own.
  for seed = 0, 9 do
    local a, b = blanks:split { test = 0.5, seed = seed, by = "subject_id" }
    equal(#a + #b, 4)
    local names, here, there = a:shared(b, "subject_id")
    equal({ names, here + there }, { {}, 3 })
  end
  local other = dataset.csv { path = written("other.csv", "path,subject_id\nb.png,10000032\n"), image = "path" }
  equal({ blanks:shared(other, "subject_id") }, { { "10000032" }, 3, 1 })
  local numbers = dataset.table({ "who" }, { { 7 }, { "patient7" } })
  raises(function() numbers:split { test = 1, by = "who" } end, "may be one patient")
  written("one.png", "film")
  written("two.png", "film")
  local one, two = dataset.images { scratch .. "/one.png" }, dataset.images { scratch .. "/two.png" }
  equal(one:shared_films(two), { { path = scratch .. "/one.png", other_path = scratch .. "/two.png" } })
  equal(one:shared_films(dataset.images { scratch .. "/other.csv" }), {})
  raises(function() one:shared_films(dataset.table({ "a" }, { { 1 } })) end, "image")
  raises(function() one:shared(two, "who") end, "who")
  raises(function() one:patients { from = "files" } end, "from")
end)

test("everyday tables", function()
  local index = dataset.csv { path = written("index.csv", ",path,prompt,\n0,a.png,x,\n\n1,b.png,y,\n") }
  equal(index.columns, { "Unnamed: 0", "path", "prompt" })
  equal(index:column "path", { "a.png", "b.png" })
  equal(index.passed_over, { blank_lines = 1, empty_columns = 1 })
  equal(ds.passed_over, { blank_lines = 0, empty_columns = 0 })
end)

test("labels", function()
  local labels = ds:labels_tensor { uncertain = 0.5, missing = 0 }
  equal(labels:shape(), { 4, 14 })
  equal(labels:dtype(), "f32")
  local edema
  for index, name in ipairs(dataset.pathologies) do if name == "Edema" then edema = index end end
  equal(labels:select(2, edema):totable(), { 1.0, 0.0, 0.5, 0.0 })
  raises(function() ds:labels_tensor { missing = 0 } end, "uncertain")
  raises(function() ds:labels_tensor { uncertain = 0 } end, "missing")
  raises(function() ds:labels_tensor() end)
  raises(function() ds:labels_tensor { uncertain = "x" } end, "uncertain", "number")
end)

test("phantoms", function()
  local image, phantom = require "chexgen.image", require "chexgen.phantom"
  local options = { n = 5, seed = 3, size = 64, folder = scratch .. "/films" }
  local films = phantom.dataset(options)
  equal(#films, 5)
  equal(films.columns, { "id", "path", "view", "chexpert_labels", "annotated_prompt", "patientID" })
  local first = image.load(films[1].image_path)
  equal({ first.width, first.height, first.mode }, { 64, 64, "gray" })
  local rows = {}
  for i, row in films:rows() do
    assert(#row.annotated_prompt > 20)
    rows[i] = row.annotated_prompt .. row.chexpert_labels
  end
  -- The same options give the same films, of which more only add some; another seed gives others.
  local more = phantom.dataset { n = 7, seed = 3, size = 64, folder = scratch .. "/more" }
  for i, row in films:rows() do
    equal(more[i].annotated_prompt .. more[i].chexpert_labels, rows[i])
    assert(image.load(more[i].image_path):tensor() == image.load(row.image_path):tensor())
  end
  local others = phantom.dataset { n = 5, seed = 4, size = 64, folder = scratch .. "/others" }
  assert(image.load(others[1].image_path):tensor() ~= first:tensor())
  -- Flawed films answer the same captions with other pictures.
  local flawed = phantom.dataset { n = 5, seed = 3, size = 64, flawed = true, folder = scratch .. "/flawed" }
  equal(flawed:column "annotated_prompt", films:column "annotated_prompt")
  assert(image.load(flawed[1].image_path):tensor() ~= first:tensor())
  -- Only what is asked for is drawn and told.
  local sick = phantom.dataset { n = 12, seed = 1, size = 64, pathologies = { "Pneumothorax" }, folder = scratch .. "/sick" }
  assert(#sick:with_label("Pneumothorax", 1) > 0)
  for _, row in sick:rows() do
    equal(row.labels.Pneumothorax == 1, row.annotated_prompt:find("apical pneumothorax", 1, true) ~= nil)
    for _, name in ipairs(dataset.pathologies) do
      if name ~= "Pneumothorax" and name ~= "No Finding" then assert(row.labels[name] ~= 1, name) end
    end
  end
  local well = phantom.dataset { n = 2, seed = 1, size = 64, pathologies = {}, folder = scratch .. "/well" }
  equal(#well:with_label("No Finding", 1), 2)

  -- Readers call airspace opacity by different names: its labels are no copies of each other.
  local opacities = phantom.dataset { n = 24, seed = 1, size = 64, pathologies = { "Consolidation" }, folder = scratch .. "/opacities" }
  local opaque, consolidated = #opacities:with_label("Lung Opacity", 1), #opacities:with_label("Consolidation", 1)
  local pneumonia = #opacities:with_label("Pneumonia", 1)
  assert(opaque > consolidated and opaque > pneumonia and consolidated > 0 and pneumonia > 0)

  raises(function() phantom.dataset { n = 2, size = 64 } end, "folder")
  raises(function() phantom.dataset { n = 0, folder = scratch .. "/films" } end, "n", "1 to 1000000", "0")
  raises(function() phantom.dataset { size = 4096, folder = scratch .. "/films" } end, "size", "4096")
  raises(function() phantom.dataset { seed = -1, folder = scratch .. "/films" } end, "seed", "-1")
  raises(function() phantom.dataset { sise = 64, folder = scratch .. "/films" } end, "sise", "size")
  raises(function() phantom.dataset { pathologies = { "Fracture" }, folder = scratch .. "/films" } end, "Fracture", "Edema")
  raises(function() phantom.dataset { pathologies = { "Edema", "Edema" }, folder = scratch .. "/films" } end, "twice")
  raises(function() phantom.dataset { n = 1, size = 64, folder = "/no/such" } end, "/no/such")
end)

test("writing", function()
  ds:write(scratch .. "/out.csv")
  local again = dataset.csv { path = scratch .. "/out.csv", labels = "labels" }
  for _, column in ipairs(ds.columns) do equal(again:column(column), ds:column(column)) end
  raises(function() ds:write() end, "path")
  raises(function() ds:write(scratch .. "/no/out.csv") end, "no/out.csv")
end)

test("tables of a script's own", function()
  local made = dataset.table({ "name", "value" }, { { "a, b", 1 }, { "c", 0.5 } })
  local path = scratch .. "/made.csv"
  made:write(path)
  local file <close> = assert(io.open(path))
  equal(file:read "a", 'name,value\n"a, b",1\nc,0.5\n')
  local more = made:select({ 2 }):with_column("file", { "x.png" })
  equal({ more.columns, more[1].file, more[1].name }, { { "name", "value", "file" }, "x.png", "c" })
  equal(more:with_column("name", { "d" })[1].name, "d")
  equal(#dataset.table({ "a" }, {}), 0)
  raises(function() made:with_column("file", { "x" }) end, "1 values for 2 rows")
  raises(function() made:with_column("", { "x", "y" }) end, "name")
  raises(function() dataset.table({ "a", "b" }, { { "x" } }) end, "row 1")
  raises(function() dataset.table({ "a" }, { { print } }) end, "rows", "function")
  raises(function() dataset.table({ "a", "a" }, {}) end, "columns")
end)

test("write_csv writes as pandas does", function()
  local path = scratch .. "/values.csv"
  local function text()
    local file <close> = assert(io.open(path))
    return file:read "a"
  end
  dataset.write_csv(path, { "name", "a,b", "n" }, {
    { 'x "y"', 0.1 + 0.2, 3 }, { "=cmd", 1e16, true }, { ["a,b"] = 1e-5, n = 0 / 0 }, { "- item", -1.5, "-2+3" },
  })
  equal(text(), 'name,"a,b",n\n"x ""y""",0.30000000000000004,3\n"=cmd",1e+16,True\n,1e-05,nan\n- item,-1.5,"-2+3"\n')
  -- f32 numbers have fewer digits than the same f64.
  local third = tensor.new({ 1 / 3 }, "f32"):totable()
  dataset.write_csv(path, { "p" }, { third }, { dtype = "f32" })
  equal(text(), "p\n0.33333334\n")
  dataset.write_csv(path, { "p" }, { third })
  equal(text(), "p\n0.3333333432674408\n")
  dataset.write_csv(path, { "p", "q" }, {})
  equal(text(), "p,q\n")
  equal(dataset.table({ "v" }, { { 0.1 + 0.2 }, { 100000.0 } }):column "v", { "0.30000000000000004", "100000.0" })
  raises(function() dataset.write_csv(path, { "p" }, { { 1, 2 } }) end, "row 1 has 2 values for 1 columns")
  raises(function() dataset.write_csv(path, { "p" }, { { 1 }, { q = 2 } }) end, 'row 2 has the field "q"')
  raises(function() dataset.write_csv(path, { "p", "p" }, {}) end, "columns")
  raises(function() dataset.write_csv(path, { "p" }, { { print } }) end, "rows[1][1]", "function")
  raises(function() dataset.write_csv(scratch .. "/no/v.csv", { "p" }, {}) end, "no/v.csv")
  -- No reader of tables would take these.
  raises(function() dataset.write_csv(path, { "p" }, { { 1 }, { "a\0b" } }) end, "rows", "row 2: a NUL byte")
  raises(function() dataset.write_csv(path, { "p\0" }, {}) end, "columns", "NUL byte")
  raises(function() dataset.write_csv(path, { "p" }, { { ("x"):rep((1 << 20) + 1) } }) end, "1048577 bytes")
  raises(function() dataset.table({ "v" }, { { "a\0b" } }) end, "NUL byte")
end)

test("folders", function()
  local folder = scratch .. "/nested"
  require "chexgen".make_folder(folder .. "/p1")
  written("nested/b_c.png", "x")
  written("nested/p1/a.jpg", "x")
  written("nested/p1/readme.md", "x")
  local films = dataset.folder { path = folder }
  equal(films:column "path", { "b_c.png", "p1/a.jpg" })
  equal(films[2].image_path, folder .. "/p1/a.jpg")
  equal(films.columns, { "path" })
  equal(dataset.folder({ path = folder, pattern = "p1/*" }):column "path", { "p1/a.jpg" })
  local named = dataset.folder { path = folder, prompts = "name", image = "file", prompt = "caption" }
  equal({ named.columns, named:column "caption" }, { { "file", "caption" }, { "b c", "a" } })
  raises(function() dataset.folder { path = folder, prompts = "txt" } end, "2 of 2 images have no .txt file", "b_c.png")
  written("nested/b_c.txt", "Mild edema.\n")
  written("nested/p1/a.txt", "Effusion")
  local texts = dataset.folder { path = folder, prompts = "txt" }
  equal(texts:column "prompt", { "Mild edema.", "Effusion" })
  dataset.write(texts, scratch .. "/films.csv")
  local again = dataset.csv { path = scratch .. "/films.csv", image_dir = folder, image = "path", prompt = "prompt" }
  equal({ again:column "prompt", again:image_paths() }, { texts:column "prompt", texts:image_paths() })
  raises(function() dataset.write(texts) end, "path")
  raises(function() dataset.write({}, scratch .. "/films.csv") end, "dataset", "Dataset")
  raises(function() dataset.folder {} end, "path")
  raises(function() dataset.folder { path = scratch .. "/nowhere" } end, "nowhere", "no such folder")
  raises(function() dataset.folder { path = scratch .. "/films.csv" } end, "films.csv", "a folder is wanted")
  raises(function() dataset.folder { path = folder, pattern = "*.gif" } end, "*.gif", "no image")
  raises(function() dataset.folder { path = folder, pattern = "[" } end, "pattern", "not closed")
  raises(function() dataset.folder { path = folder, prompts = "text" } end, "prompts", "txt")
  raises(function() dataset.folder { path = folder, prompt = "path" } end, "prompt", "two names")
end)

test("MIMIC-CXR-JPG", function()
  local folder = scratch .. "/mimic"
  require "chexgen".make_folder(folder)
  written("mimic/mimic-cxr-2.0.0-metadata.csv", "dicom_id,subject_id,study_id,ViewPosition\na-1,10000032,50414267,PA\n"
    .. "a-2,10000032,50414267,LATERAL\na-3,11000011,51000001,AP\na-4,11000011,51000002,AP\n")
  written("mimic/mimic-cxr-2.0.0-split.csv", "dicom_id,study_id,subject_id,split\na-1,50414267,10000032,test\n"
    .. "a-2,50414267,10000032,test\na-3,51000001,11000011,train\na-4,51000002,11000011,test\nz,1,2,test\n")
  local blank = (","):rep(#dataset.pathologies - 1)
  written("mimic/mimic-cxr-2.0.0-chexpert.csv", "subject_id,study_id," .. table.concat(dataset.pathologies, ",")
    .. "\n10000032,50414267,1.0" .. blank .. "\n")
  local films, lost = dataset.mimic_cxr { path = folder, split = "test", view = { "PA", "AP" } }
  equal(films:column "path", { "files/p10/p10000032/s50414267/a-1.jpg" })
  equal(films[1].image_path, folder .. "/files/p10/p10000032/s50414267/a-1.jpg")
  equal(films:patients(), { "10000032" })
  equal(films[1].labels[dataset.pathologies[1]], 1)
  equal({ lost.images, lost.kept, lost.split, lost.view, lost.no_labels, lost.no_split, lost.unknown }, { 4, 1, 1, 1, 1, 0, 1 })
  equal(#dataset.mimic_cxr { path = folder, labels = "none", view = "AP" }, 2)
  raises(function() dataset.mimic_cxr { path = folder, labels = "negbio" } end, "mimic-cxr-2.0.0-negbio.csv.gz", "no such file")
  raises(function() dataset.mimic_cxr { path = folder, split = "val" } end, "val", "validate")
  raises(function() dataset.mimic_cxr { path = folder, view = "pa" } end, "no image is left of 4", "LATERAL 1")
  raises(function() dataset.mimic_cxr {} end, "path")
  raises(function() dataset.mimic_cxr { path = folder, labels = "chexbert" } end, "labels")
  raises(function() dataset.mimic_cxr { path = folder, view = { 1 } } end, "view")
end)

test("a column more, and Python's draws", function()
  local ds = dataset.images { "a.png", "b.png" }
  local more = ds:with_column("side", { "left", "right" })
  equal({ more[2].side, more[2].image_path, #ds.columns }, { "right", "b.png", 1 })
  equal(more:with_column("side", { "x", "y" })[1].side, "x")
  raises(function() ds:with_column("side", { "left" }) end, "1 values", "2 rows")
  -- random.seed(42); random.sample(range(20000), 10000)
  equal(dataset.python_sample(20000, 10000):narrow(1, 1, 4):totable(), { 3649, 820, 9013, 8025 })
  equal(dataset.python_sample(5, 5, 1):sort():totable(), { 1, 2, 3, 4, 5 })
  raises(function() dataset.python_sample(3, 4) end, "n", "4")
end)

harness.report()
