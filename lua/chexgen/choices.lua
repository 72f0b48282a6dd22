--- Checks of parameters that the experiments share.
local choices = {}

--- Raises where a parameter is none of the values that it may have.
function choices.one_of(name, value, known)
  for _, choice in ipairs(known) do
    if value == choice then return end
  end
  error(("params.%s: wanted one of %s, got \"%s\""):format(name, table.concat(known, ", "), value), 0)
end

return choices
