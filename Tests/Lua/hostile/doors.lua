-- None of the doors out of the sandbox is there.
-- expect: 0 shut
for _, path in ipairs { "os.execute", "os.exit", "os.remove2", "io.popen", "package", "dofile", "loadfile", "debug.getregistry",
  "debug.sethook", "debug.getinfo", "debug.getupvalue", "debug.setupvalue", "debug.getlocal", "debug.setmetatable",
  "debug.getmetatable", "debug.upvaluejoin", "debug.setuservalue", "string.dump", "os.setlocale", "collectgarbage2" } do
  local value = _G
  for name in path:gmatch "%w+" do value = value and value[name] end
  assert(value == nil, path .. " is there")
end
print("shut")
