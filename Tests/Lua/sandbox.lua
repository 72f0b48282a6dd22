-- What a script is given, and what it is not.
local harness = require "harness"
local test, equal, raises = harness.test, harness.equal, harness.raises
local scratch = SCRATCH or arg[#arg]

local function names(t)
  local list = {}
  for name in pairs(t) do list[#list + 1] = name end
  table.sort(list)
  return table.concat(list, " ")
end

test("the globals are these and no others", function()
  local allowed = {}
  for name in ([[_G _VERSION arg assert collectgarbage coroutine debug error getmetatable io ipairs load math next os pairs
    pcall print rawequal rawget rawlen rawset require select setmetatable string table tonumber tostring type utf8 warn
    xpcall SCRATCH]]):gmatch "%S+" do allowed[name] = true end
  for name in pairs(_G) do assert(allowed[name], tostring(name) .. " is new") end
  equal(names(debug), "traceback")
  for _, name in ipairs { "execute", "exit", "setlocale" } do equal(os[name], nil) end
  for _, name in ipairs { "popen" } do equal(io[name], nil) end
  equal(string.dump, nil)
end)

test("hashes of texts", function()
  equal(require("chexgen").sha256 "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
end)

test("folders are made where scripts may write", function()
  local chexgen = require "chexgen"
  local folder = scratch .. "/made/deep"
  chexgen.make_folder(folder)
  chexgen.make_folder(folder)
  assert(io.open(folder .. "/x", "w")):close()
  raises(function() chexgen.make_folder(folder .. "/x") end, "x")
  raises(function() chexgen.make_folder "/no/such" end, "/no/such", "may not write")
end)

test("files come to second places, and no link is a way to write", function()
  local chexgen = require "chexgen"
  local function written(name, text)
    local file <close> = assert(io.open(scratch .. "/" .. name, "w"))
    file:write(text)
    return scratch .. "/" .. name
  end
  local function read(path)
    local file <close> = assert(io.open(path, "rb"))
    return file:read "a"
  end
  local source = written("source.txt", "precious")
  for _, how in ipairs { "copy", "hardlink", "symlink" } do
    local target = scratch .. "/" .. how .. ".txt"
    chexgen.copy_file(source, target, how)
    equal(read(target), "precious")
    for _, mode in ipairs { "w", "a", "r+" } do
      local file, reason = io.open(target, mode)
      assert((file ~= nil) == (how == "copy") and (file or reason:find "link"), reason)
      if file then file:close() end
    end
  end
  equal(read(source), "precious")
  -- A name that is gone is no way any more: the file has one name again.
  assert(os.remove(scratch .. "/hardlink.txt"))
  assert(io.open(source, "a")):close()
  chexgen.copy_file(source, written("copy.txt", "old"))
  equal(read(scratch .. "/copy.txt"), "precious")
  raises(function() chexgen.copy_file(source, "/tmp/chexgen-elsewhere.txt") end, "chexgen-elsewhere.txt", "may not write")
  raises(function() chexgen.copy_file(source, scratch .. "/symlink.txt") end, "symbolic link")
  raises(function() chexgen.copy_file(scratch .. "/none", scratch .. "/x") end, "none: no such file")
  raises(function() chexgen.copy_file(scratch, scratch .. "/x") end, "a folder")
  raises(function() chexgen.copy_file(source, scratch .. "/x", "link") end, "how", "hardlink")
  raises(function() chexgen.copy_file(source) end, "to")
end)

test("load takes text only", function()
  equal(load("return 1 + 1")(), 2)
  equal(load("return x", "chunk", "t", { x = 3 })(), 3)
  local f, reason = load("\27Lua")
  assert(f == nil and type(reason) == "string")
  f, reason = load("return 1", "x", "b")
  assert(f == nil)
  f, reason = load("x =", "=mine")
  assert(reason:find "mine:1")
end)

test("errors keep their position and their object", function()
  local ok, reason = pcall(error, { code = 1 })
  equal(reason.code, 1)
  ok, reason = pcall(function() local x = nil + 1 end)
  assert(reason:find "sandbox.lua:%d+:")
  assert(select(2, xpcall(error, debug.traceback, "x")):find "stack traceback")
end)

test("files are read anywhere and written where it is allowed", function()
  local file = assert(io.open(scratch .. "/text", "w"))
  file:write("one\n", 2, "\n")
  file:close()
  local lines = {}
  for line in io.lines(scratch .. "/text") do lines[#lines + 1] = line end
  equal(lines, { "one", "2" })
  assert(os.rename(scratch .. "/text", scratch .. "/moved"))
  assert(os.remove(scratch .. "/moved"))
  equal(io.open(scratch .. "/moved"), nil)
  for _, path in ipairs { "/tmp/chexgen-elsewhere", scratch .. "/../chexgen-elsewhere" } do
    local opened, reason = io.open(path, "w")
    assert(not opened and reason:find "elsewhere", path)
  end
  raises(function() io.open(scratch .. "/x", "rw") end, "mode")
end)

test("what is read is bounded by what a file holds", function()
  local path = scratch .. "/small"
  assert(io.open(path, "w")):write("one\n22 3\nlast"):close()
  local function open() return assert(io.open(path)) end
  local whole = "one\n22 3\nlast"
  for _, count in ipairs { math.maxinteger, 1 << 40, 2.0 ^ 50, 100000 } do
    equal(open():read(count), whole)
    local file = open()
    equal({ file:read(3, "l", "n", count, count) }, { "one", "", 22, " 3\nlast" })
    equal({ file:read(count) }, {})
    equal(file:read(count), nil)
    local pieces = {}
    for piece in io.lines(path, count) do pieces[#pieces + 1] = piece end
    for piece, rest in open():lines("L", count) do pieces[#pieces + 1] = piece .. rest end
    equal(pieces, { whole, whole })
  end
  equal({ open():read(0, 2, "a") }, { "", "on", whole:sub(3) })
  raises(function() local file = open() file:close() file:read(1 << 40) end, "closed file")
  raises(function() open():read(1e300) end, "integer")
  local lines = {}
  for line in open():lines() do lines[#lines + 1] = line end
  equal(lines, { "one", "22 3", "last" })
  assert(os.remove(path))
end)

test("require", function()
  assert(require "harness" == harness)
  raises(function() require "no.such.module" end, "no.such.module")
  raises(function() require "../harness" end)
end)

test("the order of pairs is fixed", function()
  local t = {}
  for i = 20, 1, -1 do t["k" .. i] = i end
  local first = {}
  for key in pairs(t) do first[#first + 1] = key end
  local sorted = table.move(first, 1, #first, 1, {})
  table.sort(sorted)
  equal(first, sorted)
end)

test("Lua works as it is known", function()
  equal({ 7 // 2, 7 % 3, 2 ^ 10, 1 << 4, 7 / 2 }, { 3, 1, 1024.0, 16, 3.5 })
  equal(("%5.2f|%q"):format(1.5, "x"), ' 1.50|"x"')
  equal(("a,b"):gsub(",", ";"), "a;b")
  local co = coroutine.wrap(function(a) local b = coroutine.yield(a + 1) return b * 2 end)
  equal({ co(1), co(10) }, { 2, 20 })
  local closed = false
  do local x <close> = setmetatable({}, { __close = function() closed = true end }) end
  assert(closed)
  equal(utf8.char(228, 8364), "ä€")
  assert(math.type(1) == "integer" and os.time() > 0 and type(os.date()) == "string" and os.clock() >= 0)
end)

harness.report()
