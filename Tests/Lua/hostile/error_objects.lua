-- What a script throws without catching is shown, and the status is 1.
-- expect: 1
error(setmetatable({}, { __tostring = function() return nil end }))
