-- `require` takes names of modules, not paths out of its folders.
-- expect: 0 kept inside
for _, name in ipairs { "../secret", "..secret", "/etc/passwd", "etc/../../etc/passwd", "...etc.passwd", "a\0b", "", ".",
  ("x"):rep(100000), "chexgen.nothing" } do
  local ok, reason = pcall(require, name)
  assert(not ok, "found " .. name:sub(1, 40))
  assert(type(reason) == "string" and #reason < 5000, "a huge reason")
end
print("kept inside")
