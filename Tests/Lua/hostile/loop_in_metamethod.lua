-- Chains of `__index`, `__close`, `__gc` and `__tostring` that never end.
-- options: --limit-seconds 0.5
-- expect: 1 time
local forever = function() while true do end end
local endless = setmetatable({}, { __index = forever, __tostring = forever, __close = forever, __eq = forever })
pcall(function() return endless.x end)
pcall(tostring, endless)
pcall(function() local x <close> = endless end)
