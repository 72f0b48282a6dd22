-- A handler that loops does not outlive the limit either.
-- options: --limit-seconds 0.5
-- expect: 1 time
while true do
  xpcall(function() error "x" end, function() while true do end end)
end
