--- A few lines of test framework: `test(name, body)` runs a test, `report()` raises one error that lists all failures with
--- their file and line. A test file ends with `report()`.
local harness = { count = 0, failures = {} }

function harness.test(name, body)
  harness.count = harness.count + 1
  local ok, reason = xpcall(body, function(reason) return debug.traceback(tostring(reason), 2) end)
  if not ok then harness.failures[#harness.failures + 1] = name .. ": " .. reason end
end

function harness.report()
  local failures = table.concat(harness.failures, "\n")
  if #harness.failures > 0 then
    error(("%d of %d tests failed\n%s"):format(#harness.failures, harness.count, failures), 0)
  end
end

local function text(value)
  if type(value) ~= "table" then return type(value) == "string" and ("%q"):format(value) or tostring(value) end
  local parts = {}
  for key, item in pairs(value) do
    parts[#parts + 1] = (type(key) == "number" and "" or tostring(key) .. "=") .. text(item)
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

--- Compares numbers, strings and tables of them, by their contents.
function harness.equal(got, wanted, level)
  local a, b = text(got), text(wanted)
  if got ~= wanted and a ~= b then error(("wanted %s, got %s"):format(b, a), (level or 1) + 1) end
end

--- Compares a number, or a tensor through its nested lists, with a tolerance.
function harness.close(got, wanted, tolerance)
  tolerance = tolerance or 1e-5
  local function walk(a, b)
    if type(b) == "table" then
      if type(a) ~= "table" or #a ~= #b then error(("wanted %s, got %s"):format(text(wanted), text(got)), 4) end
      for i = 1, #b do walk(a[i], b[i]) end
    elseif type(a) ~= "number" or not (math.abs(a - b) <= tolerance) then
      error(("wanted %s, got %s"):format(text(b), text(a)), 4)
    end
  end
  if type(got) == "userdata" then got = got:totable() end
  local ok, reason = pcall(walk, got, wanted)
  if not ok then error(reason, 2) end
end

--- Checks that a call raises, and that the message holds every one of the texts.
function harness.raises(body, ...)
  local ok, reason = pcall(body)
  if ok then error("wanted an error, got none", 2) end
  for _, wanted in ipairs { ... } do
    if not tostring(reason):find(wanted, 1, true) then
      error(("wanted \"%s\" in the error, got: %s"):format(wanted, tostring(reason)), 2)
    end
  end
end

return harness
