-- The object that an experiment's `run` function receives. This file is an experiment itself.
local chexgen = require "chexgen"
local tensor = require "chexgen.tensor"
local harness = require "harness"
local test, equal, raises = harness.test, harness.equal, harness.raises

local function check(run)
  test("fields", function()
    equal(run.params.batch, 16)
    equal(run.params.nested.list[2], "b")
    equal(run.seed, 42)
    equal(type(run.name), "string")
    equal(type(run.cell), "table")
    assert(io.open(run.dir .. "/run.yaml"), "the resolved config lies in the run folder")
    raises(function() run.params.batch = 3 end, "read-only")
    raises(function() run.params.nested.list[1] = 3 end, "read-only")
    raises(function() run.seed = 3 end, "seed")
    raises(function() return run.parms end, "parms", "params")
  end)

  test("record", function()
    run:record({ b = 2, a = 0.1, c = "x, \"y\"", d = true }, { "b", "a", "c", "d" })
    run:record({ b = 1 / 0, a = -0.0, c = "two\nlines" }, { "b", "a", "c", "d" })
    local file <close> = assert(io.open(run.dir .. "/results.csv"))
    local text = file:read "a"
    assert(text:find('b,a,c,d\n2,0.1,"x, ""y""",', 1, true), text)
    -- Later rows follow soon, and at the latest with the end of the cell.
    raises(function() run:record() end, "row", "table")
    raises(function() run:record { 1, 2 } end, "row")
    raises(function() run:record { a = print } end, "a")
    raises(function() run:record { a = tensor.ones { 2 } } end, "a")
    raises(function() run:record({ a = 1, z = 2 }, { "a" }) end, "columns", "z")
    raises(function() run:record({ a = 1 }, "a") end, "columns", "list")
    -- No reader of tables would take these.
    raises(function() run:record { a = "x\0y" } end, "row", "a: a NUL byte")
    raises(function() run:record { ["a\0"] = 1 } end, "row", "NUL byte")
    raises(function() run:record { a = ("x"):rep((1 << 20) + 1) } end, "a: a text of 1048577 bytes")
  end)

  test("once", function()
    local calls = 0
    local function compute()
      calls = calls + 1
      return { t = tensor.arange(3), list = { 1, "x", true }, number = 0.1, nested = { deep = { 1 } } }
    end
    local first, second = run:once("value", compute), run:once("value", compute)
    equal(calls, 1)
    assert(second.t == first.t and second.t:dtype() == "f32")
    equal({ second.list, second.number, second.nested.deep[1] }, { { 1, "x", true }, 0.1, 1 })
    equal(run:once("nothing", function() end), nil)
    equal(run:once("empty", function() return {} end), {})
    equal(run:once("tensor", function() return tensor.new({ 1, 2 }, "i64"):narrow(1, 2, 1) end):totable(), { 2 })
    equal(run:once("tensor", error):totable(), { 2 })
    raises(function() run:once("fails", function() error "mine" end) end, "mine")
    equal(run:once("fails", function() return 1 end), 1)
    raises(function() run:once("bad", function() return print end) end, "bad")
    raises(function() run:once("x") end, "compute", "function")
    raises(function() run:once(nil, print) end, "key")
    local cycle = {}
    cycle[1] = cycle
    raises(function() run:once("cycle", function() return cycle end) end)
  end)

  test("progress and log", function()
    local bar = run:progress(3, "steps")
    equal(rawequal(bar:step(), bar), true)
    bar:step(2, "the last ones")
    bar:close()
    equal(rawequal(run:progress(3):skip(2), nil), false)
    raises(function() run:progress(1):step(1, 2) end, "note", "string")
    raises(function() run:progress(1):skip() end, "n", "integer")
    do local closed <close> = run:progress(1) end
    raises(function() run:progress "x" end, "total", "integer")
    raises(function() run:progress(1):step "x" end, "n", "integer")
    run:log("%d images, %s, %.2f, %5s|%-5s|, 100%%", 3, "text", 0.125, "r", "l")
    local file <close> = assert(io.open(run.dir .. "/run.log"))
    assert(file:read("a"):find("3 images, text, 0.12,     r|l    |, 100%", 1, true))
    raises(function() run:log("%d", "x") end, "values", "integer")
    raises(function() run:log("%d") end, "values")
    raises(function() run:log("%y", 1) end, "format")
    raises(function() run:log() end, "format")
  end)

  test("artifact", function()
    local path = run:artifact "table.txt"
    assert(path:find(run.dir, 1, true))
    local file <close> = assert(io.open(path, "w"))
    file:write "text"
    assert(io.open(run:artifact("deep/er/file.txt"), "w"))
    raises(function() run:artifact "../outside" end)
    raises(function() run:artifact "/tmp/outside" end)
    raises(function() run:artifact "" end)
    raises(function() run:artifact() end, "name")
    raises(function() run:artifact("x", "all") end, "shared", "boolean")
    -- A run of one cell has one folder for the files of each cell and of all.
    equal(run:artifact("all.csv", true), run:artifact "all.csv")
    -- The run's own files are not in the way.
    for _, taken in ipairs { "results.csv", "run.yaml" } do assert(run:artifact(taken) ~= run.dir .. "/" .. taken) end
  end)

  test("cells", function()
    equal(#run.cells, 1)
    local cell = run.cells[1]
    equal({ cell.state, cell.message, next(cell.values) }, { "running" })
    assert(run:artifact("x.txt"):find(cell.artifacts, 1, true) and #cell.name == 12)
    raises(function() run.cells[1] = nil end, "read-only")
  end)

  test("publish", function()
    local path = run.dir .. "/shared.csv"
    run:publish(path, { { "FID", 1.5 }, { "Name", "a, b" } })
    local file <close> = assert(io.open(path))
    equal(file:read "a", 'FID,Name\n1.5,"a, b"\n')
    raises(function() run:publish(path, { "FID" }) end, "cells")
    raises(function() run:publish(path) end, "cells")
    raises(function() run:publish("/tmp/chexgen-elsewhere.csv", { { "FID", 1 } }) end, "chexgen-elsewhere.csv")
  end)

  test("the program", function()
    local before = chexgen.time()
    assert(type(before) == "number" and chexgen.time() >= before)
    assert(chexgen.version:find "^%d+%.%d+")
    assert(chexgen.tensor == tensor)
    raises(function() chexgen.time(1) end, "too many")
  end)

  harness.report()
end

-- What tells no problem lets the run begin; StartTests has those that do.
local function look(start)
  equal({ start.params.batch, start.dtype, start.seed }, { 16, "f32", 42 })
  start:needs(1, 1)
  start:folder "."
  raises(function() start:images() end, "path")
  raises(function() start:images(".", { pattrn = "*" }) end, "pattrn")
  raises(function() start:needs(-1) end, "disk")
  raises(function() start:table {} end, "path")
  raises(function() start:problem() end, "text")
  raises(function() start:weights() end, "path")
  start:results "made/later"
  raises(function() start:results() end, "path")
  raises(function() start:image_text("biovil", {}, "encoders.biovil-t") end, "biovil-t")
  raises(function() start:table("a.csv", {}, "csv", { images = "path" }) end, "images", "image")
end

return { about = "Tests of run.", check = look, params = { batch = 16, nested = { list = { "a", "b" } } }, run = check }
