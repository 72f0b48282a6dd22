-- There is no way to make temporary files outside the run folder.
-- expect: 0 none
assert(not os.tmpname or not pcall(os.tmpname))
assert(not io.tmpfile or not pcall(io.tmpfile))
print("none")
